//! Every interleaving of a small world keeps the laws; and a rule that is broken on purpose is found out.

use std::time::Duration;

use wsbeat_core::policy::{Application, Ask, Death, Evidence, Plan, Policy, PolicyConfig, Start, TokenKind};
use wsbeat_core::time::Span;
use wsbeat_tests::exhaustive::{Domain, Mutation, search};

const STATES_MIN: usize = 100_000;

fn s(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// Pings at 2, 6 and 10 s after the opening, heartbeats at 3, 6 and 9.
fn policy(evidence: Evidence) -> Policy {
    let ask = Ask { start: Start::Interval, token: TokenKind::Counter, ..Ask::every(Span::from_secs(3), Death::MissesBefore(2)) };
    let application = Application { ask: Some(ask), listen: None, answers_peer: false, feed_timeout: None, close_code: Some(4408) };
    let config = PolicyConfig {
        ping_interval: s(4),
        ping_timeout: s(5),
        first_ping: s(2),
        write_stall: s(6),
        close_timeout: s(2),
        evidence: Some(evidence),
        ..PolicyConfig::default()
    };
    config.check(Plan { application: Some(application), ..Plan::default() }).expect("in its limits")
}

fn domain(evidence: Evidence, faults_max: u8) -> Domain {
    Domain { policy: policy(evidence), ends_s: 12, faults_max, mutation: Mutation::None }
}

fn all_laws_hold(domain: &Domain) {
    let found = search(domain);
    let evidence = domain.policy.transport.unwrap().evidence;
    println!("{evidence:?}, {} faults: {} states, {} steps", domain.faults_max, found.states, found.steps);
    assert!(found.violation.is_none(), "{:#?}", found.violation);
    assert!(found.states >= STATES_MIN, "{}", found.states);
}

#[test]
fn all_laws_hold_in_every_state_where_any_byte_is_life() {
    all_laws_hold(&domain(Evidence::AnyBytes, 1));
}

#[test]
fn all_laws_hold_in_every_state_where_pongs_alone_are_life() {
    all_laws_hold(&domain(Evidence::PongOnly, 1));
}

/// The search with this rule broken finds this law broken.
fn breaks(mutation: Mutation, law: &str) {
    let found = search(&Domain { mutation, ..domain(Evidence::PongOnly, 1) });
    let (broken, history) = found.violation.unwrap_or_else(|| panic!("{mutation:?} went unseen in {} states", found.states));
    println!("{mutation:?}, {} states: {broken}\n    {history:?}", found.states);
    assert!(broken.starts_with(law), "{broken}");
}

#[test]
fn what_is_called_written_when_it_was_queued_breaks_law_11() {
    breaks(Mutation::FlushedWhenQueued, "law 11");
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
