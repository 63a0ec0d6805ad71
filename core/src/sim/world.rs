//! The loop: time jumps to what comes next, what has arrived goes in, then what is due is done.

mod handshake;

use super::clients::{Ask, Clients};
use super::fault::Fault;
use super::link::Latency;
use super::mutation::Mutation;
use super::outside::Outside;
use super::plan::Plan;
use super::queue::{Event, What};
use super::report::Report;
use super::seen::{Seen, What as Shown};
use super::wire::Wire;
use crate::connection::Phase;
use crate::event::{ConnId, Input, Payload, Token};
use crate::hub::{Hub, Next, PolicyId};
use crate::policy::{Policy, Start};
use crate::time::{Instant, Now, Span};

/// How many connections one tick may visit.
const BUDGET: u32 = 1_024;
/// More than any burst that a server allows.
const FLOOD_PINGS: u32 = 60;
/// How often a burst ticks.
const BURST_TICKS: u32 = 16;
/// More wake-ups in a row than are early.
const IDLE_TICKS: u64 = 100_000;
/// Unix time at the beginning.
const WALL_ZERO_MS: u64 = 1_700_000_000_000;

pub(super) struct World<'a> {
    hub: Hub,
    policy: PolicyId,
    starts_ready: bool,
    mutation: Mutation,
    promised: Instant,
    asleep_until: Instant,
    wall_ahead_ms: i64,
    /// How often the hub has woken since the last input, which was of this number.
    idle_ticks: u64,
    inputs: u64,
    out: Outside<'a>,
}

impl<'a> World<'a> {
    #[allow(clippy::too_many_arguments, reason = "the parts of a scenario, put together in one place")]
    pub(super) fn new(
        policy: Policy,
        judged_as: Policy,
        plan: Plan,
        clients: u32,
        latency: Latency,
        wire: Wire,
        mutation: Mutation,
        watch: Option<&'a mut dyn FnMut(&Seen)>,
    ) -> Self {
        let mut hub = Hub::new(plan.seed, clients);
        let starts_ready = policy.application.and_then(|app| app.ask).is_some_and(|ask| ask.start == Start::Ready);
        let answers = super::outside::Answers::of(&policy);
        let policy = hub.register(policy);
        let out = Outside::new(judged_as, plan, Clients::new(clients), latency, wire, answers, mutation, watch);
        World {
            hub,
            policy,
            starts_ready,
            mutation,
            promised: Instant::NEVER,
            asleep_until: Instant::ZERO,
            wall_ahead_ms: 0,
            idle_ticks: 0,
            inputs: 0,
            out,
        }
    }

    pub(super) fn run(mut self) -> Report {
        self.begin();
        while let Some(now) = self.next_wake() {
            self.wake(now);
            if self.is_restless() {
                self.out.judge.is_restless();
                break;
            }
        }
        self.wake(self.out.plan.ends);
        self.end()
    }

    /// Whether the hub has woken so often without an input that it will for ever. Early wake-ups are lawful: one for each connection,
    /// and more.
    fn is_restless(&mut self) -> bool {
        self.idle_ticks = if self.out.inputs == self.inputs { self.idle_ticks + 1 } else { 0 };
        self.inputs = self.out.inputs;
        self.idle_ticks > IDLE_TICKS + u64::from(self.out.clients.len())
    }

    fn begin(&mut self) {
        self.out.now = self.now_at(Instant::ZERO);
        for client in 0..self.out.clients.len() {
            self.connect(client);
        }
        if !self.out.plan.faults.is_none() {
            self.pulse();
        }
        self.sweep();
        self.tick();
    }

    /// When something comes next, or `None` when the run is over.
    fn next_wake(&self) -> Option<Instant> {
        let next = self.out.queue.next_at().min(self.promised).max(self.asleep_until).max(self.out.now.at);
        (next < self.out.plan.ends).then_some(next)
    }

    /// R1: what has arrived goes in before what is due is done.
    fn wake(&mut self, at: Instant) {
        self.out.now = self.now_at(at);
        while let Some(event) = self.out.queue.pop_due(at) {
            self.happen(event);
        }
        if self.promised <= at {
            return self.tick();
        }
        self.ask_next();
        if self.promised <= at {
            self.tick();
        }
    }

    fn now_at(&self, at: Instant) -> Now {
        let wall_ms = WALL_ZERO_MS + at.as_nanos() / 1_000_000;
        Now::new(at, wall_ms.saturating_add_signed(self.wall_ahead_ms))
    }

    fn tick(&mut self) {
        loop {
            let next = self.advance(self.out.now);
            self.flush();
            if next != Next::Again {
                break;
            }
        }
        self.ask_next();
    }

