//! Every interleaving of a small world keeps the laws; and a rule that is broken on purpose is found out.

use std::time::Duration;

use wsbeat_core::event::Plane;
use wsbeat_core::policy::{Application, Ask, Cadence, Death, Evidence, Plan, Policy, PolicyConfig, Profile, Start, TokenKind, Transport};
use wsbeat_core::time::Span;
use wsbeat_tests::exhaustive::{Domain, Mutation, search};

const STATES_MIN: usize = 100_000;
const TIMEOUT_S: u64 = 5;

fn s(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// Pings at 2, 6 and 10 s after the opening, heartbeats at 3, 6 and 9.
fn policy(evidence: Evidence, timeout_s: u64) -> Policy {
    let ask = Ask { start: Start::Interval, token: TokenKind::Counter, ..Ask::every(Span::from_secs(3), Death::MissesBefore(2)) };
    let application = Application { ask: Some(ask), listen: None, answers_peer: false, feed_timeout: None, close_code: Some(4408) };
    let config = PolicyConfig {
        ping_interval: s(4),
        ping_timeout: s(timeout_s),
        first_ping: s(2),
        write_stall: s(6),
        close_timeout: s(2),
        evidence: Some(evidence),
        ..PolicyConfig::default()
    };
    config.check(Plan { application: Some(application), ..Plan::default() }).expect("in its limits")
}

/// Answers that take up to `delay_max_s`, and up to `faults_max` faults, until three pings and heartbeats have gone each way.
fn domain(evidence: Evidence, delay_max_s: u64, faults_max: u8) -> Domain {
    Domain {
        policy: policy(evidence, TIMEOUT_S),
        others: vec![],
        changes_max: 0,
        ends_s: 13,
        delay_max: Span::from_secs(delay_max_s),
        faults_max,
        mutation: Mutation::None,
    }
}

/// As [`domain`], with all heartbeats at 3, 6, 9 and 12 s, those of both connections together.
fn together(faults_max: u8) -> Domain {
    let domain = domain(Evidence::PongOnly, 1, faults_max);
    Domain { policy: change(&domain.policy, |_, ask| ask.cadence = Cadence::Together), ..domain }
}

/// The policy, after `change` has been at its planes.
fn change(policy: &Policy, change: impl FnOnce(&mut Transport, &mut Ask)) -> Policy {
    let mut changed = policy.clone();
    let ask = changed.application.as_mut().and_then(|app| app.ask.as_mut());
    if let (Some(t), Some(ask)) = (&mut changed.transport, ask) {
        change(t, ask);
    }
    changed
}

/// One change in the middle, to shorter times or to longer ones, under one connection or both.
fn times_change(cadence: Cadence, faults_max: u8) -> Domain {
    let domain = domain(Evidence::PongOnly, 1, faults_max);
    let policy = change(&domain.policy, |_, ask| ask.cadence = cadence);
    let times = |interval_s, timeout_s, period_s| {
        change(&policy, |t, ask| {
            (t.interval, t.timeout, ask.period) = (Span::from_secs(interval_s), Span::from_secs(timeout_s), Span::from_secs(period_s));
        })
    };
    Domain { others: vec![times(3, 2, 2), times(6, 7, 4)], changes_max: 1, policy, ..domain }
}

/// Changes in the middle: to no pings, to no heartbeats, to pings by the rules of Tornado, and with two of them back again.
fn planes_change(changes_max: u8, faults_max: u8) -> Domain {
    let domain = domain(Evidence::PongOnly, 1, faults_max);
    let without = |plane: Plane| {
        let mut policy = domain.policy.clone();
        match plane {
            Plane::Transport => policy.transport = None,
            Plane::Application => policy.application = None,
        }
        policy
    };
    let tornado = change(&domain.policy, |t, _| (t.profile, t.timeout) = (Profile::Tornado65, Span::from_secs(3)));
    Domain { others: vec![without(Plane::Transport), without(Plane::Application), tornado], changes_max, ..domain }
}

fn all_laws_hold(evidence: Evidence, delay_max_s: u64, faults_max: u8) {
    all_laws_hold_in(&format!("{evidence:?}, {delay_max_s} s, {faults_max} faults"), &domain(evidence, delay_max_s, faults_max));
}

fn all_laws_hold_in(name: &str, domain: &Domain) {
    let found = search(domain);
    println!("{name}: {} states, {} steps", found.states, found.steps);
    assert!(found.violation.is_none(), "{:#?}", found.violation);
    assert!(found.states >= STATES_MIN, "{}", found.states);
}

#[test]
fn all_laws_hold_under_any_two_faults_where_any_byte_is_life() {
    all_laws_hold(Evidence::AnyBytes, 1, 2);
}

#[test]
fn all_laws_hold_under_any_two_faults_where_pongs_alone_are_life() {
    all_laws_hold(Evidence::PongOnly, 1, 2);
}

#[test]
fn all_laws_hold_in_any_order_of_answers_under_any_fault() {
    all_laws_hold(Evidence::PongOnly, 2, 1);
}

#[test]
fn all_laws_hold_under_any_fault_where_all_beat_together() {
    all_laws_hold_in("together", &together(2));
}

#[test]
fn all_laws_hold_when_times_change_in_the_middle() {
    all_laws_hold_in("shorter and longer times", &times_change(Cadence::Spread, 1));
}

#[test]
fn all_laws_hold_when_times_change_in_the_middle_where_all_beat_together() {
    all_laws_hold_in("shorter and longer times, together", &times_change(Cadence::Together, 1));
}

#[test]
fn all_laws_hold_when_planes_and_profiles_change_under_any_fault() {
    all_laws_hold_in("planes and profiles, 1 fault", &planes_change(1, 1));
}

#[test]
fn all_laws_hold_when_planes_and_profiles_change_and_change_back() {
    all_laws_hold_in("planes and profiles, and back", &planes_change(2, 0));
}

/// The search with this rule broken finds this law broken.
fn breaks(mutation: Mutation, law: &str) {
    breaks_in(Domain { mutation, ..domain(Evidence::PongOnly, 1, 2) }, law);
}

fn breaks_in(domain: Domain, law: &str) {
    let (found, mutation) = (search(&domain), domain.mutation);
    let (broken, history) = found.violation.unwrap_or_else(|| panic!("{mutation:?} went unseen in {} states", found.states));
    println!("{mutation:?}, {} states: {broken}\n    {history:?}", found.states);
    assert!(broken.starts_with(law), "{broken}");
}

#[test]
fn what_is_called_written_when_it_was_queued_breaks_law_11() {
    // The timeout ends before a second ping or heartbeat could break rule R6 first.
    let short = Domain { policy: policy(Evidence::PongOnly, 2), ends_s: 5, ..domain(Evidence::PongOnly, 1, 1) };
    breaks_in(Domain { mutation: Mutation::FlushedWhenQueued, ..short }, "law 11");
}

#[test]
fn what_was_written_and_never_reported_breaks_rule_6() {
    breaks(Mutation::FlushForgotten, "rule R6");
}

#[test]
fn ticks_before_what_has_arrived_break_law_12() {
    breaks(Mutation::TicksFirst, "law 12");
}

#[test]
fn a_timeout_shorter_than_promised_breaks_law_12() {
    breaks(Mutation::TimeoutHalved, "law 12");
}

#[test]
fn a_timeout_longer_than_promised_breaks_law_13() {
    breaks(Mutation::TimeoutDoubled, "law 13");
}

#[test]
fn bytes_that_count_for_another_connection_break_law_8() {
    breaks(Mutation::Crosstalk, "law 8");
}

#[test]
fn beats_on_a_grid_of_each_connections_own_break_the_beat_of_all() {
    breaks_in(Domain { mutation: Mutation::BeatsApart, ..together(1) }, "rule §9");
}

#[test]
fn a_shorter_or_longer_time_that_the_hub_is_not_told_of_breaks_law_13() {
    breaks_in(Domain { mutation: Mutation::ChangeForgotten, ..times_change(Cadence::Spread, 1) }, "law 13");
}

#[test]
fn a_plane_that_the_hub_is_not_told_to_turn_off_breaks_rule_9() {
    breaks_in(Domain { mutation: Mutation::ChangeForgotten, ..planes_change(1, 0) }, "rule R9");
}

#[test]
fn a_change_for_one_connection_that_reaches_the_other_breaks_law_8() {
    breaks_in(Domain { mutation: Mutation::ChangeForBoth, ..times_change(Cadence::Together, 0) }, "law 8");
}
