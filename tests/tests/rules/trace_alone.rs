//! A connection that stands alone, as a client's does, is recorded by the same recorder and replays exactly in a hub.

use proptest::prelude::*;
use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::event::{Action, ConnId, Input, Payload, Token};
use wsbeat_core::policy::{Policy, PolicyConfig};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now};
use wsbeat_core::trace::{Header, Recorder, Ticks, Trace, TraceLimits};
use wsbeat_tests::arbitrary::{Happening, happening, strict};
use wsbeat_tests::trace::differences;

const ID: ConnId = ConnId { index: 0, generation: 0 };

struct Alone {
    policy: Policy,
    connection: Connection,
    deadline: Instant,
    recorder: Recorder,
    trace: String,
    now: Now,
    done: Vec<(Instant, Action)>,
}

impl Alone {
    fn new(header: &Header) -> Self {
        let (policy, now, mut trace) = (header.policy().unwrap(), Now::new(Instant::from_secs(3), 1_492_420_468_027), String::new());
        let connection = Connection::accepted(&policy, now, Chance::new(header.seed, 0));
        let mut recorder = Recorder::start(header, &mut trace);
        recorder.accept(now, ID, &mut trace);
        let mut alone = Alone { policy, connection, deadline: Instant::NEVER, recorder, trace, now, done: vec![] };
        alone.input(Input::Opened);
        alone
    }

    fn input(&mut self, input: Input) {
        if self.connection.phase() == Phase::Ended {
            return;
        }
        match input {
            Input::Tick => self.recorder.tick(self.now, u32::MAX, &mut self.trace),
            _ => self.recorder.input(self.now, ID, input, &mut self.trace),
        }
        let mut actions = vec![];
        self.deadline = self.connection.step(&self.policy, self.now, input, &mut |action| actions.push(action));
        for action in actions {
            self.recorder.action(self.now, ID, action, &mut self.trace);
            self.done.push((self.now.at, action));
        }
    }

    fn pings(&self) -> Vec<Payload> {
        self.done.iter().filter_map(|(_, a)| if let Action::Ping(payload) = a { Some(*payload) } else { None }).collect()
    }

    fn tokens(&self) -> Vec<Token> {
        self.done.iter().filter_map(|(_, a)| if let Action::Heartbeat(token) = a { Some(*token) } else { None }).collect()
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Wait(span) => {
                self.now.at = self.now.at.after(span).min(Instant::from_nanos(u64::MAX - 1));
                self.now.wall_ms += span.as_nanos() / 1_000_000 / 2;
            }
            Happening::Due if self.deadline != Instant::NEVER => {
                self.now.at = self.now.at.max(self.deadline);
                self.input(Input::Tick);
            }
            Happening::Due => {}
            Happening::Tick => self.input(Input::Tick),
            Happening::Input(Input::Reconfigured) => {}
            Happening::Input(input) => self.input(input),
            Happening::Pong(n) => {
                if let Some(payload) = self.pings().into_iter().rev().nth(n.into()) {
                    self.input(Input::Pong(payload));
                }
            }
            Happening::Answer(n) => {
                if let Some(token) = self.tokens().into_iter().rev().nth(n.into()) {
                    self.input(Input::Answer(token));
                }
            }
            Happening::Flush => {
                if let Some(payload) = self.pings().pop() {
                    self.input(Input::PingFlushed(payload));
                }
                if let Some(token) = self.tokens().pop() {
                    self.input(Input::HeartbeatFlushed(token));
                }
            }
        }
    }
}

fn header() -> impl Strategy<Value = Header> {
    let dialect = prop_oneof![1 => Just(None), 3 => proptest::sample::select(Dialect::presets()).prop_map(Some)];
    let config = prop_oneof![Just(PolicyConfig::default()), strict()];
    (any::<u64>(), dialect, config).prop_filter_map("settings that go together", |(seed, dialect, config)| {
        let header = Header { seed, ticks: Ticks::Recorded, role: Role::Client, dialect, config };
        header.policy().is_ok().then_some(header)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_connection_alone_replays_to_the_same_actions(header in header(), steps in proptest::collection::vec(happening(), 1..100)) {
        let mut alone = Alone::new(&header);
        steps.into_iter().for_each(|step| alone.happens(step));
        let mut done = vec![];
        let trace = Trace::read(alone.trace.as_bytes(), TraceLimits::default()).unwrap();
        trace.replay(None, |d| done.push((d.at, d.action))).unwrap();
        prop_assert_eq!(&done, &alone.done, "{}", alone.trace);
        prop_assert_eq!(differences(&alone.trace).unwrap(), "");
    }
}
