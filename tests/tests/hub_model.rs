//! The hub is a naive scan: the same actions in the same order as a list of connections that are all asked at each call.

use proptest::prelude::*;
use wsbeat_core::connection::{Beats, Connection, Phase};
use wsbeat_core::event::{Action, ConnId, Counter, Fault, Input, Payload, Plane, Sink, Token};
use wsbeat_core::hub::{Full, Hub, HubSink, Next, PolicyId};
use wsbeat_core::policy::{
    Answers, Application, Ask, Cadence, Counts, Death, Listen, ListenFor, Matching, Policy, Profile, Start, Timing, TokenKind, Transport,
};
use wsbeat_core::rng::Chance;
use wsbeat_core::stats::Stats;
use wsbeat_core::time::{Instant, Now, Span};

const CONNECTIONS_MAX: u32 = 12;
const POLICIES: usize = 4;
const VARIANTS: u8 = 12;

/// What came out, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Action(ConnId, Action),
    Rtt(ConnId, Plane, Token, Span),
}

impl Event {
    fn id(self) -> ConnId {
        match self {
            Event::Action(id, _) | Event::Rtt(id, ..) => id,
        }
    }
}

#[derive(Default)]
struct Log(Vec<Event>);

impl HubSink for Log {
    fn action(&mut self, id: ConnId, action: Action) {
        self.0.push(Event::Action(id, action));
    }

    fn rtt(&mut self, id: ConnId, plane: Plane, token: Token, rtt: Span) {
        self.0.push(Event::Rtt(id, plane, token, rtt));
    }
}

/// The naive scan.
#[derive(Default)]
struct Naive {
    seed: u64,
    opened: u32,
    last: Instant,
    members: Vec<Member>,
    policies: Vec<(Policy, Beats)>,
    log: Log,
    stats: Stats,
}

struct Member {
    id: ConnId,
    policy: usize,
    connection: Connection,
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

    fn accept(&mut self, now: Now, policy: usize, id: ConnId) {
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
        let mut sink = NaiveSink {
            id: *id,
            log: &mut self.log,
            stats: &mut self.stats,
        };
        match call {
            Call::Input(input) => connection.step_shared(policy, beats, now, input, &mut sink),
            Call::Tick(lateness) => connection.tick(policy, beats, now, lateness, &mut sink),
        }
    }

    fn bury(&mut self) {
        self.members.retain(|member| member.connection.phase() != Phase::Ended);
    }

    fn input(&mut self, now: Now, id: ConnId, input: Input) -> Phase {
        let now = self.observe(now);
        let place = self.members.iter().position(|member| member.id == id).unwrap();
        let _ = self.call(place, now, Call::Input(input));
        let phase = self.members[place].connection.phase();
        self.bury();
        phase
    }

    fn replace(&mut self, now: Now, policy: usize, by: Policy) {
        let now = self.observe(now);
        self.policies[policy].0 = by;
        for place in 0..self.members.len() {
            if self.members[place].policy == policy {
                let _ = self.call(place, now, Call::Input(Input::Reconfigured));
            }
        }
        self.bury();
    }

    fn deadline(&self, member: &Member) -> Instant {
        member.connection.deadline(&self.policies[member.policy].0)
    }

    fn next(&self) -> Instant {
        self.members.iter().map(|m| self.deadline(m)).min().unwrap_or(Instant::NEVER)
    }

    fn due(&self, now: Instant) -> Vec<usize> {
        (0..self.members.len())
            .filter(|place| self.deadline(&self.members[*place]) <= now)
            .collect()
    }

    /// Whether something is left that is due.
    fn advance(&mut self, now: Now, budget: u32) -> bool {
        let now = self.observe(now);
        let (lateness, due) = (now.at.since(self.next()), self.due(now.at));
        for place in due.iter().take(budget.max(1) as usize) {
            let deadline = self.call(*place, now, Call::Tick(lateness));
            assert!(
                deadline > now.at,
                "law 3: {deadline:?} at {:?}, late by {lateness:?}: {:?}",
                now.at,
                self.members[*place].connection
            );
        }
        self.bury();
        due.len() > budget.max(1) as usize
    }
}

#[derive(Clone, Copy)]
enum Call {
    Input(Input),
    Tick(Span),
}

/// The policies under test: both planes, alone and together, every profile.
fn variant(n: u8) -> Policy {
    let ms = Span::from_millis;
    let transport = |profile| Transport {
        profile,
        interval: ms(5_000),
        timeout: ms(3_000),
        write_stall: ms(6_000),
        stall_after: ms(3_000),
        ..Transport::strict()
    };
    let with = |transport, application| Policy {
        transport,
        application,
        ..Policy::off()
    };
    match n % VARIANTS {
        0 => Policy::strict(),
        1 => with(
            Some(transport(Profile::Strict)),
            Some(beats(Cadence::Together, Timing::Beat, Death::MissesBefore(2))),
        ),
        2 => with(None, Some(beats(Cadence::Together, Timing::Beat, Death::MissesAfter(2)))),
        3 => with(None, Some(beats(Cadence::Spread, Timing::AfterIdle, Death::Timeout(ms(7_000))))),
        4 => with(
            Some(Transport {
                jitter_ppm: 300_000,
                adaptive: true,
                only_when_idle: true,
                ..transport(Profile::Strict)
            }),
            Some(beats(Cadence::Spread, Timing::AfterSilence, Death::Never)),
        ),
        5 => {
            let mut policy = with(Some(transport(Profile::Strict)), None);
            policy.limits.max_lifetime = Some(Span::from_secs(60));
            policy
        }
        n => with(Some(transport(Profile::ALL[n as usize % Profile::ALL.len()])), None),
    }
}

