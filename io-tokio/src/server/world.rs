//! Everything of a server but the user's handler: the hub, the table of connections, and what goes out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use wsbeat_core::connection::Phase;
use wsbeat_core::dialect::{Dialect, Encoder, Message};
use wsbeat_core::event::{Action, ConnId, Fault, Input, Note, Plane, Token, Verdict, VerdictKind};
use wsbeat_core::hub::{Hub, HubSink, Next, PolicyId};
use wsbeat_core::policy::{Policy, STALL_AFTER_MAX, Timing};
use wsbeat_core::time::{Instant, Now, Span};

use super::clock::Clock;
use super::config::ServerLimits;
use super::control::{CloseReason, PingPayload};
use super::emit::Cork;
use super::error::SendError;
use super::figures::Counted;
use super::frame;
use super::handle::{Handle, Live, Shared};
use super::output::Kind;
use super::per_ip::PerIp;
use super::slot::{Slot, Stage};
use super::stats::Refusal;
use crate::tape::Tape;

/// Everything of a server but the user's handler.
pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) policy: PolicyId,
    pub(super) clock: Clock,
    /// The present of this turn. Taken before the sockets are looked at: what had arrived by then was put in before time advances.
    pub(super) now: Now,
    pub(super) slots: Vec<Option<Slot>>,
    pub(super) limits: ServerLimits,
    pub(super) per_ip: PerIp,
    pub(super) dialect: Option<Arc<Dialect>>,
    encoder: Encoder,
    /// The policy wants to know what the user sends.
    pub(super) counts_sent: bool,
    pub(super) pending: Pending,
    pub(super) events: VecDeque<(ConnId, Event)>,
    /// The answer to the heartbeat that was just put in, as a frame.
    pub(super) answer: Vec<u8>,
    user_ping: Vec<u8>,
    user_close: CloseReason,
    /// Where frames are formatted.
    pub(super) scratch: Vec<u8>,
    pub(super) cork: Cork,
    /// Connections to be read again.
    pub(super) unread: VecDeque<ConnId>,
    /// When messages that are under way must be whole.
    assembling: BinaryHeap<Reverse<(Instant, ConnId)>>,
    pub(super) counted: Counted,
    pub(super) shared: Arc<Shared>,
}

/// What the hub said and was not done yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) actions: VecDeque<(ConnId, Action)>,
    pub(super) rtts: VecDeque<(ConnId, Plane, Token, Span)>,
    /// Where all of it is recorded, if anywhere.
    pub(super) tape: Option<Tape>,
}

impl HubSink for Pending {
    fn action(&mut self, id: ConnId, action: Action) {
        if let Some(tape) = &mut self.tape {
            tape.action(id, action);
        }
        self.actions.push_back((id, action));
    }

    fn rtt(&mut self, id: ConnId, plane: Plane, token: Token, rtt: Span) {
        self.rtts.push_back((id, plane, token, rtt));
    }
}

/// What the handler is told when its turn comes.
#[derive(Debug)]
pub(super) enum Event {
    /// A close or an abort was decided, with so many bytes waiting for the peer.
    Verdict(Verdict, usize),
    Note(Note),
    /// The hub is done with the connection.
    Over,
}

impl World {
    pub(super) fn new(policy: Policy, limits: ServerLimits, dialect: Option<Dialect>, seed: u64, shared: Arc<Shared>) -> Self {
        let counts_sent = policy.application.and_then(|a| a.ask).is_some_and(|ask| ask.timing == Timing::AfterSilence);
        let mut hub = Hub::new(seed, limits.connections_max);
        let clock = Clock::start();
        World {
            policy: hub.register(policy),
            hub,
            now: clock.now(),
            clock,
            slots: Vec::new(),
            per_ip: PerIp::new(limits.per_ip_max),
            limits,
            dialect: dialect.map(Arc::new),
            encoder: Encoder::default(),
            counts_sent,
            pending: Pending::default(),
            events: VecDeque::new(),
            answer: Vec::new(),
            user_ping: Vec::new(),
            user_close: CloseReason::empty(),
            scratch: Vec::new(),
            cork: Cork::default(),
            unread: VecDeque::new(),
            assembling: BinaryHeap::new(),
            counted: Counted::default(),
            shared,
        }
    }

    // The table.

