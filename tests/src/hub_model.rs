//! A hub and a naive scan, side by side: they do the same, in the same order.

pub mod naive;
pub mod script;

use naive::{Event, Log, Naive};
use script::{Op, POLICIES, Say, Step, VARIANTS, variant};
use wsbeat_core::connection::{ConnectionRef, Phase};
use wsbeat_core::event::{Action, ConnId, Input, Payload, Token};
use wsbeat_core::hub::{Full, Hub, Next, PolicyId};
use wsbeat_core::time::{Instant, Now};

/// How many connections the hub may have.
pub const CONNECTIONS_MAX: u32 = 12;

/// Both. They are told the same, and compared after each call.
#[derive(Debug)]
pub struct Pair {
    /// The hub.
    pub hub: Hub,
    /// What the hub did.
    pub log: Log,
    /// The present of the caller, in ns; the hub may have seen a later one.
    pub now: u64,
    naive: Naive,
    policies: Vec<PolicyId>,
    gone: Vec<ConnId>,
    /// How much of the logs was found to be equal.
    compared: usize,
    wall_ms: u64,
    next: Instant,
}

impl Pair {
    /// Both without connections, with the policies from the variant `first` on.
    pub fn new(seed: u64, first: u8) -> Self {
        let mut hub = Hub::new(seed, CONNECTIONS_MAX);
        let variants: Vec<_> = (0..POLICIES as u8).map(|n| variant(first.wrapping_add(n) % VARIANTS)).collect();
        let policies = variants.iter().map(|policy| hub.register(policy.clone())).collect();
        Pair {
            hub,
            naive: Naive::new(seed, variants),
            log: Log::default(),
            policies,
            gone: vec![],
            compared: 0,
            now: 0,
            wall_ms: 1_492_420_468_027,
            next: Instant::NEVER,
        }
    }

    /// Moves the present, and Unix time by `wall_ms` milliseconds.
    pub fn step(&mut self, step: Step, wall_ms: u64) {
        self.wall_ms = self.wall_ms.wrapping_add(wall_ms);
        self.now = match step {
            Step::Stay => self.now,
            Step::On(nanos) => self.now.saturating_add(nanos),
            Step::Back(nanos) => self.now.saturating_sub(nanos),
            Step::ToNext if self.next == Instant::NEVER => self.now,
            Step::ToNext => self.now.max(self.next.as_nanos()),
        };
    }

    /// The present.
    pub fn present(&self) -> Now {
        Now::new(Instant::from_nanos(self.now), self.wall_ms)
    }

