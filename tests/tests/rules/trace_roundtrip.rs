//! A recorded trace replays exactly, whatever happened: late ticks, unread input, small budgets and a clock that runs
//! backwards included.

use proptest::prelude::*;
use wsbeat_core::connection::Phase;
use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Negotiated, Role};
use wsbeat_core::event::{Action, ConnId, Fault, Input, Payload, Token};
use wsbeat_core::hub::{Hub, Next, PolicyId};
use wsbeat_core::policy::{Policy, PolicyConfig};
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_core::trace::{Digest, Header, Recorder, Ticks, Trace, TraceLimits, conn_of};
use wsbeat_tests::arbitrary::{Happening, happening, start_ns, strict, transport};
use wsbeat_tests::trace::differences;

/// What happens to a hub.
#[derive(Clone, Debug)]
enum Step {
    Accept,
    /// Accepted and opened at once.
    Open,
    To(usize, Happening),
    Message(usize, &'static str),
    Binary(usize, Vec<u8>),
    UserClose(usize, u16, &'static str),
    Advance(u32),
    Backwards(Span),
    Wall(u64),
    Reconfigure(Box<PolicyConfig>),
}

fn step() -> impl Strategy<Value = Step> {
    let messages = [
        "{\"pong\":1}",
        "{\"ping\":5}",
        "{\"ping\":\"x\"}",
        "pong",
        "ping",
        "2",
        "3",
        "{}",
        "\n",
        "{\"sub\":\"market\",\"id\":\"1\"}",
        "{\"type\":\"pong\"}",
        "{\"id\":\"1\",\"type\":\"welcome\",\"pingInterval\":3000,\"pingTimeout\":700}",
        "{\"id\":\"1\",\"type\":\"welcome\",\"pingInterval\":-3}",
        "{\"id\":\"1\",\"type\":\"welcome\",\"pingTimeout\":99999999999999999}",
        "\u{5fc3}\u{0}\"",
    ];
    let conn = 0usize..6;
    prop_oneof![
        2 => Just(Step::Accept),
        2 => Just(Step::Open),
        24 => (conn.clone(), happening()).prop_map(|(conn, what)| Step::To(conn, what)),
        4 => (conn.clone(), proptest::sample::select(messages.to_vec())).prop_map(|(conn, text)| Step::Message(conn, text)),
        1 => (conn.clone(), proptest::collection::vec(any::<u8>(), 0..9)).prop_map(|(conn, bytes)| Step::Binary(conn, bytes)),
        1 => (conn, proptest::sample::select(vec![0u16, 1000, 4000])).prop_map(|(conn, code)| Step::UserClose(conn, code, "bye \"you\"")),
        4 => (0u32..4).prop_map(Step::Advance),
        1 => (0u64..90_000_000_000).prop_map(|n| Step::Backwards(Span::from_nanos(n))),
        2 => prop_oneof![Just(0), Just(u64::MAX), 1_492_420_000_000u64..1_492_430_000_000].prop_map(Step::Wall),
        1 => prop_oneof![strict(), transport()].prop_map(|config| Step::Reconfigure(Box::new(config))),
    ]
}

fn header() -> impl Strategy<Value = Header> {
    let dialect = prop_oneof![1 => Just(None), 3 => proptest::sample::select(Dialect::presets()).prop_map(Some)];
    let config = prop_oneof![1 => Just(PolicyConfig::default()), 1 => strict(), 1 => transport()];
    let role = prop_oneof![2 => Just(Role::Server), 1 => Just(Role::Client)];
    (any::<u64>(), dialect, config, role, any::<bool>()).prop_filter_map(
        "settings that go together",
        |(seed, dialect, config, role, fast)| {
            let interval = fast.then(|| std::time::Duration::from_millis(1_700));
            let config = PolicyConfig { interval, ..config };
            let header = Header { seed, ticks: Ticks::Recorded, role, dialect, config };
            header.policy().is_ok().then_some(header)
        },
    )
}

/// A hub at work, recorded.
struct Live {
    header: Header,
    hub: Hub,
    policy: PolicyId,
    dialect: Option<Dialect>,
    decoder: Decoder,
    recorder: Recorder,
    trace: String,
    now: Now,
    /// The present as the hub takes it.
    last: Instant,
    next: Instant,
    conns: Vec<(ConnId, Vec<Action>)>,
    done: Vec<(Instant, u64, Action)>,
}

impl Live {
    fn new(header: Header, start: u64) -> Self {
        let mut trace = String::new();
        let recorder = Recorder::start(&header, &mut trace);
        let mut hub = Hub::new(header.seed, 100);
        Live {
            policy: hub.register(header.policy().unwrap()),
            hub,
            dialect: header.dialect.as_ref().map(|d| d.tuned(&header.config).unwrap()),
            decoder: Decoder::default(),
            recorder,
            trace,
            now: Now::new(Instant::from_nanos(start), 1_492_420_468_027),
            last: Instant::ZERO,
            next: Instant::NEVER,
            conns: vec![],
            done: vec![],
            header,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Accept => {
                self.accept();
            }
            Step::Open => {
                let id = self.accept();
                self.input(id, Input::Opened);
            }
            Step::To(conn, happening) => self.happens(conn, happening),
            Step::Message(conn, text) => self.message(conn, Message::Text(text)),
            Step::Binary(conn, bytes) => self.message(conn, Message::Binary(&bytes)),
            Step::UserClose(conn, code, reason) => {
                let Some(id) = self.id(conn) else { return };
                self.recorder.user_close(reason);
                self.input(id, Input::UserClose(code));
            }
            Step::Advance(budget) => self.advance(if budget == 3 { u32::MAX } else { budget }),
            Step::Backwards(span) => self.now.at = self.now.at.before(span),
            Step::Wall(ms) => self.now.wall_ms = ms,
            Step::Reconfigure(config) => {
                let header = Header { config: *config, ..self.header.clone() };
                let Ok(policy) = header.policy() else { return };
                self.recorder.reconfigure(self.now, &header, &mut self.trace);
                self.dialect = header.dialect.as_ref().map(|d| d.tuned(&header.config).unwrap());
                self.header = header;
                self.replace(policy);
            }
        }
    }

    fn id(&self, conn: usize) -> Option<ConnId> {
        (!self.conns.is_empty()).then(|| self.conns[conn % self.conns.len()].0)
    }

    fn accept(&mut self) -> ConnId {
        let id = self.hub.accept(self.now, self.policy).unwrap();
        self.seen();
        self.recorder.accept(self.now, id, &mut self.trace);
        self.conns.push((id, vec![]));
        id
    }

    fn happens(&mut self, conn: usize, happening: Happening) {
        let Some(id) = self.id(conn) else { return };
        let sent = self.conns[conn % self.conns.len()].1.clone();
        let pings: Vec<Payload> = sent.iter().filter_map(|a| if let Action::Ping(p) = a { Some(*p) } else { None }).collect();
        let tokens: Vec<Token> = sent.iter().filter_map(|a| if let Action::Heartbeat(t) = a { Some(*t) } else { None }).collect();
        let nth = |n: u8, len: usize| len.checked_sub(usize::from(n) + 1);
        match happening {
            Happening::Wait(span) => {
                self.now = Now::new(self.now.at.after(span), self.now.wall_ms.saturating_add(span.as_nanos() / 1_000_000));
            }
            Happening::Due => {
                if self.next != Instant::NEVER {
                    self.now.at = self.now.at.max(self.next);
                }
                self.advance(u32::MAX);
            }
            Happening::Tick => self.advance(u32::MAX),
            Happening::Input(Input::Opened) if self.hub.connection(id).is_none() => {}
            Happening::Input(Input::Reconfigured) => {}
            Happening::Input(input) => self.input(id, input),
            Happening::Pong(n) => {
                if let Some(k) = nth(n, pings.len()) {
                    self.input(id, Input::Pong(pings[k]));
                }
            }
            Happening::Answer(n) => {
                if let Some(k) = nth(n, tokens.len()) {
                    self.input(id, Input::Answer(tokens[k]));
                }
            }
            Happening::Flush => {
                if let Some(payload) = pings.last() {
                    self.input(id, Input::PingFlushed(*payload));
                }
                if let Some(token) = tokens.last() {
                    self.input(id, Input::HeartbeatFlushed(*token));
                }
            }
        }
    }

    fn message(&mut self, conn: usize, message: Message<'_>) {
        let Some(id) = self.id(conn).filter(|id| self.hub.connection(*id).is_some()) else { return };
        self.recorder.message(self.now, id, message, &mut self.trace);
        let Some(dialect) = self.dialect.clone() else { return self.input(id, Input::Data) };
        let mut decoder = std::mem::take(&mut self.decoder);
        match dialect.decode(self.header.role, message, self.now.wall_ms, &mut decoder) {
            Heard::Data(_) => self.input(id, Input::Data),
            Heard::Heartbeat { token, .. } => self.input(id, Input::Heartbeat(token)),
            Heard::Answer(token) => self.input(id, Input::Answer(token)),
            Heard::Ready { negotiated, .. } => {
                self.negotiate(id, negotiated);
                self.input(id, Input::Ready);
            }
            Heard::Reply(_) | Heard::Agreed { .. } => {
                let before = self.done.len();
                self.input(id, Input::Data);
                for done in &mut self.done[before..] {
                    assert_eq!(done.2, Action::Deliver);
                    done.2 = Action::Answer(Token(0));
                }
            }
            Heard::Malformed => self.input(id, Input::Fault(Fault::Malformed)),
            Heard::TooBig => self.input(id, Input::Fault(Fault::TooBig)),
        }
        self.decoder = decoder;
    }

    fn negotiate(&mut self, id: ConnId, negotiated: Negotiated) {
        let Header { role, config, dialect, .. } = self.header.clone();
        if negotiated == Negotiated::default() || role == Role::Server {
            return;
        }
        match dialect.unwrap().renegotiate(role, &config, negotiated).and_then(|plan| config.check(plan)) {
            Ok(policy) => {
                self.recorder.input(self.now, id, Input::Reconfigured, &mut self.trace);
                self.replace(policy);
            }
            Err(_) => self.input(id, Input::Fault(Fault::Malformed)),
        }
    }

    fn replace(&mut self, policy: Policy) {
        let mut actions = vec![];
        self.hub.replace(self.now, self.policy, policy, &mut |id, action| actions.push((id, action)));
        self.seen();
        self.act(actions);
    }

    fn input(&mut self, id: ConnId, input: Input) {
        let mut actions = vec![];
        if self.hub.connection(id).is_some() {
            self.recorder.input(self.now, id, input, &mut self.trace);
            self.seen();
        }
        let _: Phase = self.hub.input(self.now, id, input, &mut |id, action| actions.push((id, action)));
        self.act(actions);
    }

    fn advance(&mut self, budget: u32) {
        // Where nothing is due the hub does nothing, and nothing need be written.
        let is_due = self.hub.is_due(self.now.at.max(self.last));
        if is_due {
            self.recorder.tick(self.now, budget, &mut self.trace);
        } else {
            self.recorder.idle(self.now, &mut self.trace);
        }
        let mut actions = vec![];
        let next = self.hub.advance(self.now, budget, &mut |id, action| actions.push((id, action)));
        self.seen();
        assert!(is_due || actions.is_empty());
        self.next = match next {
            Next::Again => self.last,
            Next::At(at) => at,
            Next::Idle => Instant::NEVER,
        };
        self.act(actions);
    }

    fn seen(&mut self) {
        self.last = self.last.max(self.now.at).min(Instant::from_nanos(u64::MAX - 1));
    }

    fn act(&mut self, actions: Vec<(ConnId, Action)>) {
        for (id, action) in actions {
            self.recorder.action(self.now, id, action, &mut self.trace);
            self.done.push((self.last, conn_of(id), action));
            if let Some((_, sent)) = self.conns.iter_mut().find(|(conn, _)| *conn == id) {
                sent.push(action);
            }
        }
    }
}

fn run(header: Header, start: u64, steps: Vec<Step>) -> Live {
    let mut live = Live::new(header, start);
    steps.into_iter().for_each(|step| live.step(step));
    live
}

/// Replays what was recorded: every action with its time and connection.
fn replayed(text: &str) -> (Vec<(Instant, u64, Action)>, String) {
    let trace = Trace::read(text.as_bytes(), TraceLimits::default()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let (mut done, mut digest) = (vec![], Digest::default());
    let ended = trace.replay(None, |d| {
        digest.action(d.at, d.conn, &d.action);
        done.push((d.at, d.conn, d.action));
    });
    ended.unwrap_or_else(|e| panic!("{e}\n{text}"));
    (done, digest.finish())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_recorded_replays_to_the_same_actions(
        header in header(),
        start in start_ns(),
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let live = run(header, start, steps);
        let (done, digest) = replayed(&live.trace);
        prop_assert_eq!(&done, &live.done, "{}", live.trace);
        prop_assert_eq!(differences(&live.trace).unwrap(), "");
        let mut same = Digest::default();
        live.done.iter().for_each(|(at, conn, action)| same.action(*at, *conn, action));
        prop_assert_eq!(digest, same.finish());
    }
}

#[test]
fn recorded_runs_are_no_empty_ones() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = (header(), start_ns(), proptest::collection::vec(step(), 60..120));
    let mut seen = [0usize; 7];
    for _ in 0..400 {
        let (header, start, steps) = strategy.new_tree(&mut runner).unwrap().current();
        for (_, _, action) in run(header, start, steps).done {
            seen[match action {
                Action::Ping(_) | Action::UserPing => 0,
                Action::Heartbeat(_) => 1,
                Action::Answer(_) => 2,
                Action::Deliver => 3,
                Action::Close(_) => 4,
                Action::Abort(_) => 5,
                Action::Note(_) => 6,
            }] += 1;
        }
    }
    assert!(seen.iter().all(|n| *n > 40), "{seen:?}");
}

#[test]
fn accepted_and_opened_at_once_is_one_line_and_later_two() {
    let mut live = Live::new(Header::default(), 5);
    live.step(Step::Open);
    live.step(Step::Accept);
    live.step(Step::To(0, Happening::Wait(Span::from_nanos(2))));
    live.step(Step::To(1, Happening::Input(Input::Opened)));
    let lines: Vec<&str> = live.trace.lines().skip(1).collect();
    assert_eq!(
        lines,
        [r#"{"t":5,"wall":1492420468027,"conn":1,"in":"open"}"#, r#"{"t":5,"conn":2,"in":"accept"}"#, r#"{"t":7,"conn":2,"in":"open"}"#]
    );
}

#[test]
fn words_are_recorded_where_they_are_given_and_meanings_where_not() {
    let header = Header { dialect: Dialect::preset("htx-spot-v1").cloned(), ..Header::default() };
    let mut live = Live::new(header, 5);
    live.step(Step::Open);
    live.step(Step::Message(0, "{\"ping\":5}"));
    live.step(Step::To(0, Happening::Input(Input::Heartbeat(Token(6)))));
    live.step(Step::UserClose(0, 1000, "bye"));
    let lines: Vec<&str> = live.trace.lines().skip(2).collect();
    assert_eq!(
        lines,
        [
            r#"{"t":5,"conn":1,"in":"text","data":"{\"ping\":5}"}"#,
            r#"{"t":5,"conn":1,"out":"answer","data":"{\"pong\":5}"}"#,
            r#"{"t":5,"conn":1,"in":"heartbeat","token":6}"#,
            r#"{"t":5,"conn":1,"out":"answer","token":6}"#,
            r#"{"t":5,"conn":1,"in":"user-close","code":1000,"reason":"bye"}"#,
            r#"{"t":5,"conn":1,"out":"close","code":1000,"reason":"bye","verdict":"user"}"#,
        ]
    );
    assert_eq!(differences(&live.trace).unwrap(), "");
}
