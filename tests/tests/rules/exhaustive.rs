//! Every interleaving of a small world keeps the laws; and a rule that is broken on purpose is found out.

use std::time::Duration;

use wsbeat_core::policy::{Application, Ask, Death, Evidence, Plan, Policy, PolicyConfig, Start, TokenKind};
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
        ends_s: 13,
        delay_max: Span::from_secs(delay_max_s),
        faults_max,
        mutation: Mutation::None,
    }
}

fn all_laws_hold(evidence: Evidence, delay_max_s: u64, faults_max: u8) {
    let found = search(&domain(evidence, delay_max_s, faults_max));
    println!("{evidence:?}, {delay_max_s} s, {faults_max} faults: {} states, {} steps", found.states, found.steps);
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
