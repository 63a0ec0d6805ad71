//! The laws of life and death: nobody who answers in time is closed, whoever is dead is, in time.

use std::time::Duration;

use proptest::prelude::*;
use wsbeat_core::event::VerdictKind;
use wsbeat_core::policy::{Application, Ask, Cadence, Death, Evidence, Matching, Plan, Policy, PolicyConfig, Start};
use wsbeat_core::time::{Instant, Span};
use wsbeat_tests::arbitrary;
use wsbeat_tests::net::{Weather, run};

const CALM: Weather = Weather {
    seed: 0,
    pong_after_max: Span::from_millis(1),
    answer_after_max: Span::from_millis(1),
    write_delay_max: Span::ZERO,
    host_late_max: Span::ZERO,
    dies_at: Instant::NEVER,
};

fn strict(config: PolicyConfig) -> Policy {
    config.check(Plan::default()).unwrap()
}

fn asking(ask: Ask) -> Policy {
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    Policy { application: Some(application), ..Policy::off() }
}

/// Askers under the `htx` rule: both cadences, misses and windows, jitter.
fn htx() -> impl Strategy<Value = Ask> {
    let cadence = prop_oneof![Just(Cadence::Together), Just(Cadence::Spread)];
    let start = prop_oneof![Just(Start::Jitter), Just(Start::Interval)];
    (100u64..30_000, 1u8..=6, 1u8..=4, cadence, start, 0u32..400_000).prop_map(|(ms, misses, window, cadence, start, jitter)| {
        let jitter_ppm = if cadence == Cadence::Spread { jitter } else { 0 };
        let ask = Ask::every(Span::from_millis(ms), Death::MissesBefore(misses));
        Ask { cadence, start, jitter_ppm, matching: Matching::Window(window), ..ask }
    })
}

/// How far a beat may move, both ways together.
fn wobble(ask: &Ask) -> Span {
    Span::from_nanos(ask.period.as_nanos() / 1_000_000 * u64::from(ask.jitter_ppm) * 2)
}