    fn advance(&mut self, now: Now) -> Next {
        self.out.ticks += 1;
        self.out.show(now, 0, Shown::Tick { budget: BUDGET });
        self.out.judge.tick_begins(now.at);
        let next = self.hub.advance(now, BUDGET, &mut self.out);
        self.out.judge.tick_ends(next);
        next
    }

    /// What was written at once is told at once.
    fn flush(&mut self) {
        let mut flushed = core::mem::take(&mut self.out.flushed);
        for (id, input) in flushed.drain(..) {
            self.put(id, input);
        }
        self.out.flushed = flushed;
    }

    fn ask_next(&mut self) {
        self.promised = match self.hub.next_due() {
            _ if self.mutation == Mutation::NeverSleeps => self.out.now.at,
            Next::Again => self.out.now.at,
            Next::At(at) => at,
            Next::Idle => Instant::NEVER,
        };
        self.out.judge.asked(self.promised);
    }

    fn put(&mut self, id: ConnId, input: Input) {
        let now = self.out.now;
        self.out.inputs += 1;
        self.out.judge.input(id, now.at, input);
        self.out.show(now, super::judge::number(id), Shown::Input(input));
        if self.mutation == Mutation::LosesAnswers && matches!(input, Input::Bytes(_) | Input::Pong(_) | Input::Answer(_)) {
            return;
        }
        let phase = self.hub.input(now, id, input, &mut self.out);
        self.out.judge.settled(id, phase);
        if phase == Phase::Ended {
            self.out.ended(id);
        }
    }

    fn arrives(&mut self, id: ConnId, input: Input) {
        self.put(id, Input::Bytes(8));
        self.put(id, input);
    }

    fn happen(&mut self, event: Event) {
        let id = event.id;
        if self.out.clients.conn(event.client) != Some(id) && id.index != u32::MAX {
            return self.happen_late(event);
        }
        match event.what {
            What::Connects => self.connect(event.client),
            What::UnreadRequest { completes } => self.unread_request(event.client, id, completes),
            What::StillUnread => self.put(id, Input::Unread),
            What::Request { completes } => self.request(event.client, id, completes),
            What::Opens => self.opened(event.client, id),
            What::Asks => self.out.peer_asks(event.client, id, event.at),
            What::PingWritten(payload) => self.written(id, Input::PingFlushed(payload)),
            What::HeartbeatWritten(token) => self.written(id, Input::HeartbeatFlushed(token)),
            What::Progress => self.put(id, Input::Wrote(1)),
            What::Pong(payload) => self.arrives(id, Input::Pong(payload)),
            What::Answer(token) => self.arrives(id, self.out.wire.answer(token)),
            What::UnreadPong(payload) => self.unread(event, What::Pong(payload)),
            What::UnreadAnswer(token) => self.unread(event, What::Answer(token)),
            What::Heartbeat(token) => self.peer_speaks(id, token),
            What::UnreadHeartbeat(token) => self.unread(event, What::Heartbeat(token)),
            What::Damaged(draw) => {
                let input = self.out.wire.damaged(draw, self.out.now.wall_ms);
                self.arrives(id, input);
            }
            What::Bomb => {
                let input = self.out.wire.bomb(self.out.now.wall_ms);
                self.arrives(id, input);
            }
            What::PeerClose(code) => self.arrives(id, Input::PeerClose(code)),
            What::Lost => {
                self.put(id, Input::Lost);
            }
            What::Flood => (0..FLOOD_PINGS).for_each(|_| self.arrives(id, Input::Ping)),
            What::Pulse => self.pulse(),
            What::Sweep => self.sweep(),
        }
    }

    /// What was on its way to a connection that has ended: the hub is told of it, and shall do nothing.
    fn happen_late(&mut self, event: Event) {
        let input = match event.what {
            What::Pong(payload) | What::UnreadPong(payload) => Input::Pong(payload),
            What::Answer(token) | What::UnreadAnswer(token) => self.out.wire.answer(token),
            What::PingWritten(payload) => Input::PingFlushed(payload),
            What::HeartbeatWritten(token) => Input::HeartbeatFlushed(token),
            _ => return,
        };
        if self.out.clients.is_reused(event.id) {
            self.out.faults.count(Fault::SlotReuse);
        }
        self.put(event.id, input);
    }

    fn written(&mut self, id: ConnId, input: Input) {
        self.put(id, Input::Wrote(8));
        self.put(id, input);
    }

    fn unread(&mut self, event: Event, later: What) {
        self.put(event.id, Input::Bytes(1));
        self.put(event.id, Input::Unread);
        self.out.reads_later(event.client, event.id, later);
    }