    pub(super) fn slot(&mut self, id: ConnId) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(id.index as usize)?.as_mut()?;
        (slot.generation == id.generation).then_some(slot)
    }

    pub(super) fn stage(&mut self, id: ConnId) -> Option<Stage> {
        self.slot(id).map(|slot| slot.stage)
    }

    pub(super) fn id_at(&self, index: usize) -> Option<ConnId> {
        let slot = self.slots.get(index)?.as_ref()?;
        Some(ConnId { index: u32::try_from(index).ok()?, generation: slot.generation })
    }

    pub(super) fn insert(&mut self, id: ConnId, slot: Slot) {
        let index = id.index as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(slot);
    }

    /// Takes a connection out of the table, whatever still waits for it.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<Slot> {
        self.slot(id)?;
        let slot = self.slots[id.index as usize].take()?;
        self.cork.forget(id);
        self.per_ip.leave(slot.peer().ip());
        if slot.stage == Stage::Open {
            self.count_closed(id);
        }
        Some(slot)
    }

    fn count_closed(&self, id: ConnId) {
        self.shared.set_live(id, Live::No);
        self.shared.stats.open.set(self.shared.stats.open.get().saturating_sub(1));
    }

    pub(super) fn peer(&mut self, id: ConnId) -> Option<SocketAddr> {
        self.slot(id).map(|slot| slot.peer())
    }

    // The hub.

    pub(super) fn tick_clock(&mut self) {
        self.now = self.clock.now();
    }

    /// Puts an input in. What the hub wants done waits in [`Pending`].
    pub(super) fn input(&mut self, id: ConnId, input: Input) {
        self.record_input(id, input);
        let phase = self.hub.input(self.now, id, input, &mut self.pending);
        // An abort says so itself, behind its verdict.
        let is_aborted = matches!(self.pending.actions.back(), Some((of, Action::Abort(_))) if *of == id);
        if phase == Phase::Ended && !is_aborted && self.slot(id).is_some() {
            self.events.push_back((id, Event::Over));
        }
    }

    pub(super) fn advance(&mut self, budget: u32) -> Next {
        self.counted.timer_lag.look(self.now.at);
        self.record_advance(budget);
        self.hub.advance(self.now, budget, &mut self.pending)
    }

    /// Puts every connection under another policy.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.counts_sent = counts_sent(&policy);
        self.end_recording();
        self.hub.replace(self.now, self.policy, policy, &mut self.pending);
    }

    /// Does everything that the hub said, but what is the handler's.
    fn apply_all(&mut self) {
        while let Some((id, action)) = self.pending.actions.pop_front() {
            self.apply(id, action);
        }
    }

    /// Does one thing that the hub said.
    pub(super) fn apply(&mut self, id: ConnId, action: Action) {
        match action {
            Action::Ping(payload) => {
                self.with_scratch(|world, frame| {
                    frame::write_ping(payload.bytes(&mut [0; 8]), frame);
                    world.emit(id, frame, Kind::Ping(payload));
                });
            }
            Action::Heartbeat(token) => self.heartbeat(id, token),
            Action::Answer(_) => {
                let answer = std::mem::take(&mut self.answer);
                self.emit(id, &answer, Kind::Answer);
                self.answer = answer;
            }
            Action::UserPing => {
                let ping = std::mem::take(&mut self.user_ping);
                self.emit(id, &ping, Kind::Data);
                self.user_ping = ping;
            }
            Action::Close(verdict) => self.send_close(id, verdict),
            Action::Abort(verdict) => self.abort(id, verdict),
            Action::Note(note) => self.events.push_back((id, Event::Note(note))),
            // The driver hands messages to the handler where it has them: see `Driver::settle`.
            Action::Deliver => {}
        }
    }

    fn heartbeat(&mut self, id: ConnId, token: Token) {
        let Some(dialect) = &self.dialect else { return };
        let mut frame = std::mem::take(&mut self.scratch);
        frame.clear();
        frame::write_message(dialect.heartbeat(token, &mut self.encoder), &mut frame);
        self.emit(id, &frame, Kind::Heartbeat(token));
        self.scratch = frame;
    }

    fn send_close(&mut self, id: ConnId, verdict: Verdict) {
        let Some(slot) = self.slot(id) else { return };
        let was_open = slot.stage == Stage::Open;
        let queued_bytes = slot.queued_bytes();
        slot.end().verdict = Some(verdict);
        let unreadable = matches!(verdict.kind, VerdictKind::PeerClosed | VerdictKind::Protocol | VerdictKind::TooBig);
        let kind = match verdict.kind {
            VerdictKind::User | VerdictKind::Drain | VerdictKind::Lifetime => Kind::CloseBehind,
            _ => Kind::CloseInstead,
        };
        self.with_scratch(|world, frame| {
            let user = std::mem::take(&mut world.user_close);
            let reason = match verdict.kind {
                VerdictKind::User => user.reason(),
                _ => verdict.reason,
            };
            frame::write_close(verdict.code, reason, frame);
            world.emit(id, frame, kind);
        });
        if let Some(slot) = self.slot(id) {
            slot.stage = if unreadable { Stage::Discarding } else { Stage::Closing };
        }
        if unreadable {
            self.shut_when_written(id);
        }
        if was_open {
            self.count_closed(id);
            self.counted.closed(&verdict);
        }
        self.events.push_back((id, Event::Verdict(verdict, queued_bytes)));
    }

    fn abort(&mut self, id: ConnId, verdict: Verdict) {
        let Some(slot) = self.slot(id) else { return };
        let queued_bytes = slot.queued_bytes();
        slot.end().verdict.get_or_insert(verdict);
        if verdict.kind == VerdictKind::WriteStalled {
            // The kernel would keep what the peer does not take for minutes: a reset gives it back at once.
            let _ = socket2::SockRef::from(&slot.stream).set_linger(Some(std::time::Duration::ZERO));
        }
        if verdict.kind == VerdictKind::Handshake {
            self.shared.stats.refuse(Refusal::HandshakeTimeout);
        }
        self.events.push_back((id, Event::Verdict(verdict, queued_bytes)));
        self.events.push_back((id, Event::Over));
    }

    fn with_scratch(&mut self, work: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        work(self, &mut scratch);
        self.scratch = scratch;
    }

    // What the user asks for.

    pub(super) fn send(&mut self, id: ConnId, message: Message<'_>) -> Result<(), SendError> {
        let mut frame = std::mem::take(&mut self.scratch);
        frame.clear();
        frame::write_message(message, &mut frame);
        let sent = self.send_frame(id, &frame);
        self.scratch = frame;
        sent
    }

    pub(super) fn ping(&mut self, id: ConnId, payload: &PingPayload) -> Result<(), SendError> {
        self.user_ping.clear();
        frame::write_ping(payload.as_bytes(), &mut self.user_ping);
        self.room(id, self.user_ping.len())?;
        if let Some(tape) = &mut self.pending.tape {
            tape.user_ping(payload.as_bytes());
        }
        self.input(id, Input::UserPing);
        self.apply_all();
        Ok(())
    }

    pub(super) fn close(&mut self, id: ConnId, reason: &CloseReason) {
        if self.stage(id) != Some(Stage::Open) {
            return;
        }
        self.user_close = reason.clone();
        if let Some(tape) = &mut self.pending.tape {
            tape.user_close(reason.reason());
        }
        self.input(id, Input::UserClose(reason.code()));
        self.apply_all();
    }

    pub(super) fn broadcast(&mut self, message: Message<'_>) -> usize {
        let frame = frame::message(message);
        self.broadcast_frame(&frame)
    }

    pub(super) fn count(&self) -> usize {
        usize::try_from(self.shared.stats.open.get()).unwrap_or(usize::MAX)
    }

    pub(super) fn queued_bytes(&self, id: ConnId) -> usize {
        let slot = self.slots.get(id.index as usize).and_then(Option::as_ref);
        slot.filter(|slot| slot.generation == id.generation).map_or(0, Slot::queued_bytes)
    }

    pub(super) fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    // Messages under way.

    /// Sees to it that a message that began at `since` is looked at when it must be whole.
    pub(super) fn arm_assembly(&mut self, id: ConnId, since: Instant) {
        let due = since.after(self.limits.assembly.into());
        let Some(slot) = self.slot(id) else { return };
        if !slot.assembly_armed {
            slot.assembly_armed = true;
            self.assembling.push(Reverse((due, id)));
        }
    }

    /// Faults messages that are not whole in time. Returns when to come again.
    pub(super) fn expire_assembly(&mut self) -> Instant {
        let (now, limit) = (self.now.at, Span::from(self.limits.assembly));
        while let Some(Reverse((due, id))) = self.assembling.peek().copied() {
            if due > now {
                return due;
            }
            self.assembling.pop();
            let Some(slot) = self.slot(id) else { continue };
            slot.assembly_armed = false;
            let is_unread = slot.unread;
            let Some(partial) = slot.busy.as_mut().and_then(|b| b.partial.as_mut()) else { continue };
            // As the core has it (R5, R11): what came while the host stalled, or is still unread, could not be seen.
            if is_unread || now.since(due) > limit.min(STALL_AFTER_MAX) {
                partial.since = now;
            }
            let since = partial.since;
            if since.after(limit) <= now {
                self.input(id, Input::Fault(Fault::Assembly));
            } else {
                self.arm_assembly(id, since);
            }
        }
        Instant::NEVER
    }
}

/// Whether the core has to know of every message that the user sends.
fn counts_sent(policy: &Policy) -> bool {
    let ask = policy.application.and_then(|a| a.ask);
    ask.is_some_and(|ask| ask.timing == Timing::AfterSilence)
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now).field("open", &self.count()).finish_non_exhaustive()
    }
}
