//! Arbitrary policies, with spans short enough that much happens.

use std::time::Duration;

use proptest::prelude::*;
use wsbeat_core::policy::{
    Answers, Application, Ask, Cadence, Counts, Death, Evidence, Listen, ListenFor, Matching, Plan, Policy, PolicyConfig, Profile, Start,
    TokenKind,
};
use wsbeat_core::time::Span;

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![3 => (1u64..40).prop_map(Duration::from_secs), 1 => (1u64..40_000).prop_map(Duration::from_millis)]
}

/// Wishes for `strict`, without jitter.
pub fn strict() -> impl Strategy<Value = PolicyConfig> {
    let evidence = proptest::sample::select(&[Evidence::PongOnly, Evidence::AnyFrame, Evidence::AnyBytes][..]);
    let flags = [proptest::bool::weighted(0.2), proptest::bool::weighted(0.2)];
    (span(), span(), evidence, any::<bool>(), flags, [proptest::option::of(span()), proptest::option::of(span())]).prop_map(
        |(interval, timeout, evidence, any, [idle, empty], [write_stall, first_ping])| PolicyConfig {
            profile: Some(Profile::Strict),
            ping_interval: Some(interval),
            ping_timeout: Some(timeout),
            evidence: Some(evidence),
            answers: Some(if any { Answers::Any } else { Answers::Matching }),
            only_when_idle: Some(idle),
            tolerate_empty: Some(empty),
            write_stall,
            first_ping,
            ..PolicyConfig::default()
        },
    )
}

/// Wishes for a profile.
pub fn known(profile: Profile) -> impl Strategy<Value = PolicyConfig> {
    (span(), proptest::option::of(span()), proptest::bool::weighted(0.1)).prop_map(move |(interval, timeout, zero)| {
        let timeout = timeout.filter(|_| profile != Profile::WsRecipe);
        let zero = zero && matches!(profile, Profile::Tornado64 | Profile::Tornado65);
        let ping_timeout = if zero { Some(Duration::ZERO) } else { timeout };
        PolicyConfig { profile: Some(profile), ping_interval: Some(interval), ping_timeout, ..PolicyConfig::default() }
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let death = prop_oneof![
        4 => (1u8..=5).prop_map(Death::MissesBefore),
        1 => span().prop_map(|d| Death::Timeout(Span::from(d))),
        1 => Just(Death::Never),
    ];
    let matching = prop_oneof![
        1 => Just(Matching::Any),
        1 => Just(Matching::Newest),
        3 => (1u8..=4).prop_map(Matching::Window),
        1 => Just(Matching::Exact),
    ];
    let start = prop_oneof![3 => Just(Start::Jitter), 2 => Just(Start::Interval), 1 => Just(Start::Ready)];
    (span(), death, matching, any::<bool>(), start, any::<bool>(), proptest::bool::weighted(0.2), proptest::option::of(span())).prop_map(
        |(period, death, matching, together, start, counter, any, stall)| {
            let mut ask = Ask { matching, start, ..Ask::every(Span::from(period), death) };
            ask.cadence = if together { Cadence::Together } else { Cadence::Spread };
            ask.token = if counter { TokenKind::Counter } else { TokenKind::Timestamp };
            ask.answers = if any { Answers::Any } else { Answers::Matching };
            ask.write_stall = stall.map_or(ask.write_stall, Span::from);
            ask
        },
    )
}

fn blog() -> impl Strategy<Value = Ask> {
    (span(), 1u8..4).prop_map(|(period, misses)| Ask {
        counts: Counts::Queued,
        cadence: Cadence::Together,
        matching: Matching::Newest,
        ..Ask::every(Span::from(period), Death::MissesAfter(misses))
    })
}

fn listen() -> impl Strategy<Value = Listen> {
    let evidence = proptest::sample::select(&[ListenFor::Heartbeats, ListenFor::Pings, ListenFor::Messages, ListenFor::Bytes][..]);
    (span(), evidence).prop_map(|(limit, evidence)| Listen { limit: Span::from(limit), evidence })
}

fn plane(ask: Option<Ask>, listen: Option<Listen>, feed: Option<Duration>, answers_peer: bool, code: bool) -> Application {
    Application { ask, listen, answers_peer, feed_timeout: feed.map(Span::from), close_code: code.then_some(4408) }
}

/// The policy of these wishes and this plane.
pub fn policy_of(config: PolicyConfig, application: Option<Application>) -> Policy {
    config.check(Plan { application, ..Plan::default() }).expect("in its limits")
}

/// Who asks, all rules on.
pub fn asking() -> impl Strategy<Value = Application> {
    (ask(), any::<bool>()).prop_map(|(ask, code)| plane(Some(ask), None, None, false, code))
}

/// Who asks as the blog does.
pub fn blogging() -> impl Strategy<Value = Application> {
    blog().prop_map(|ask| plane(Some(ask), None, None, false, false))
}

/// Who listens.
pub fn listening() -> impl Strategy<Value = Application> {
    (proptest::option::of(listen()), proptest::option::of(span()), any::<bool>())
        .prop_map(|(listen, feed, answers)| plane(None, listen, feed, answers, true))
}

/// Both planes.
pub fn both() -> impl Strategy<Value = Policy> {
    let transport = prop_oneof![strict().boxed(), proptest::sample::select(&Profile::ALL[1..]).prop_flat_map(known).boxed()];
    let ask = prop_oneof![3 => ask().boxed(), 1 => blog().boxed()];
    let application = (proptest::option::of(ask), proptest::option::of(listen()), proptest::option::of(span()), any::<bool>())
        .prop_map(|(ask, listen, feed, answers)| plane(ask, listen, feed, answers, true));
    let age = proptest::option::weighted(0.2, span());
    (transport, proptest::option::of(application), age)
        .prop_map(|(config, application, max_lifetime)| policy_of(PolicyConfig { max_lifetime, ..config }, application))
}
