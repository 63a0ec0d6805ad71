//! The core against the naive model: the same actions in the same order, and the same deadline, after every step.

use proptest::prelude::*;
use wsbeat_core::connection::{Beats, Connection, Phase};
use wsbeat_core::event::{Action, Fault, Input, Payload, Token, Verdict};
use wsbeat_core::policy::{Application, Cadence, Limits, Policy, PolicyConfig, Profile, Start};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_tests::model::policies::{asking, blogging, both, known, listening, policy_of, strict};
use wsbeat_tests::model::{Drawn, Model, Ns};

const SEED: (u64, u64) = (11, 4);

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// Time passes, ms.
    Wait(u64),
    /// Time comes to the deadline and this many ns past it, and a tick with it.
    Due(u64),
    /// An input at the deadline, or this many ns before it.
    AtDue(u64, Input),
    Tick,
    Input(Input),
    /// What was sent this many ago is answered; is written.
    Pong(usize),
    Answer(usize),
    PingFlushed(usize),
    BeatFlushed(usize),
    /// Interval, timeout and period become this many tenths of what they are.
    Reconfigure(u64),
}

/// Both, and what was sent.
struct Pair {
    policy: Policy,
    core: Connection,
    shared: Beats,
    model: Model,
    now: Instant,
    deadline: Instant,
    prompt: bool,
    pings: Vec<Payload>,
    beats: Vec<Token>,
    log: Vec<(Instant, Input, Vec<Action>, Instant)>,
}

fn now_at(at: Instant) -> Now {
    Now::new(at, 1_492_420_468_027 + at.as_nanos() / 1_000_000)
}

/// When the first tick of `policy` is due after an opening at `now`, ns from it: how the model learns what was drawn.
fn drawn(policy: Policy, now: Instant) -> Ns {
    let mut core = Connection::accepted(&policy, now_at(now), Chance::new(SEED.0, SEED.1));
    let deadline = core.step(&policy, now_at(now), Input::Opened, &mut |_| {});
    Ns::from(deadline.as_nanos()) - Ns::from(now.as_nanos())
}

fn all_drawn(policy: &Policy, now: Instant) -> Drawn {
    let mut all = Drawn::default();
    if let Some(t) = policy.transport.filter(|t| t.profile == Profile::Strict) {
        all.first_ping = drawn(Policy { transport: Some(t), ..Policy::off() }, now);
        let interval = Ns::from(t.interval.as_nanos());
        match t.first {
            Some(first) => assert_eq!(all.first_ping, Ns::from(first.as_nanos()), "first_ping"),
            None => assert!(all.first_ping * 2 + 1 >= interval && all.first_ping < interval, "the first ping at {}", all.first_ping),
        }
    }
    if let Some(a) = policy.application.filter(|a| a.ask.is_some_and(|ask| ask.cadence == Cadence::Spread && ask.start == Start::Jitter)) {
        let alone = Application { listen: None, feed_timeout: None, ..a };
        all.first_beat = drawn(Policy { application: Some(alone), ..Policy::off() }, now);
        let period = a.ask.map_or(0, |ask| Ns::from(ask.period.as_nanos()));
        assert!(all.first_beat > 0 && all.first_beat <= period, "the first beat at {}", all.first_beat);
    }
    if let Some(age) = policy.limits.max_lifetime {
        let limits = Limits { max_lifetime: Some(age), ..Limits::default() };
        all.lifetime = drawn(Policy { limits, ..Policy::off() }, now);
        let tenth = Ns::from(age.as_nanos()) / 10;
        assert!((all.lifetime - tenth * 10).abs() <= tenth + 10, "the age {}", all.lifetime);
    }
    all
}

impl Pair {
    fn open(policy: &Policy, now: Instant, prompt: bool) -> Result<Self, TestCaseError> {
        let mut core = Connection::accepted(policy, now_at(now), Chance::new(SEED.0, SEED.1));
        let mut actions = vec![];
        let deadline = core.step(policy, now_at(now), Input::Opened, &mut |a| actions.push(a));
        let mut model = Model::open(policy, now_at(now), all_drawn(policy, now));
        prop_assert_eq!(actions, model.opening(), "at the opening");
        let (pings, beats, log) = (vec![], vec![], vec![]);
        let pair = Pair { policy: policy.clone(), core, shared: Beats::default(), model, now, deadline, prompt, pings, beats, log };
        pair.same_deadline()?;
        Ok(pair)
    }

    fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Wait(ms) => self.now = self.now.after(Span::from_millis(*ms)),
            Event::Due(late) if self.deadline < Instant::NEVER => {
                self.now = self.now.max(self.deadline.after(Span::from_nanos(*late)));
                self.step(Input::Tick)?;
            }
            Event::AtDue(early, input) if self.deadline < Instant::NEVER => {
                self.now = self.now.max(self.deadline.before(Span::from_nanos(*early)));
                self.step(*input)?;
            }
            Event::Due(_) | Event::AtDue(..) => {}
            Event::Tick => self.step(Input::Tick)?,
            Event::Input(input) => self.step(*input)?,
            Event::Pong(ago) => self.echo(self.pings.iter().rev().nth(*ago).copied().map(Input::Pong))?,
            Event::Answer(ago) => self.echo(self.beats.iter().rev().nth(*ago).copied().map(Input::Answer))?,
            Event::PingFlushed(ago) => self.echo(self.pings.iter().rev().nth(*ago).copied().map(Input::PingFlushed))?,
            Event::BeatFlushed(ago) => self.echo(self.beats.iter().rev().nth(*ago).copied().map(Input::HeartbeatFlushed))?,
            Event::Reconfigure(tenths) => {
                scale(&mut self.policy, *tenths);
                self.model.replace(&self.policy);
                self.step(Input::Reconfigured)?;
            }
        }
        Ok(())
    }

    fn echo(&mut self, input: Option<Input>) -> Result<(), TestCaseError> {
        input.map_or(Ok(()), |input| self.step(input))
    }

    fn step(&mut self, input: Input) -> Result<(), TestCaseError> {
        let mut actions = vec![];
        let (now, lateness) = (now_at(self.now), self.now.since(self.core.deadline(&self.policy)));
        let mut out = |a| actions.push(a);
        self.deadline = match input {
            Input::Tick => self.core.tick(&self.policy, &mut self.shared, now, lateness, &mut out),
            _ => self.core.step_shared(&self.policy, &mut self.shared, now, input, &mut out),
        };
        let payload = actions.iter().find_map(|a| if let Action::Ping(p) = a { Some(*p) } else { None });
        prop_assert!(payload.is_none_or(|p| self.model.payload_is_right(p)), "{payload:?}");
        let expected = self.model.step(now_at(self.now), input, payload);
        let shown = |actions: &[Action]| actions.iter().map(|a| format!("\n    {a:?}")).collect::<String>();
        self.log.push((self.now, input, actions.clone(), self.deadline));
        let actions: Vec<Action> = actions.into_iter().zip(expected.iter().map(Some).chain(std::iter::repeat(None))).map(worded).collect();
        prop_assert!(
            actions == expected,
            "\ncore:{}\nmodel:{}\nafter\n{}\nmodel {:?}",
            shown(&actions),
            shown(&expected),
            self.story(),
            self.model
        );
        self.same_deadline()?;
        for action in actions {
            match action {
                Action::Ping(p) => self.pings.push(p),
                Action::Heartbeat(t) => self.beats.push(t),
                _ => continue,
            }
            match action {
                Action::Ping(p) if self.prompt => self.step(Input::PingFlushed(p))?,
                Action::Heartbeat(t) if self.prompt => self.step(Input::HeartbeatFlushed(t))?,
                _ => {}
            }
        }
        Ok(())
    }

    /// All that happened, for whoever reads a failure.
    fn story(&self) -> String {
        let line = |(now, input, actions, deadline): &(Instant, Input, Vec<Action>, Instant)| {
            let actions: String = actions.iter().map(|a| format!("\n    {a:?}")).collect();
            format!("{now:?} {input:?}:{actions}\n    -> {deadline:?}\n")
        };
        self.log.iter().map(line).collect()
    }

    fn same_deadline(&self) -> Result<(), TestCaseError> {
        let core = (self.deadline < Instant::NEVER && self.core.phase() != Phase::Ended).then_some(Ns::from(self.deadline.as_nanos()));
        prop_assert!(
            core == self.model.deadline(),
            "\ndeadline: core {:?}, model {:?}; after\n{}\nmodel {:?}",
            core,
            self.model.deadline(),
            self.story(),
            self.model
        );
        Ok(())
    }
}

/// The action of the core without the reason, where the rules name none.
fn worded((action, expected): (Action, Option<&Action>)) -> Action {
    let free = expected.and_then(verdict).is_some_and(|v| v.reason.is_empty());
    match action {
        Action::Close(v) if free => Action::Close(Verdict { reason: "", ..v }),
        Action::Abort(v) if free => Action::Abort(Verdict { reason: "", ..v }),
        _ => action,
    }
}

fn verdict(action: &Action) -> Option<Verdict> {
    match action {
        Action::Close(v) | Action::Abort(v) => Some(*v),
        _ => None,
    }
}

