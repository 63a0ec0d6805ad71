//! The simulator as a kit for one's own policy and network: any policy, watched or not, and a summary that says what came of it.

use std::time::Duration;

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::event::{Action, Input, VerdictKind};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig, Profile};
use wsbeat_core::sim::{Detail, Fault, Faults, Report, Scenario, Seen, What};

const MINUTE: Duration = Duration::from_secs(60);

fn dialect(id: &str, role: Role, config: &PolicyConfig) -> Scenario {
    let dialect = Dialect::preset(id).unwrap();
    let policy = config.check(dialect.plan(role, config).unwrap()).unwrap();
    Scenario::new(policy).dialect(dialect, role).detail(Detail::Bytes)
}

fn pinging(config: PolicyConfig) -> Scenario {
    Scenario::new(config.check(Plan::default()).unwrap())
}

fn strict() -> PolicyConfig {
    PolicyConfig { profile: Some(Profile::Strict), ..PolicyConfig::default() }
}

fn told(report: &Report) -> Vec<String> {
    report.to_string().lines().map(String::from).collect()
}

#[test]
fn the_summary_has_a_line_for_each_thing_that_there_is() {
    let report = Scenario::new(Policy::strict()).connections(3).seed(7).freeze(2, MINUTE * 10, None).run(MINUTE * 60);
    let lines = told(&report);
    assert_eq!(lines[0], "seed 7: 3 connections, 3600s, 3 connection-hours");
    assert_eq!(lines[1], "opened 3, open at the end 2");
    let events = report.inputs + report.actions + report.ticks;
    let counts = format!("{} inputs, {} actions, {} ticks", report.inputs, report.actions, report.ticks);
    assert_eq!(lines[2], format!("events {events}: {counts}"));
    assert!(lines[3].starts_with("pings ") && lines[3].ends_with(", heartbeats 0, false kills 0"), "{report}");
    assert_eq!(lines[4..6], ["verdict peer-silent 1", "verdict close-timeout 1"]);
    assert_eq!(lines[6], format!("fault freeze {}", report.faults.get(Fault::Freeze)));
    assert!(lines[7].starts_with("rtt of pings: p50 ") && lines[7].contains(", p99 ") && lines[7].contains(", max "), "{report}");
    assert!(lines[8].starts_with("time to a verdict: p50 "), "{report}");
    assert_eq!(lines[9..], ["laws broken 0"]);
}

#[test]
fn the_summary_tells_a_broken_law_by_its_time_and_its_connection() {
    let report = pinging(PolicyConfig { ping_interval: Some(Duration::from_secs(19)), ..strict() });
    let report = report.judged_as(Policy::strict()).run(MINUTE);
    let first = report.breaches[0];
    let line = format!("broken at {:?} conn=1: pings are not an interval apart", first.at);
    assert!(told(&report).contains(&line), "{report}");
    assert_eq!(told(&report).pop(), Some(format!("laws broken {}", report.breaches_count)));
}

#[test]
fn who_watches_sees_all_that_happens_and_changes_nothing() {
    let scenario = dialect("htx-spot-v1", Role::Server, &strict()).connections(5).seed(3).faults(Faults::storm());
    let (mut inputs, mut actions, mut ticks, mut accepted, mut opened) = (0, 0, 0, 0, 0);
    let watched = scenario.run_watched(MINUTE * 10, &mut |seen: &Seen| match seen.what {
        What::Accepted => accepted += 1,
        What::Input(input) => {
            inputs += 1;
            opened += u64::from(input == Input::Opened);
        }
        What::Action(_) => actions += 1,
        What::Tick { budget } => {
            assert!(budget > 0 && seen.conn == 0);
            ticks += 1;
        }
    });
    assert_eq!((accepted, inputs, actions, ticks), (watched.opened, watched.inputs, watched.actions, watched.ticks));
    assert!(opened > 5 && opened <= accepted, "{opened} of {accepted}");
    assert_eq!(watched.digest, scenario.run(MINUTE * 10).digest);
}

#[test]
fn a_frozen_peer_that_thaws_in_time_is_not_given_up() {
    let thawed = Scenario::new(Policy::strict()).connections(2).freeze(1, MINUTE, Some(Duration::from_secs(15))).run(MINUTE * 5);
    assert!(thawed.is_lawful() && thawed.open_at_end == 2 && thawed.opened == 2, "{thawed}");
    let nobody = Scenario::new(Policy::strict()).connections(2).freeze(0, MINUTE, None).run(MINUTE * 5);
    assert!(nobody.is_lawful() && nobody.open_at_end == 2, "clients are counted from 1: {nobody}");
}

#[test]
fn in_a_storm_in_which_someone_is_frozen_for_ever_no_calm_is_asked_for() {
    let report = Scenario::new(Policy::strict()).connections(5).seed(1).fault(Fault::Loss, 50_000).freeze(3, MINUTE, None).run(MINUTE * 20);
    assert!(report.is_lawful() && report.open_at_end == 4, "{report}");
}