/// Wishes for `strict` whose times lie within a factor of ten of each other: a run stays short.
fn close_times() -> impl Strategy<Value = PolicyConfig> {
    let factor = || 0.1f64..10.0;
    (arbitrary::strict(), 10u64..60_000, factor(), factor()).prop_map(|(config, ms, timeout, stall)| {
        let times = |f: f64| Some(Duration::from_nanos((ms as f64 * f * 1e6) as u64));
        PolicyConfig {
            ping_interval: times(1.0),
            ping_timeout: times(timeout),
            write_stall: config.write_stall.and(times(stall)),
            ..config
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_12_a_peer_that_pongs_within_the_timeout_is_never_closed_for_silence(
        config in close_times(), seed in any::<u64>(), late in 0u64..40_000, share in 0.0f64..1.0
    ) {
        let policy = strict(PolicyConfig { write_stall: None, ..config });
        let t = policy.transport.unwrap();
        // An adaptive timeout is never below 2 s.
        let effective = if t.adaptive { t.timeout.min(Span::from_secs(2)) } else { t.timeout };
        let weather = Weather {
            seed,
            pong_after_max: effective,
            write_delay_max: Span::from_nanos((t.write_stall.as_nanos() as f64 * share) as u64),
            host_late_max: Span::from_millis(late),
            ..CALM
        };
        let out = run(&policy, weather, t.interval.plus(t.timeout).times(20));
        prop_assert!(out.verdict.is_none_or(|v| !v.kind.is_silence()), "{out:?}");
    }

    #[test]
    fn law_12_a_peer_that_answers_within_its_beats_is_never_closed_for_silence(
        ask in htx(), seed in any::<u64>(), late in 0.0f64..3.0, share in 0.0f64..1.0
    ) {
        let Death::MissesBefore(misses) = ask.death else { unreachable!() };
        let beats = u64::from(misses.min(ask.matching.window()));
        let weather = Weather {
            seed,
            answer_after_max: ask.period.times(beats).minus(wobble(&ask)),
            write_delay_max: Span::from_nanos((ask.write_stall.as_nanos() as f64 * share) as u64),
            host_late_max: Span::from_nanos((ask.period.as_nanos() as f64 * late) as u64),
            ..CALM
        };
        let out = run(&asking(ask), weather, ask.period.times(200));
        prop_assert!(out.verdict.is_none_or(|v| !v.kind.is_silence()), "{out:?}");
    }

    #[test]
    fn law_13_a_dead_peer_is_closed_within_interval_and_timeout_of_its_last_evidence(
        config in close_times(), seed in any::<u64>(), dies in 0u64..5_000
    ) {
        let policy = strict(PolicyConfig { jitter_ppm: None, ..config });
        let t = policy.transport.unwrap();
        let dies_at = Instant::from_nanos(t.interval.as_nanos() / 1_000 * dies);
        let rtt = t.timeout.part(2).min(Span::from_millis(900));
        let out = run(&policy, Weather { seed, dies_at, pong_after_max: rtt, ..CALM }, t.interval.times(60).plus(t.timeout.times(3)));
        let v = out.verdict.expect("a verdict");
        prop_assert!(v.kind == VerdictKind::PeerSilent, "{v:?}");
        prop_assert!(v.now.since(out.last_evidence) <= t.interval.plus(t.timeout), "{v:?} after {:?}", out.last_evidence);
    }

    #[test]
    fn law_13_a_dead_client_is_closed_between_l_and_l_plus_one_periods(ask in htx(), seed in any::<u64>(), dies in 0u64..100) {
        let ask = Ask { jitter_ppm: 0, ..ask };
        let Death::MissesBefore(misses) = ask.death else { unreachable!() };
        let dies_at = Instant::from_nanos(ask.period.as_nanos() / 10 * dies);
        let out = run(&asking(ask), Weather { seed, dies_at, ..CALM }, ask.period.times(40));
        let v = out.verdict.expect("a verdict");
        let lived = v.now.since(out.last_answered.unwrap_or(Instant::ZERO));
        let (l, period) = (u64::from(misses), ask.period);
        prop_assert!(lived > period.times(l) && lived <= period.times(l + 1), "{lived:?}, L {l}, period {period:?}");
    }

    #[test]
    fn law_13_who_takes_no_byte_is_closed_by_the_write_stall(config in close_times(), seed in any::<u64>()) {
        let policy = strict(config);
        let t = policy.transport.unwrap();
        let never = Weather { seed, write_delay_max: Span::MAX, ..CALM };
        let out = run(&policy, never, t.interval.times(2).plus(t.write_stall));
        // The delay is drawn from all of time: hardly ever within a stall.
        prop_assume!(out.unwritten > t.interval.times(2).plus(t.write_stall));
        let v = out.verdict.expect("a verdict");
        prop_assert_eq!((v.kind, v.now), (VerdictKind::WriteStalled, out.pings[0].after(t.write_stall)));
    }

    #[test]
    fn law_14_with_prompt_answers_the_spacing_of_pings_is_the_interval(
        config in close_times(), seed in any::<u64>()
    ) {
        let policy = strict(PolicyConfig { jitter_ppm: None, only_when_idle: None, ..config });
        let t = policy.transport.unwrap();
        let out = run(&policy, Weather { seed, pong_after_max: t.timeout.min(t.interval).min(Span::from_secs(2)).part(3), ..CALM }, t.interval.times(50));
        prop_assert!(out.pings.len() >= 49);
        prop_assert!(out.pings.windows(2).all(|w| w[1].since(w[0]) == t.interval), "{:?}", out.pings);
    }

    #[test]
    fn law_15_the_time_to_a_verdict_grows_with_the_timeout(
        config in close_times(), seed in any::<u64>(), more in 1u64..600_000, dies in 0u64..50
    ) {
        let time_to_verdict = |timeout: Duration| {
            let policy = strict(PolicyConfig { ping_timeout: Some(timeout), evidence: Some(Evidence::PongOnly), write_stall: None, ..config.clone() });
            let t = policy.transport.unwrap();
            let dies_at = Instant::from_nanos(t.interval.as_nanos() / 10 * dies);
            let out = run(&policy, Weather { seed, dies_at, pong_after_max: Span::ZERO, ..CALM }, t.interval.times(40).plus(t.timeout.times(3)));
            out.verdict.expect("a verdict").now
        };
        let timeout = config.ping_timeout.unwrap();
        prop_assert!(time_to_verdict(timeout) <= time_to_verdict(timeout + Duration::from_millis(more)));
    }
}
