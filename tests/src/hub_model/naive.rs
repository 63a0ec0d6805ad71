//! Connections in a list, all asked at each call.

use wsbeat_core::connection::{Beats, Connection, ConnectionRef, Phase};
use wsbeat_core::event::{Action, ConnId, Counter, Input, Plane, Sink, Token};
use wsbeat_core::hub::HubSink;
use wsbeat_core::policy::Policy;
use wsbeat_core::rng::Chance;
use wsbeat_core::stats::Stats;
use wsbeat_core::time::{Instant, Now, Span};

/// What came out, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// An action of a connection.
    Action(ConnId, Action),
    /// A round trip of a connection.
    Rtt(ConnId, Plane, Token, Span),
}

impl Event {
    /// Whose it is.
    pub fn id(self) -> ConnId {
        match self {
            Event::Action(id, _) | Event::Rtt(id, ..) => id,
        }
    }
}

/// What came out since the beginning.
#[derive(Debug, Default)]
pub struct Log(pub Vec<Event>);

impl HubSink for Log {
    fn action(&mut self, id: ConnId, action: Action) {
        self.0.push(Event::Action(id, action));
    }

    fn rtt(&mut self, id: ConnId, plane: Plane, token: Token, rtt: Span) {
        self.0.push(Event::Rtt(id, plane, token, rtt));
    }
}

/// The naive scan.
#[derive(Debug, Default)]
pub struct Naive {
    seed: u64,
    opened: u32,
    /// The latest present.
    pub last: Instant,
    /// The live connections, by id.
    pub members: Vec<Member>,
    policies: Vec<(Policy, Beats)>,
    /// What came out.
    pub log: Log,
    /// What was counted.
    pub stats: Stats,
}

/// One connection.
#[derive(Debug)]
pub struct Member {
    /// Its id.
    pub id: ConnId,
    policy: usize,
    /// It.
    pub connection: Connection,
}

struct NaiveSink<'a> {
    id: ConnId,
    log: &'a mut Log,
    stats: &'a mut Stats,
}

impl Sink for NaiveSink<'_> {
    fn action(&mut self, action: Action) {
        self.log.action(self.id, action);
    }

    fn count(&mut self, counter: Counter) {
        self.stats.add(counter);
    }

    fn rtt(&mut self, plane: Plane, token: Token, rtt: Span) {
        self.stats.record(plane, rtt);
        self.log.rtt(self.id, plane, token, rtt);
    }
}

impl Naive {
    /// No connections, these policies.
    pub fn new(seed: u64, policies: Vec<Policy>) -> Self {
        Naive { seed, policies: policies.into_iter().map(|policy| (policy, Beats::default())).collect(), ..Naive::default() }
    }

    fn observe(&mut self, now: Now) -> Now {
        let at = now.at.min(Instant::from_nanos(u64::MAX - 1));
        let now = Now { at, ..now };
        if now.at < self.last {
            self.stats.add(Counter::ClockBackwards);
            return Now { at: self.last, ..now };
        }
        self.last = now.at;
        now
    }

    /// A connection under way; the id is the hub's choice.
    pub fn accept(&mut self, now: Now, policy: usize, id: ConnId) {
        let now = self.observe(now);
        assert_eq!(id.generation, self.opened);
        assert!(self.members.iter().all(|member| member.id.index != id.index));
        let chance = Chance::new(self.seed, u64::from(self.opened));
        let connection = Connection::accepted(&self.policies[policy].0, now, chance);
        self.opened += 1;
        self.members.push(Member { id, policy, connection });
        self.members.sort_by_key(|member| member.id);
    }

    /// One step of the member at `place`; its deadline after it.
    fn call(&mut self, place: usize, now: Now, call: Call) -> Instant {
        let Member { id, policy, connection } = &mut self.members[place];
        let (policy, beats) = &mut self.policies[*policy];
        let mut sink = NaiveSink { id: *id, log: &mut self.log, stats: &mut self.stats };
        match call {
            Call::Input(input) => connection.step_shared(policy, beats, now, input, &mut sink),
            Call::Tick(lateness) => connection.tick(policy, beats, now, lateness, &mut sink),
        }
    }

    fn bury(&mut self) {
        self.members.retain(|member| member.connection.phase() != Phase::Ended);
    }

    /// An input to a live connection; its phase after it.
    pub fn input(&mut self, now: Now, id: ConnId, input: Input) -> Phase {
        let now = self.observe(now);
        let place = self.members.iter().position(|member| member.id == id).expect("a live member");
        let _ = self.call(place, now, Call::Input(input));
        let phase = self.members[place].connection.phase();
        self.bury();
        phase
    }

    /// Another policy in this place.
    pub fn replace(&mut self, now: Now, policy: usize, by: Policy) {
        let now = self.observe(now);
        self.policies[policy].0 = by;
        for place in 0..self.members.len() {
            if self.members[place].policy == policy {
                let _ = self.call(place, now, Call::Input(Input::Reconfigured));
            }
        }
        self.bury();
    }

    /// When `member` is due.
    pub fn deadline(&self, member: &Member) -> Instant {
        self.deadline_in(member, member.connection.by_ref())
    }

    /// When `connection` would be due in the place of `member`.
    pub fn deadline_in(&self, member: &Member, connection: ConnectionRef<'_>) -> Instant {
        connection.deadline(&self.policies[member.policy].0)
    }

    /// The earliest deadline.
    pub fn next(&self) -> Instant {
        self.members.iter().map(|m| self.deadline(m)).min().unwrap_or(Instant::NEVER)
    }

    fn due(&self, now: Instant) -> Vec<usize> {
        (0..self.members.len()).filter(|place| self.deadline(&self.members[*place]) <= now).collect()
    }

    /// Whether something is left that is due.
    pub fn advance(&mut self, now: Now, budget: u32) -> bool {
        let now = self.observe(now);
        let (lateness, due) = (now.at.since(self.next()), self.due(now.at));
        for place in due.iter().take(budget.max(1) as usize) {
            let deadline = self.call(*place, now, Call::Tick(lateness));
            assert!(deadline > now.at, "law 3: {deadline:?} at {:?}, late by {lateness:?}: {:?}", now.at, self.members[*place].connection);
        }
        self.bury();
        due.len() > budget.max(1) as usize
    }
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Input(Input),
    Tick(Span),
}
