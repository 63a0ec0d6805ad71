//! Doing what the hub said, and telling the handler.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant as StdInstant};

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{ConnId, Fault, Input};

use super::driver::Driver;
use super::handler::{Context, Handler};
use super::slot::Stage;
use super::world::{Act, Event};

/// How long a callback may take.
const CALLBACK_MAX: Duration = Duration::from_millis(1);

/// After one that took longer than this the clock is looked at.
const CALLBACK_LONG: Duration = Duration::from_micros(100);

impl<H: Handler> Driver<H> {
    /// Does what the hub said and tells the handler, until nothing is left. `delivery` is the message that was just put in.
    #[inline]
    pub(super) fn settle(&mut self, delivery: Option<Message<'_>>) {
        // Asked for after every step, and most steps leave nothing.
        if !self.world.is_settled() {
            self.settle_all(delivery);
        }
    }

    fn settle_all(&mut self, mut delivery: Option<Message<'_>>) {
        loop {
            if let Some((id, act)) = self.world.pending.actions.pop_front() {
                match (act, delivery) {
                    (Act::Deliver, Some(message)) => {
                        delivery = None;
                        self.call(id, "message", |handler, ctx| handler.message(ctx, message));
                    }
                    (act, _) => self.world.apply(id, act),
                }
            } else if let Some((id, plane, token, rtt)) = self.world.pending.rtts.pop_front() {
                self.call(id, "rtt", |handler, ctx| handler.rtt(ctx, plane, token, rtt));
            } else if let Some((id, event)) = self.world.events.pop_front() {
                self.tell(id, event);
            } else {
                return;
            }
        }
    }

    fn tell(&mut self, id: ConnId, event: Event) {
        match event {
            Event::Verdict(verdict, queued_bytes) => {
                tracing::debug!(target: "wsbeat", conn = id.number(), queued_bytes, "{verdict}");
                self.call(id, "verdict", |handler, ctx| handler.verdict(ctx, &verdict, queued_bytes));
            }
            Event::Note(note) => self.call(id, "note", |handler, ctx| handler.note(ctx, &note)),
            Event::Over => self.over(id),
        }
    }

    /// Drops a connection that has ended, and tells the handler where it knew of it.
    fn over(&mut self, id: ConnId) {
        let Some((mut slot, peer)) = self.world.remove(id) else { return };
        if !slot.opened {
            return;
        }
        self.world.shared.stats.ended.add(1);
        let end = std::mem::take(slot.end());
        if slot.stage == Stage::Open {
            // Without a close frame: dropped, or lost.
            self.world.counted.cut(end.verdict.as_ref());
        }
        // The descriptor is given back before the handler takes its time.
        drop(slot);
        self.call_with(id, peer, "close", |handler, ctx| handler.close(ctx, &end));
    }

    /// Calls the handler for a connection that is in the table.
    pub(super) fn call(&mut self, id: ConnId, name: &'static str, callback: impl FnOnce(&mut H, &mut Context<'_>)) {
        if let Some(peer) = self.world.peer(id) {
            self.call_with(id, peer, name, callback);
        }
    }

    /// Calls the handler for a connection that is open still.
    pub(super) fn call_open(&mut self, id: ConnId, name: &'static str, callback: impl FnOnce(&mut H, &mut Context<'_>)) {
        if self.world.stage(id) == Some(Stage::Open) {
            self.call(id, name, callback);
        }
    }

    fn call_with(&mut self, id: ConnId, peer: std::net::SocketAddr, name: &'static str, callback: impl FnOnce(&mut H, &mut Context<'_>)) {
        #[cfg(feature = "spans")]
        let _span = tracing::info_span!(target: "wsbeat", "callback", conn = id.number(), %peer, callback = name).entered();
        let Driver { handler, world, .. } = self;
        let mut ctx = Context { world, id, peer };
        let began = StdInstant::now();
        let result = catch_unwind(AssertUnwindSafe(|| callback(handler, &mut ctx)));
        let all = began.elapsed();
        if all > CALLBACK_LONG {
            self.look_at_clock();
        }
        let took = all.saturating_sub(std::mem::take(&mut self.world.callback_own));
        if took > CALLBACK_MAX {
            self.world.shared.stats.handler_slow.add(1);
            tracing::warn!(target: "wsbeat", conn = id.number(), callback = name, took_ms = took.as_millis() as u64, "slow callback");
        }
        if result.is_err() {
            self.world.shared.stats.handler_panics.add(1);
            tracing::error!(target: "wsbeat", conn = id.number(), callback = name, "a callback panicked: its connection is closed");
            self.world.input(id, Input::Fault(Fault::Handler));
        }
    }
}