fn beats(cadence: Cadence, timing: Timing, death: Death) -> Application {
    let period = Span::from_secs(5);
    Application {
        ask: Some(Ask {
            period,
            cadence,
            start: Start::Jitter,
            timing,
            jitter_ppm: 0,
            death,
            counts: Counts::Written,
            matching: Matching::Window(2),
            answers: Answers::Matching,
            token: TokenKind::Timestamp,
            write_stall: period.times(2),
            stall_after: period,
        }),
        listen: (cadence == Cadence::Spread).then_some(Listen {
            limit: Span::from_secs(30),
            evidence: ListenFor::Bytes,
        }),
        answers_peer: true,
        feed_timeout: None,
        close_code: Some(4408),
    }
}

/// An input, as far as it can be said before the run.
#[derive(Clone, Copy, Debug)]
enum Say {
    Plain(Input),
    PongLast,
    PingFlushedLast,
    AnswerLast,
    HeartbeatFlushedLast,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Stay,
    On(u64),
    ToNext,
    Back(u64),
}

#[derive(Clone, Debug)]
enum Op {
    Accept(usize),
    Input(prop::sample::Index, Say),
    Stale(prop::sample::Index, Input),
    Advance(u32),
    Replace(usize, u8),
}

fn plain() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => Just(Input::Bytes(10)),
        2 => Just(Input::Ping),
        1 => any::<u64>().prop_map(|n| Input::Pong(Payload::Eight(n))),
        1 => Just(Input::Pong(Payload::Empty)),
        1 => any::<u64>().prop_map(|n| Input::Heartbeat(Token(n))),
        1 => any::<u64>().prop_map(|n| Input::Answer(Token(n))),
        2 => Just(Input::Data),
        1 => Just(Input::Ready),
        2 => Just(Input::Wrote(7)),
        1 => Just(Input::Sent),
        1 => Just(Input::Unread),
        1 => Just(Input::UserPing),
        1 => Just(Input::Reconfigured),
        1 => Just(Input::Tick),
        1 => prop_oneof![
            Just(Input::Fault(Fault::Malformed)),
            Just(Input::Fault(Fault::Protocol)),
            Just(Input::PeerClose(1000)),
            Just(Input::Lost),
            Just(Input::UserClose(1000)),
            Just(Input::Drain),
        ],
    ]
}

fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        6 => plain().prop_map(Say::Plain),
        6 => Just(Say::Plain(Input::Opened)),
        4 => Just(Say::PingFlushedLast),
        3 => Just(Say::PongLast),
        4 => Just(Say::HeartbeatFlushedLast),
        3 => Just(Say::AnswerLast),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let second = 1_000_000_000u64;
    prop_oneof![
        8 => Just(Step::Stay),
        4 => (0..3_000_000u64).prop_map(Step::On),
        4 => (0..5 * second).prop_map(Step::On),
        10 => Just(Step::ToNext),
        1 => (0..100 * second).prop_map(Step::On),
        1 => (0..3 * second).prop_map(Step::Back),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..POLICIES).prop_map(Op::Accept),
        20 => (any::<prop::sample::Index>(), say()).prop_map(|(who, say)| Op::Input(who, say)),
        1 => (any::<prop::sample::Index>(), plain()).prop_map(|(who, input)| Op::Stale(who, input)),
        12 => (0..4u32).prop_map(Op::Advance),
        4 => Just(Op::Advance(u32::MAX)),
        1 => (0..POLICIES, any::<u8>()).prop_map(|(policy, variant)| Op::Replace(policy, variant)),
    ]
}

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
            naive: Naive {
                seed,
                policies: variants.into_iter().map(|policy| (policy, Beats::default())).collect(),
                ..Naive::default()
            },
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
            Op::Accept(policy) => self.accept(*policy),
            Op::Input(who, say) => self.input(who, *say),
            Op::Stale(who, input) => self.stale(who, *input),
            Op::Advance(budget) => drop(self.advance(*budget)),
            Op::Replace(policy, by) => {
                self.hub
                    .replace(self.present(), self.policies[*policy], variant(*by), &mut self.log);
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
            let connection = self.hub.connection(member.id).unwrap();
            assert_eq!(format!("{connection:?}"), format!("{:?}", member.connection));
        }
    }

    fn accept(&mut self, policy: usize) {
        match self.hub.accept(self.present(), self.policies[policy]) {
            Ok(id) => self.naive.accept(self.present(), policy, id),
            Err(full) => {
                assert_eq!(self.naive.members.len(), CONNECTIONS_MAX as usize);
                assert_eq!(
                    full,
                    Full {
                        connections_max: CONNECTIONS_MAX
                    }
                );
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
        let input = self.resolve(id, say);
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
        let never = ConnId {
            index: 3,
            generation: u32::MAX,
        };
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
        let id = pair.hub.accept(pair.present(), policy).unwrap();
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
