//! Arbitrary policies, inputs and times for property tests, the ends of the number ranges included.

use std::time::Duration;

use proptest::prelude::*;
use wsbeat_core::event::{Fault, Input, Payload, Token};
use wsbeat_core::policy::{
    Answers, Application, Ask, Cadence, Counts, Death, Evidence, Listen, ListenFor, Matching, Plan, Policy, PolicyConfig, Profile, Start,
    Timing, TokenKind,
};
use wsbeat_core::time::Span;

/// A span that a policy may hold: mostly seconds, now and then far more.
pub fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        8 => (1u64..60_000).prop_map(Duration::from_millis),
        2 => (1_000_000u64..3_600_000_000_000).prop_map(Duration::from_nanos),
        1 => (1u64..36_500).prop_map(|days| Duration::from_secs(days * 86_400)),
    ]
}

/// Wishes for the transport plane under `strict`.
pub fn strict() -> impl Strategy<Value = PolicyConfig> {
    let evidence = prop_oneof![Just(Evidence::PongOnly), Just(Evidence::AnyFrame), Just(Evidence::AnyBytes)];
    let answers = prop_oneof![Just(Answers::Matching), Just(Answers::Any)];
    (span(), span(), evidence, answers, 0u32..500_000, any::<[bool; 3]>(), proptest::option::of(span())).prop_map(
        |(interval, timeout, evidence, answers, jitter, [idle, adaptive, empty], write_stall)| PolicyConfig {
            profile: Some(Profile::Strict),
            ping_interval: Some(interval),
            ping_timeout: Some(timeout),
            evidence: Some(evidence),
            answers: Some(answers),
            jitter_ppm: Some(jitter),
            only_when_idle: Some(idle),
            adaptive: Some(adaptive),
            tolerate_empty: Some(empty),
            write_stall,
            ..PolicyConfig::default()
        },
    )
}

/// Wishes for any profile.
pub fn transport() -> impl Strategy<Value = PolicyConfig> {
    let known =
        (proptest::sample::select(&Profile::ALL[1..]), span(), proptest::option::of(span())).prop_map(|(profile, interval, timeout)| {
            let timeout = timeout.filter(|_| profile != Profile::WsRecipe);
            PolicyConfig { profile: Some(profile), ping_interval: Some(interval), ping_timeout: timeout, ..PolicyConfig::default() }
        });
    prop_oneof![strict(), known]
}

/// How we ask, all rules on.
pub fn ask() -> impl Strategy<Value = Ask> {
    let death = prop_oneof![
        4 => (1u8..=5).prop_map(Death::MissesBefore),
        1 => (1u8..=255).prop_map(Death::MissesBefore),
        1 => span().prop_map(|d| Death::Timeout(Span::from(d))),
        1 => Just(Death::Never),
    ];
    let matching = prop_oneof![Just(Matching::Any), Just(Matching::Newest), (1u8..=4).prop_map(Matching::Window), Just(Matching::Exact)];
    let cadence = prop_oneof![Just(Cadence::Together), Just(Cadence::Spread)];
    let start = prop_oneof![3 => Just(Start::Jitter), 2 => Just(Start::Interval), 1 => Just(Start::Ready)];
    let timing = prop_oneof![4 => Just(Timing::Beat), 1 => Just(Timing::AfterIdle), 1 => Just(Timing::AfterSilence)];
    let token = prop_oneof![Just(TokenKind::Timestamp), Just(TokenKind::Counter)];
    let answers = prop_oneof![Just(Answers::Matching), Just(Answers::Any)];
    (span(), death, matching, cadence, start, timing, token, (answers, 0u32..500_000)).prop_map(
        |(period, death, matching, cadence, start, timing, token, (answers, jitter_ppm))| {
            let jitter_ppm = if cadence == Cadence::Spread { jitter_ppm } else { 0 };
            Ask { matching, cadence, start, timing, token, answers, jitter_ppm, ..Ask::every(Span::from(period), death) }
        },
    )
}

/// How the blog asks.
pub fn blog() -> impl Strategy<Value = Ask> {
    span().prop_map(|period| Ask {
        counts: Counts::Queued,
        cadence: Cadence::Together,
        matching: Matching::Newest,
        ..Ask::every(Span::from(period), Death::MissesAfter(2))
    })
}

