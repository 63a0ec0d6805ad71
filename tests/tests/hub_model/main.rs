//! The hub is a naive scan: the same actions in the same order as a list of connections that are all asked at each call.

mod naive;
mod script;

use naive::{Event, Log, Naive};
use proptest::prelude::*;
use script::{Op, POLICIES, Say, Step, VARIANTS, op, say, step, variant};
use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::event::{Action, ConnId, Input, Payload, Token};
use wsbeat_core::hub::{Full, Hub, Next, PolicyId};
use wsbeat_core::time::{Instant, Now};

const CONNECTIONS_MAX: u32 = 12;

/// Both, side by side.
struct Pair {
    hub: Hub,
    naive: Naive,
    log: Log,
    policies: Vec<PolicyId>,
    gone: Vec<ConnId>,
    now: u64,
    wall_ms: u64,
    next: Instant,
}

impl Pair {
    fn new(seed: u64, first: u8) -> Self {
        let mut hub = Hub::new(seed, CONNECTIONS_MAX);
        let variants: Vec<_> = (0..POLICIES as u8).map(|n| variant(first.wrapping_add(n) % VARIANTS)).collect();
        let policies = variants.iter().map(|policy| hub.register(policy.clone())).collect();
        Pair {
            hub,
            naive: Naive::new(seed, variants),
            log: Log::default(),
            policies,
            gone: vec![],
            now: 0,
            wall_ms: 1_492_420_468_027,
            next: Instant::NEVER,
        }
    }

    fn step(&mut self, step: Step, wall_ms: u64) {
        self.wall_ms = self.wall_ms.wrapping_add(wall_ms);
        self.now = match step {
            Step::Stay => self.now,
            Step::On(nanos) => self.now.saturating_add(nanos),
            Step::Back(nanos) => self.now.saturating_sub(nanos),
            Step::ToNext if self.next == Instant::NEVER => self.now,
            Step::ToNext => self.now.max(self.next.as_nanos()),
        };
    }

