//! Everything of a server but the user's handler: the hub, the table of connections, and what goes out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use wsbeat_core::connection::Phase;
use wsbeat_core::dialect::{Dialect, Encoder};
use wsbeat_core::event::{Action, ConnId, Input, Note, Payload, Plane, Token, Verdict, VerdictKind};
use wsbeat_core::hub::{Full, Hub, HubSink, Next, PolicyId};
use wsbeat_core::policy::{Policy, Timing};
use wsbeat_core::time::{Instant, Now, Span};

use super::addresses::Addresses;
use super::agreements::Agreements;
use super::config::{Numbering, ServerConfig, ServerLimits};
use super::control::CloseReason;
use super::cork::Cork;
use super::figures::Counted;
use super::frame;
use super::output::Kind;
use super::presence::Presence;
use super::shared::{Live, Shared};
use super::slot::{Slot, Stage};
use super::stats::Refusal;
use super::workers::Workers;
use crate::dense::clock::Clock;
use crate::tape::Tape;

/// For how many connections there is a place from the beginning.
const SLOTS_RESERVED: u32 = 1 << 17;
/// So many places are kept when nobody is left.
const SLOTS_KEPT: usize = 1_024;

/// Everything of a server but the user's handler.
pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) policy: PolicyId,
    pub(super) clock: Clock,
    /// The present of this turn. Taken before the sockets are looked at: what had arrived by then was put in before time advances.
    pub(super) now: Now,
    pub(super) slots: Vec<Option<Slot>>,
    pub(super) addresses: Addresses,
    pub(super) limits: ServerLimits,
    pub(super) dialect: Option<Arc<Dialect>>,
    encoder: Encoder,
    pub(super) agreements: Agreements,
    /// The policy wants to know what the user sends.
    pub(super) counts_sent: bool,
    pub(super) pending: Pending,
    pub(super) events: VecDeque<(ConnId, Event)>,
    /// The answer to the heartbeat that was just put in, as a frame.
    pub(super) answer: Vec<u8>,
    pub(super) user_ping: Vec<u8>,
    pub(super) user_close: CloseReason,
    /// What the callback that runs had us do, of the things that take long.
    pub(super) callback_own: std::time::Duration,
    /// Where frames are formatted.
    pub(super) scratch: Vec<u8>,
    pub(super) cork: Cork,
    /// Connections to be read again.
    pub(super) unread: VecDeque<ConnId>,
    /// When messages that are under way must be whole, by the clock of `presence`.
    pub(super) assembling: BinaryHeap<Reverse<(Instant, ConnId)>>,
    pub(super) presence: Presence,
    pub(super) counted: Counted,
    /// What others see of this worker.
    pub(super) shared: Arc<Shared>,
    pub(super) workers: Arc<Workers>,
}

/// What the hub said and was not done yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) actions: VecDeque<(ConnId, Act)>,
    pub(super) rtts: VecDeque<(ConnId, Plane, Token, Span)>,
    /// The handler has a use for them.
    pub(super) wants_rtt: bool,
    /// Where all of it is recorded, if anywhere.
    pub(super) tape: Option<Tape>,
}

impl HubSink for Pending {
    fn action(&mut self, id: ConnId, action: Action) {
        if let Some(tape) = &mut self.tape {
            tape.action(id, action);
        }
        let act = match action {
            Action::Ping(payload) => Act::Ping(payload),
            Action::Heartbeat(token) => Act::Heartbeat(token),
            Action::Answer(_) => Act::Answer,
            Action::Deliver => Act::Deliver,
            Action::UserPing => Act::UserPing,
            Action::Close(verdict) => Act::Close(Box::new(verdict)),
            Action::Abort(verdict) => Act::Abort(Box::new(verdict)),
            Action::Note(note) => Act::Note(note),
        };
        self.actions.push_back((id, act));
    }

    fn rtt(&mut self, id: ConnId, plane: Plane, token: Token, rtt: Span) {
        if !self.wants_rtt {
            return;
        }
        self.rtts.push_back((id, plane, token, rtt));
    }
}