/// One side of an application plane.
pub fn application() -> impl Strategy<Value = Application> {
    let evidence = prop_oneof![Just(ListenFor::Heartbeats), Just(ListenFor::Pings), Just(ListenFor::Messages), Just(ListenFor::Bytes)];
    let listen = (span(), evidence).prop_map(|(limit, evidence)| Listen { limit: Span::from(limit), evidence });
    let ask = prop_oneof![4 => ask(), 1 => blog()];
    (proptest::option::of(ask), proptest::option::of(listen), any::<bool>(), proptest::option::of(span())).prop_map(
        |(ask, listen, answers_peer, feed)| Application {
            ask,
            listen,
            answers_peer,
            feed_timeout: feed.map(Span::from),
            close_code: Some(4408),
        },
    )
}

/// Any policy: either plane, both or none, with or without a maximum age.
pub fn policy() -> BoxedStrategy<Policy> {
    (proptest::option::of(transport().boxed()), proptest::option::of(application().boxed()), proptest::option::weighted(0.1, span()))
        .prop_map(|(transport, application, max_lifetime)| {
            let config = PolicyConfig { max_lifetime, ..transport.unwrap_or_default() };
            config.check(Plan { application, ..Plan::default() }).expect("in its limits")
        })
        .boxed()
}

/// Something that happens to a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// Time passes, without a tick.
    Wait(Span),
    /// Time comes to the deadline that was returned, if it ever does, and a tick with it.
    Due,
    /// A tick now.
    Tick,
    /// An input.
    Input(Input),
    /// The pong to the ping sent this many pings ago.
    Pong(u8),
    /// The answer to the heartbeat sent this many heartbeats ago.
    Answer(u8),
    /// What was sent last is written.
    Flush,
}

/// Anything that may happen, in any order.
pub fn happening() -> BoxedStrategy<Happening> {
    let payload = prop_oneof![
        Just(Payload::Empty),
        Just(Payload::Other),
        any::<u32>().prop_map(Payload::Four),
        any::<u64>().prop_map(Payload::Eight)
    ];
    let fault = proptest::sample::select(
        &[Fault::Malformed, Fault::Malformed, Fault::TooBig, Fault::Protocol, Fault::Utf8, Fault::Assembly, Fault::Handler][..],
    );
    let rare = prop_oneof![
        fault.prop_map(Input::Fault),
        any::<u16>().prop_map(Input::PeerClose),
        Just(Input::UserClose(1000)),
        Just(Input::Drain),
        Just(Input::Lost),
        Just(Input::Opened),
        Just(Input::Reconfigured),
    ];
    let common = prop_oneof![
        any::<u32>().prop_map(Input::Bytes),
        Just(Input::Ping),
        payload.prop_map(Input::Pong),
        any::<u64>().prop_map(|t| Input::Heartbeat(Token(t))),
        any::<u64>().prop_map(|t| Input::Answer(Token(t))),
        Just(Input::Data),
        Just(Input::Ready),
        any::<u32>().prop_map(Input::Wrote),
        Just(Input::Sent),
        Just(Input::Unread),
        Just(Input::UserPing),
    ];
    let wait = prop_oneof![
        8 => (0u64..30_000_000_000).prop_map(Span::from_nanos),
        2 => (0u64..7_200).prop_map(Span::from_secs),
        1 => any::<u64>().prop_map(Span::from_nanos),
    ];
    prop_oneof![
        6 => Just(Happening::Due),
        4 => wait.prop_map(Happening::Wait),
        2 => Just(Happening::Tick),
        4 => Just(Happening::Flush),
        4 => (0u8..6).prop_map(Happening::Pong),
        4 => (0u8..6).prop_map(Happening::Answer),
        6 => common.prop_map(Happening::Input),
        1 => rare.prop_map(Happening::Input),
    ]
    .boxed()
}

/// Where time begins: at zero, somewhere, or shortly before the numbers end.
pub fn start_ns() -> impl Strategy<Value = u64> {
    let hour = 3_600_000_000_000;
    prop_oneof![
        4 => Just(0),
        2 => any::<u64>(),
        1 => Just((1 << 53) - 1),
        1 => Just(i64::MAX as u64),
        1 => Just(u64::MAX - hour),
    ]
}
