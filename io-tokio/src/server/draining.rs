//! The end of a driver: in order, or at once.

use wsbeat_core::event::{ConnId, Input};
use wsbeat_core::time::{Instant, Span};

use super::Ending;
use super::drain::Drain;
use super::driver::Driver;
use super::handler::Handler;
use super::slot::Stage;
use super::stats::Refusal;
use super::workers::Stop;

impl<H: Handler> Driver<H> {
    /// Moves a drain on. Returns how it all ended, once it has.
    pub(super) fn drain_on(&mut self) -> Option<Ending> {
        match self.world.workers.stop() {
            Stop::Running => return None,
            Stop::Draining => {}
            Stop::Now | Stop::Stopped => return Some(Ending::Shutdown),
        }
        if self.drain.is_none() {
            self.begin_drain();
        }
        let now = self.world.now.at;
        while self.drain.as_ref().is_some_and(|d| d.due() <= now) {
            let Some(id) = self.drain.as_mut().and_then(|d| d.left.pop_front()) else { break };
            self.drain_one(id);
        }
        if self.world.hub.is_empty() {
            return Some(Ending::Drained);
        }
        self.drain.as_ref().is_some_and(|d| d.ends <= now).then_some(Ending::TimeUp)
    }

    fn begin_drain(&mut self) {
        self.acceptor.close();
        let mut left: Vec<ConnId> = self.world.hub.ids().collect();
        for i in (1..left.len()).rev() {
            left.swap(i, self.rng.below(i as u64 + 1) as usize);
        }
        let (began, time) = (self.world.now.at, Span::from(self.drain_time));
        self.drain = Some(Drain { total: left.len() as u64, left: left.into(), began, spread: time.part(2), ends: began.after(time) });
    }

    pub(super) fn drain_one(&mut self, id: ConnId) {
        if self.world.stage(id) == Some(Stage::Handshake) {
            self.refuse(id, Refusal::Draining, "the server is shutting down");
        } else {
            self.world.input(id, Input::Drain);
        }
        self.settle(None);
    }

    pub(super) fn drain_due(&self) -> Instant {
        self.drain.as_ref().map_or(Instant::NEVER, |d| d.due().min(d.ends))
    }

    /// Drops every connection; the handler hears of each. Returns how many there were.
    pub(super) fn drop_all(&mut self) -> u64 {
        self.acceptor.close();
        let mut dropped = 0;
        for index in 0..self.world.slots.len() {
            let Some(id) = self.world.id_at(index) else { continue };
            dropped += 1;
            self.world.input(id, Input::Lost);
            self.settle(None);
        }
        dropped
    }
}