#[test]
fn an_honest_peer_that_is_not_connected_in_the_calm_is_found() {
    let patient = PolicyConfig { handshake_timeout: Some(MINUTE * 600), ..strict() };
    let report = pinging(patient).connections(5).fault(Fault::Handshake, 1_000_000).run(MINUTE * 20);
    let what: Vec<&str> = report.breaches.iter().map(|breach| breach.what).collect();
    assert_eq!(what, ["calm: the storm is over, and an honest peer is not connected"; 5], "{report}");
}

/// Every kind of policy, in a storm.
fn policies() -> Vec<(&'static str, Scenario)> {
    let plain = PolicyConfig::default();
    let told = |key: &str, value: &str| {
        let mut config = strict();
        assert_eq!(config.set(key, value), Ok(true), "{key}");
        pinging(config)
    };
    let profile = |name: &str| {
        let mut config = PolicyConfig { ping_interval: Some(Duration::from_secs(20)), ..plain.clone() };
        assert_eq!(config.set("profile", name), Ok(true));
        pinging(config)
    };
    let mut fed = plain.clone();
    assert_eq!(fed.set("feed_timeout", "60s"), Ok(true));
    let clients = ["binance-spot", "kucoin", "graphql-ws", "okx", "signalr"].map(|id| (id, dialect(id, Role::Client, &plain)));
    let others = vec![
        ("answers", told("answers", "any")),
        ("tolerate_empty", told("tolerate_empty", "true")),
        ("adaptive", told("adaptive", "true")),
        ("only_when_idle", told("only_when_idle", "true")),
        ("jitter", told("jitter", "5%")),
        ("evidence", told("evidence", "pong")),
        ("evidence", told("evidence", "frame")),
        ("max_lifetime", told("max_lifetime", "2m")),
        ("tornado-6.4", profile("tornado-6.4")),
        ("tornado-6.5", profile("tornado-6.5")),
        ("websockets", profile("websockets")),
        ("ws-recipe", profile("ws-recipe")),
        ("uwebsockets", profile("uwebsockets")),
        ("gorilla-chat", profile("gorilla-chat")),
        ("blog", dialect("blog", Role::Server, &plain)),
        ("one miss", dialect("htx-spot-v1", Role::Server, &PolicyConfig { misses: Some(1), ..plain.clone() })),
        (
            "any answers",
            dialect("htx-spot-v1", Role::Server, &PolicyConfig { answers: Some(wsbeat_core::policy::Answers::Any), ..plain.clone() }),
        ),
        ("feed_timeout", dialect("htx-spot-v1", Role::Client, &fed)),
        ("stomp-1.2", dialect("stomp-1.2", Role::Server, &plain)),
    ];
    others.into_iter().chain(clients).collect()
}

#[test]
fn under_every_kind_of_policy_no_law_is_broken_in_a_storm() {
    for (seed, (name, scenario)) in (0..).zip(policies()) {
        let report = scenario.connections(10).seed(seed).faults(Faults::storm()).run(MINUTE * 30);
        assert!(report.is_lawful(), "{name}: {report}");
        assert!(report.opened >= 10, "{name}: {report}");
    }
}

#[test]
fn more_connections_than_one_tick_visits_are_all_asked_in_their_beat() {
    let (mut beats, mut ticks) = (0, 0);
    let crowd = dialect("blog", Role::Server, &PolicyConfig::default()).detail(Detail::Tokens).connections(3_000);
    let report = crowd.run_watched(Duration::from_secs(6), &mut |seen| match seen.what {
        What::Action(Action::Heartbeat(_)) => {
            assert_eq!(Duration::from_nanos(seen.now.at.as_nanos()), Duration::from_secs(5));
            beats += 1;
        }
        What::Tick { .. } if Duration::from_nanos(seen.now.at.as_nanos()) == Duration::from_secs(5) => ticks += 1,
        _ => {}
    });
    assert!(report.is_lawful(), "{report}");
    assert_eq!(beats, 3_000);
    assert!(ticks > 2, "{ticks}");
}

#[test]
fn what_lies_unread_when_its_connection_ends_is_told_to_nobody_else() {
    let far = Scenario::new(Policy::strict()).latency(Duration::from_secs(4), Duration::ZERO).connections(40);
    let report = far.fault(Fault::UnreadInput, 1_000_000).fault(Fault::ReconnectStorm, 1_000_000).run(MINUTE * 60);
    assert!(report.is_lawful(), "{report}");
    assert!(report.faults.get(Fault::UnreadInput) > 100 && report.faults.get(Fault::ReconnectStorm) > 10, "{report}");
    assert_eq!(report.closes_by_verdict(VerdictKind::PeerSilent), 0, "{report}");
}