    /// Does the same to both, and compares what came of it.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Accept(policy, phase) => self.accept(*policy, *phase),
            Op::Input(who, say) => self.input(*who, *say),
            Op::Stale(who, input) => self.stale(*who, *input),
            Op::Advance(budget) => drop(self.advance(*budget)),
            Op::Replace(policy, by) => {
                self.hub.replace(self.present(), self.policies[*policy], variant(*by), &mut self.log);
                self.naive.replace(self.present(), *policy, variant(*by));
            }
        }
        self.compare();
    }

    /// What they did, what they counted, and who lives until when.
    pub fn compare(&mut self) {
        assert_eq!(self.log.0[self.compared..], self.naive.log.0[self.compared..]);
        self.compared = self.log.0.len();
        assert_eq!(self.hub.stats(), &self.naive.stats);
        assert!(self.hub.ids().eq(self.naive.members.iter().map(|member| member.id)));
        assert_eq!((self.hub.len(), self.hub.is_empty()), (self.naive.members.len(), self.naive.members.is_empty()));
        for member in &self.naive.members {
            let connection = self.hub.connection(member.id).expect("a live connection");
            assert_eq!(connection.phase(), member.connection.phase());
            assert_eq!(self.naive.deadline_in(member, connection), self.naive.deadline(member));
        }
    }

    /// Every field of every connection.
    pub fn compare_whole(&mut self) {
        self.compare();
        for member in &self.naive.members {
            let connection = self.hub.connection(member.id).expect("a live connection");
            assert_eq!(format!("{connection:?}"), format!("{:?}", member.connection.by_ref()));
        }
    }

    fn accept(&mut self, policy: usize, phase: Phase) {
        match self.hub.accept(self.present(), self.policies[policy]) {
            Ok(id) => {
                self.naive.accept(self.present(), policy, id);
                if phase == Phase::Open {
                    self.tell(id, Input::Opened);
                }
            }
            Err(full) => {
                assert_eq!(self.naive.members.len(), CONNECTIONS_MAX as usize);
                let connections_max = CONNECTIONS_MAX;
                assert_eq!(full, Full { connections_max });
            }
        }
    }

    fn last(&self, id: ConnId, find: impl Fn(Action) -> Option<Input>) -> Input {
        let found = self.log.0.iter().rev().find_map(|event| match event {
            Event::Action(of, action) if *of == id => find(*action),
            _ => None,
        });
        found.unwrap_or(Input::Bytes(1))
    }

    /// The input that is meant: the answer to what was sent last, and the like.
    pub fn resolve(&self, id: ConnId, say: Say) -> Input {
        let ping = |of: fn(Payload) -> Input| move |action| if let Action::Ping(p) = action { Some(of(p)) } else { None };
        let beat = |of: fn(Token) -> Input| move |action| if let Action::Heartbeat(t) = action { Some(of(t)) } else { None };
        match say {
            Say::Plain(input) => input,
            Say::PongLast => self.last(id, ping(Input::Pong)),
            Say::PingFlushedLast => self.last(id, ping(Input::PingFlushed)),
            Say::AnswerLast => self.last(id, beat(Input::Answer)),
            Say::HeartbeatFlushedLast => self.last(id, beat(Input::HeartbeatFlushed)),
        }
    }

    fn input(&mut self, who: usize, say: Say) {
        if self.naive.members.is_empty() {
            return;
        }
        let id = self.naive.members[who % self.naive.members.len()].id;
        self.tell(id, self.resolve(id, say));
    }

    fn tell(&mut self, id: ConnId, input: Input) {
        let phase = self.hub.input(self.present(), id, input, &mut self.log);
        if input == Input::Tick {
            // Time is the hub's: nothing happens.
            return assert_eq!(Some(phase), self.hub.connection(id).map(ConnectionRef::phase));
        }
        assert_eq!(phase, self.naive.input(self.present(), id, input), "{input:?}");
        if phase == Phase::Ended {
            self.gone.push(id);
        }
    }

    /// The model is not even told: nothing may come of it.
    fn stale(&mut self, who: usize, input: Input) {
        let never = ConnId { index: 3, generation: u32::MAX };
        let id = if self.gone.is_empty() { never } else { self.gone[who % self.gone.len()] };
        assert_eq!(self.hub.input(self.present(), id, input, &mut self.log), Phase::Ended);
        assert!(self.hub.connection(id).is_none());
    }

    /// Advances both; when to come again.
    ///
    /// What it gives is later than now and no later than any deadline.
    pub fn advance(&mut self, budget: u32) -> Next {
        let before = self.log.0.len();
        let next = self.hub.advance(self.present(), budget, &mut self.log);
        assert!(self.log.0[before..].is_sorted_by_key(|event| event.id()), "ids ascend");
        let left = self.naive.advance(self.present(), budget);
        assert_eq!(next == Next::Again, left);
        if self.naive.members.is_empty() {
            assert_eq!(next, Next::Idle);
        }
        match next {
            Next::Again => {}
            Next::At(at) => {
                assert!(at > self.naive.last, "later than now");
                assert!(at <= self.naive.next(), "never too late");
                self.next = at;
            }
            Next::Idle => {
                assert_eq!(self.naive.next(), Instant::NEVER);
                self.next = Instant::NEVER;
            }
        }
        next
    }
}