    fn present(&self) -> Now {
        Now::new(Instant::from_nanos(self.now), self.wall_ms)
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Accept(policy, phase) => self.accept(*policy, *phase),
            Op::Input(who, say) => self.input(who, *say),
            Op::Stale(who, input) => self.stale(who, *input),
            Op::Advance(budget) => drop(self.advance(*budget)),
            Op::Replace(policy, by) => {
                self.hub.replace(self.present(), self.policies[*policy], variant(*by), &mut self.log);
                self.naive.replace(self.present(), *policy, variant(*by));
            }
        }
        self.compare();
    }

    fn compare(&mut self) {
        assert_eq!(self.log.0, self.naive.log.0);
        assert_eq!(self.hub.stats(), &self.naive.stats);
        let ids: Vec<_> = self.naive.members.iter().map(|member| member.id).collect();
        assert_eq!(self.hub.ids().collect::<Vec<_>>(), ids);
        assert_eq!((self.hub.len(), self.hub.is_empty()), (ids.len(), ids.is_empty()));
        for member in &self.naive.members {
            let connection = self.hub.connection(member.id).expect("a live connection");
            assert_eq!(format!("{connection:?}"), format!("{:?}", member.connection));
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

    fn resolve(&self, id: ConnId, say: Say) -> Input {
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

    fn input(&mut self, who: &prop::sample::Index, say: Say) {
        if self.naive.members.is_empty() {
            return;
        }
        let id = who.get(&self.naive.members).id;
        self.tell(id, self.resolve(id, say));
    }

    fn tell(&mut self, id: ConnId, input: Input) {
        let phase = self.hub.input(self.present(), id, input, &mut self.log);
        if input == Input::Tick {
            // Time is the hub's: nothing happens.
            return assert_eq!(Some(phase), self.hub.connection(id).map(Connection::phase));
        }
        assert_eq!(phase, self.naive.input(self.present(), id, input), "{input:?}");
        if phase == Phase::Ended {
            self.gone.push(id);
        }
    }

    /// The model is not even told: nothing may come of it.
    fn stale(&mut self, who: &prop::sample::Index, input: Input) {
        let never = ConnId { index: 3, generation: u32::MAX };
        let id = if self.gone.is_empty() { never } else { *who.get(&self.gone) };
        assert_eq!(self.hub.input(self.present(), id, input, &mut self.log), Phase::Ended);
        assert!(self.hub.connection(id).is_none());
    }

    fn advance(&mut self, budget: u32) -> Next {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_hub_does_what_a_naive_scan_does(
        seed in any::<u64>(),
        first in 0..VARIANTS,
        ops in prop::collection::vec((step(), 0..100u64, op()), 1..200),
    ) {
        let mut pair = Pair::new(seed, first);
        for (step, wall_ms, op) in &ops {
            pair.step(*step, *wall_ms);
            pair.apply(op);
        }
    }

    /// Left alone, every connection comes to its end or beats on, by exact jumps, without a wake-up at which time stands still.
    #[test]
    fn jumping_from_instant_to_instant_it_does_so_too(
        seed in any::<u64>(),
        first in 0..VARIANTS,
        begun in prop_oneof![4 => 0..10_000_000_000u64, 1 => u64::MAX - 40_000_000_000..u64::MAX],
        ops in prop::collection::vec((0..3_000_000_000u64, op()), 1..60),
    ) {
        let mut pair = Pair::new(seed, first);
        pair.now = begun;
        for (nanos, op) in &ops {
            let target = pair.now.saturating_add(*nanos);
            for _ in 0..500 {
                match pair.advance(2) {
                    Next::Again => {}
                    Next::At(at) if at.as_nanos() <= target => pair.now = at.as_nanos(),
                    Next::At(_) | Next::Idle => break,
                }
                pair.compare();
            }
            pair.now = target;
            pair.apply(op);
        }
    }

    /// What one connection is told, and whether it lives, changes nothing for the others (law 8).
    #[test]
    fn what_one_is_told_does_not_change_what_the_others_do(
        seed in any::<u64>(),
        variants in prop::collection::vec(3..VARIANTS, 4),
        script in prop::collection::vec((0..2_000_000_000u64, 0..4usize, say()), 1..120),
    ) {
        let told = isolated(seed, &variants, &script, true);
        let untold = isolated(seed, &variants, &script, false);
        assert_eq!(told, untold);
    }
}

/// Four connections that are never late; gives what all but the first do. `talk`: whether the first one is told anything.
fn isolated(seed: u64, variants: &[u8], script: &[(u64, usize, Say)], talk: bool) -> Vec<(u64, Event)> {
    let mut pair = Pair::new(seed, 0);
    let mut ids = vec![];
    for n in variants {
        let policy = pair.hub.register(variant(*n));
        let id = pair.hub.accept(pair.present(), policy).expect("room for four");
        pair.hub.input(pair.present(), id, Input::Opened, &mut pair.log);
        ids.push(id);
    }
    let mut others = vec![];
    for (nanos, who, say) in script {
        let target = pair.now + nanos;
        loop {
            let before = pair.log.0.len();
            let next = pair.hub.advance(pair.present(), 1, &mut pair.log);
            others.extend(pair.log.0[before..].iter().filter(|e| e.id() != ids[0]).map(|e| (pair.now, *e)));
            match next {
                Next::Again => {}
                Next::At(at) if at.as_nanos() <= target => pair.now = at.as_nanos(),
                Next::At(_) | Next::Idle => break,
            }
        }
        pair.now = target;
        if *who == 0 && !talk {
            continue;
        }
        let id = ids[*who];
        // What was left unread may become due in the past: then the hub is late for all of them.
        let input = match pair.resolve(id, *say) {
            Input::Unread => Input::Data,
            input => input,
        };
        let before = pair.log.0.len();
        pair.hub.input(pair.present(), id, input, &mut pair.log);
        others.extend(pair.log.0[before..].iter().filter(|e| e.id() != ids[0]).map(|e| (pair.now, *e)));
    }
    others
}

#[test]
fn equal_policies_share_an_id_and_others_do_not() {
    let mut hub = Hub::new(1, CONNECTIONS_MAX);
    let ids: Vec<_> = (0..VARIANTS).map(|n| hub.register(variant(n))).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert_eq!((0..VARIANTS).map(|n| hub.register(variant(n))).collect::<Vec<_>>(), ids);
}

#[test]
fn a_slot_is_used_again_and_its_old_id_stays_dead() {
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(variant(0));
    let now = Now::default();
    let first = hub.accept(now, policy).unwrap();
    assert_eq!(hub.accept(now, policy), Err(Full { connections_max: 1 }));
    assert_eq!(hub.input(now, first, Input::Lost, &mut |_, _| {}), Phase::Ended);
    let second = hub.accept(now, policy).unwrap();
    assert_eq!((second.index, second.generation), (first.index, first.generation + 1));
    assert_eq!(hub.input(now, first, Input::Opened, &mut |_, _| {}), Phase::Ended);
    assert_eq!(hub.connection(second).map(Connection::phase), Some(Phase::Handshake));
}

#[test]
fn a_policy_of_another_hub_is_no_policy() {
    let (mut hub, mut other) = (Hub::new(1, 1), Hub::new(1, 1));
    let foreign = (0..VARIANTS).map(|n| other.register(variant(n))).max().unwrap();
    let now = Now::default();
    hub.replace(now, foreign, variant(0), &mut |_, _| {});
    let id = hub.accept(now, foreign).unwrap();
    hub.input(now, id, Input::Opened, &mut |_, _| {});
    assert_eq!(hub.advance(Now::new(Instant::from_secs(1_000), 0), 9, &mut |_, _| {}), Next::Idle);
}