/// An [`Action`] while it waits: a ping and a heartbeat are small, and those that are not are rare.
#[derive(Debug)]
pub(super) enum Act {
    Ping(Payload),
    Heartbeat(Token),
    Answer,
    Deliver,
    UserPing,
    Close(Box<Verdict>),
    Abort(Box<Verdict>),
    Note(Note),
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
    /// The world of worker number `place`, whose share of all is `shared`.
    pub(super) fn new(policy: Policy, config: &ServerConfig, clock: Clock, shared: Arc<Shared>, workers: Arc<Workers>, place: u32) -> Self {
        let limits = config.limits;
        let Numbering { first, step } = config.numbers();
        let mut hub = Hub::new(config.seed, limits.connections_max).numbered(first + place, step);
        World {
            counts_sent: counts_sent(&policy),
            policy: hub.register(policy.clone()),
            hub,
            now: clock.now(),
            clock,
            slots: Vec::new(),
            addresses: Addresses::default(),
            limits,
            dialect: config.dialect.clone().map(Arc::new),
            encoder: Encoder::default(),
            agreements: Agreements::over(policy),
            pending: Pending::default(),
            events: VecDeque::new(),
            answer: Vec::new(),
            user_ping: Vec::new(),
            user_close: CloseReason::empty(),
            callback_own: std::time::Duration::ZERO,
            scratch: Vec::new(),
            cork: Cork::default(),
            unread: VecDeque::new(),
            assembling: BinaryHeap::new(),
            presence: Presence::new(),
            counted: Counted::default(),
            shared,
            workers,
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
        if self.slots.capacity() == 0 {
            // Space that was never written is no memory yet; growing would leave old places behind.
            self.slots.reserve_exact(self.limits.connections_max.min(SLOTS_RESERVED) as usize);
        }
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(slot);
    }

    /// Takes a connection out of the table, whatever still waits for it.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<(Slot, SocketAddr)> {
        self.slot(id)?;
        let slot = self.slots[id.index as usize].take()?;
        self.cork.forget(id);
        let peer = slot.peer(&self.addresses);
        self.addresses.leave(slot.address());
        self.workers.leave(peer.ip());
        if slot.stage == Stage::Open {
            self.count_closed(id);
        }
        Some((slot, peer))
    }

    /// Gives back what a crowd took, when nobody is left of it.
    pub(super) fn release(&mut self) {
        if self.slots.len() <= SLOTS_KEPT || self.slots.iter().any(Option::is_some) {
            return;
        }
        self.slots = Vec::new();
        self.assembling.shrink_to(SLOTS_KEPT);
        self.workers.release();
    }

    /// Gives back what a rush took, as after a stall, when it is worked off.
    pub(super) fn trim(&mut self) {
        trim(&mut self.unread);
        trim(&mut self.events);
        trim(&mut self.pending.actions);
        trim(&mut self.pending.rtts);
    }

    fn count_closed(&self, id: ConnId) {
        self.shared.set_live(id, Live::No);
        self.shared.stats.open.set(self.shared.stats.open.get().saturating_sub(1));
    }

    pub(super) fn peer(&self, id: ConnId) -> Option<SocketAddr> {
        let slot = self.slots.get(id.index as usize)?.as_ref()?;
        (slot.generation == id.generation).then(|| slot.peer(&self.addresses))
    }

    // The hub.

    /// A connection that has a place.
    pub(super) fn accept(&mut self) -> Result<ConnId, Full> {
        let id = self.hub.accept(self.now, self.policy)?;
        self.record_accept(id);
        Ok(id)
    }

    pub(super) fn tick_clock(&mut self) {
        self.now = self.clock.now();
    }

    /// Puts an input in. What the hub wants done waits in [`Pending`].
    pub(super) fn input(&mut self, id: ConnId, input: Input) {
        self.record_input(id, input);
        let phase = self.hub.input(self.now, id, input, &mut self.pending);
        // An abort says so itself, behind its verdict.
        let is_aborted = matches!(self.pending.actions.back(), Some((of, Act::Abort(_))) if *of == id);
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
        self.replace_policies(policy);
    }

    /// Whether nothing is left to be done, nor told to the handler.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.actions.is_empty() && self.pending.rtts.is_empty() && self.events.is_empty()
    }

    /// Does everything that the hub said, but what is the handler's.
    pub(super) fn apply_all(&mut self) {
        while let Some((id, action)) = self.pending.actions.pop_front() {
            self.apply(id, action);
        }
    }

    /// Does one thing that the hub said.
    pub(super) fn apply(&mut self, id: ConnId, act: Act) {
        match act {
            Act::Ping(payload) => {
                self.with_scratch(|world, frame| {
                    frame::write_ping(payload.bytes(&mut [0; 8]), frame);
                    world.emit(id, frame, Kind::Ping(payload));
                });
            }
            Act::Heartbeat(token) => self.heartbeat(id, token),
            Act::Answer => {
                let answer = std::mem::take(&mut self.answer);
                self.emit(id, &answer, Kind::Answer);
                self.answer = answer;
            }
            Act::UserPing => {
                let ping = std::mem::take(&mut self.user_ping);
                self.emit(id, &ping, Kind::Data);
                self.user_ping = ping;
            }
            Act::Close(verdict) => self.send_close(id, *verdict),
            Act::Abort(verdict) => self.abort(id, *verdict),
            Act::Note(note) => self.events.push_back((id, Event::Note(note))),
            // The driver hands messages to the handler where it has them: see `Driver::settle`.
            Act::Deliver => {}
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
        match verdict.kind {
            VerdictKind::Handshake => self.shared.stats.refuse(Refusal::HandshakeTimeout),
            VerdictKind::CloseTimeout => self.shared.stats.close_timeouts.add(1),
            _ => {}
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
}

fn trim<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > SLOTS_KEPT {
        queue.shrink_to(SLOTS_KEPT);
    }
}

/// Whether the core has to know of every message that the user sends.
fn counts_sent(policy: &Policy) -> bool {
    let ask = policy.application.and_then(|a| a.ask);
    ask.is_some_and(|ask| ask.timing == Timing::AfterSilence)
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now).field("open", &self.shared.stats.open.get()).finish_non_exhaustive()
    }
}