    fn peer_speaks(&mut self, id: ConnId, token: Token) {
        let input = self.out.answers.peer_input(token);
        self.arrives(id, input);
    }

    // What befalls the host.

    fn pulse(&mut self) {
        if !self.out.is_stormy() {
            return;
        }
        let eighth = self.out.plan.a_while().part(8);
        let none = ConnId { index: u32::MAX, generation: 0 };
        self.out.queue.push(self.out.now.at.after(eighth), 0, none, What::Pulse);
        for fault in [Fault::ClockBackwards, Fault::ClockJump, Fault::HostStall, Fault::TickBurst, Fault::Drain, Fault::ReconnectStorm] {
            if self.out.strikes(fault) {
                self.out.faults.count(fault);
                self.strike(fault);
            }
        }
    }

    fn strike(&mut self, fault: Fault) {
        let now = self.out.now;
        match fault {
            Fault::ClockBackwards => {
                self.tick();
                let back = Span::from_nanos(self.out.rng.below(10_000_000_000));
                let _ = self.advance(Now { at: now.at.before(back), ..now });
                self.flush();
            }
            Fault::ClockJump => {
                self.wall_ahead_ms = i64::try_from(self.out.rng.below(7_200_000)).unwrap_or(0) - 3_600_000;
                self.out.now = self.now_at(now.at);
            }
            Fault::HostStall => {
                let longest = self.out.plan.reach.max(Span::from_secs(10));
                let until = now.at.after(Span::from_nanos(self.out.rng.below(longest.as_nanos())));
                self.asleep_until = self.out.plan.clip(until);
            }
            Fault::TickBurst => (0..BURST_TICKS).for_each(|_| self.tick()),
            Fault::Drain => self.everyone(1, Input::Drain),
            _ => self.everyone(4, Input::Lost),
        }
    }

    /// Every `nth` connection gets this input.
    fn everyone(&mut self, nth: u32, input: Input) {
        for client in (0..self.out.clients.len()).filter(|client| client % nth == 0) {
            if let Some(id) = self.out.clients.conn(client) {
                self.put(id, input);
            }
        }
    }

    fn sweep(&mut self) {
        self.out.judge.sweep();
        let none = ConnId { index: u32::MAX, generation: 0 };
        self.out.queue.push(self.out.now.at.after(self.out.plan.reach.part(2)), 0, none, What::Sweep);
    }

    fn end(mut self) -> Report {
        self.out.judge.sweep();
        let is_calm = self.out.plan.calm_from < self.out.plan.ends;
        let mut open = 0;
        for client in 0..self.out.clients.len() {
            let id = self.out.clients.conn(client);
            let is_open = id.and_then(|id| self.hub.connection(id)).is_some_and(|c| c.phase() == Phase::Open);
            open += u64::from(is_open);
            let id = id.unwrap_or(ConnId { index: client, generation: u32::MAX });
            if is_calm && !is_open {
                self.out.judge.found(id, "calm: the storm is over, and an honest peer is not connected");
            }
            if is_calm && self.out.plan.finds_the_dead && self.out.clients.is_dead(client) {
                self.out.judge.found(id, "calm: the storm is over, and a dead peer is still taken for alive");
            }
        }
        self.out.report(open, self.hub.stats().clone())
    }
}

impl Ask {
    /// What the transport is told when it was written.
    pub(super) const fn flushed(self) -> Input {
        match self {
            Ask::Ping(payload) => Input::PingFlushed(payload),
            Ask::Heartbeat(token) => Input::HeartbeatFlushed(token),
        }
    }

    /// The same as an event.
    pub(super) const fn written(self) -> What {
        match self {
            Ask::Ping(payload) => What::PingWritten(payload),
            Ask::Heartbeat(token) => What::HeartbeatWritten(token),
        }
    }

    /// Its answer.
    pub(super) const fn answer(self) -> What {
        match self {
            Ask::Ping(payload) => What::Pong(payload),
            Ask::Heartbeat(token) => What::Answer(token),
        }
    }

    /// The same, left unread at first.
    pub(super) const fn unread(self) -> What {
        match self {
            Ask::Ping(payload) => What::UnreadPong(payload),
            Ask::Heartbeat(token) => What::UnreadAnswer(token),
        }
    }

    /// An ask with another token in its place.
    pub(super) const fn with(self, number: u64) -> Self {
        match self {
            Ask::Ping(_) => Ask::Ping(Payload::Eight(number)),
            Ask::Heartbeat(_) => Ask::Heartbeat(Token(number)),
        }
    }

    pub(super) const fn number(self) -> u64 {
        match self {
            Ask::Ping(payload) => payload.token().0,
            Ask::Heartbeat(token) => token.0,
        }
    }
}