fn scale(policy: &mut Policy, tenths: u64) {
    let scaled = |span: Span| Span::from_nanos((span.as_nanos() / 10).saturating_mul(tenths).max(1_000_000));
    if let Some(t) = policy.transport.as_mut() {
        t.interval = scaled(t.interval);
        t.timeout = if t.profile == Profile::Tornado65 { t.timeout.min(t.interval) } else { t.timeout };
        t.timeout = if t.profile == Profile::WsRecipe { t.interval } else { t.timeout };
    }
    if let Some(ask) = policy.application.as_mut().and_then(|a| a.ask.as_mut()) {
        ask.period = scaled(ask.period);
    }
}

// Events.

fn event() -> impl Strategy<Value = Event> {
    let payload = prop_oneof![3 => Just(Payload::Empty), 1 => Just(Payload::Other), 1 => any::<u64>().prop_map(Payload::Eight)];
    let fault = proptest::sample::select(&[Fault::Malformed, Fault::TooBig, Fault::Protocol, Fault::Utf8][..]);
    let common = prop_oneof![
        4 => (1u32..9).prop_map(Input::Bytes),
        1 => Just(Input::Ping),
        2 => payload.prop_map(Input::Pong),
        2 => (0u64..9).prop_map(|t| Input::Heartbeat(Token(t))),
        1 => (0u64..9).prop_map(|t| Input::Answer(Token(t))),
        2 => Just(Input::Data),
        1 => Just(Input::Ready),
        2 => (0u32..3).prop_map(Input::Wrote),
        1 => Just(Input::Sent),
        1 => Just(Input::Unread),
        1 => Just(Input::UserPing),
    ];
    let rare = prop_oneof![
        4 => Just(Input::Fault(Fault::Malformed)),
        1 => fault.prop_map(Input::Fault),
        1 => prop_oneof![Just(0u16), Just(1000)].prop_map(Input::PeerClose),
        1 => prop_oneof![Just(0u16), Just(1000)].prop_map(Input::UserClose),
        1 => Just(Input::Drain),
        1 => Just(Input::Lost),
        1 => Just(Input::Opened),
        1 => Just(Input::Reconfigured),
    ];
    let late = prop_oneof![12 => Just(0u64), 2 => Just(1), 3 => 1u64..4_000_000_000, 2 => 1u64..60_000_000_000];
    let wait = prop_oneof![2 => 0u64..3_000, 2 => (0u64..30).prop_map(|s| s * 1000), 1 => 0u64..100_000];
    prop_oneof![
        12 => late.prop_map(Event::Due),
        2 => (0u64..2, common.clone()).prop_map(|(early, input)| Event::AtDue(early, input)),
        3 => wait.prop_map(Event::Wait),
        1 => Just(Event::Tick),
        5 => common.prop_map(Event::Input),
        4 => (0usize..6).prop_map(Event::Pong),
        4 => (0usize..6).prop_map(Event::Answer),
        3 => (0usize..2).prop_map(Event::PingFlushed),
        3 => (0usize..2).prop_map(Event::BeatFlushed),
        1 => prop_oneof![
            3 => rare.prop_map(Event::Input),
            1 => (3u64..25).prop_map(Event::Reconfigure),
        ],
    ]
}

fn start() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0u64), 3 => 0u64..100_000_000_000, 1 => Just((1 << 53) - 1)]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 0..80)
}

fn agree(policy: &Policy, start: u64, prompt: bool, events: &[Event]) -> Result<(), TestCaseError> {
    let mut pair = Pair::open(policy, Instant::from_nanos(start), prompt)?;
    events.iter().try_for_each(|event| pair.happen(event))
}

fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("WSBEAT_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(1_024))]

    #[test]
    fn strict_does_as_the_model(config in strict(), start in start(), prompt in any::<bool>(), events in events()) {
        agree(&policy_of(config, None), start, prompt, &events)?;
    }

    #[test]
    fn profiles_do_as_the_model(
        config in proptest::sample::select(&Profile::ALL[1..]).prop_flat_map(known), start in start(), events in events(),
    ) {
        agree(&policy_of(config, None), start, true, &events)?;
    }

    #[test]
    fn heartbeats_go_as_in_the_model(a in asking(), start in start(), prompt in any::<bool>(), events in events()) {
        agree(&policy_of(PolicyConfig::default(), Some(a)), start, prompt, &events)?;
    }

    #[test]
    fn the_blog_does_as_the_model(a in blogging(), start in start(), prompt in any::<bool>(), events in events()) {
        agree(&policy_of(PolicyConfig::default(), Some(a)), start, prompt, &events)?;
    }

    #[test]
    fn listeners_do_as_the_model(a in listening(), start in start(), events in events()) {
        agree(&policy_of(PolicyConfig::default(), Some(a)), start, true, &events)?;
    }

    #[test]
    fn both_planes_do_as_the_model(policy in both(), start in start(), prompt in any::<bool>(), events in events()) {
        agree(&policy, start, prompt, &events)?;
    }
}
