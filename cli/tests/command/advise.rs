//! `wsbeat advise`, run for real: what it advises, what it says against the rest, and that both are reproducible.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use crate::common::{Ended, run};
use serde_json::Value;

/// Few hours: what is tested does not depend on how many.
fn advise(args: &[&str]) -> Ended {
    let hours: &[&str] = if args.contains(&"--hours") { &[] } else { &["--hours", "20"] };
    run(["advise"].iter().chain(hours).chain(args))
}

/// The candidates, and the advice last.
fn advice(args: &[&str]) -> (Vec<Value>, Value) {
    let ended = advise(&[&["--format", "json"], args].concat());
    let mut lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["v"] == 1), "{}", ended.stdout);
    let advice = lines.pop().unwrap();
    assert_eq!(advice["event"], "advice");
    assert!(lines.iter().all(|line| line["event"] == "candidate"));
    (lines, advice)
}

fn candidate<'a>(all: &'a [Value], name: &str) -> &'a Value {
    let named = |value: &&Value| value["name"].as_str().unwrap().starts_with(name);
    all.iter().find(named).unwrap_or_else(|| panic!("{name} is not among {all:?}"))
}

#[test]
fn interval_and_timeout_follow_from_the_wishes() {
    let (all, advice) = advice(&["--rtt", "80ms±40ms", "--loss", "1%", "--proxy-idle", "100s", "--proxy-idle", "30s"]);
    assert_eq!((&advice["ping_interval_ms"], &advice["ping_timeout_ms"]), (&15_000.into(), &13_000.into()), "half of 30s");
    assert_eq!((&advice["interval_ms"], &advice["misses"]), (&10_000.into(), &2.into()));
    assert_eq!((&advice["proxy_idle_ms"], &advice["answer_us"]), (&30_000.into(), &6_320_000.into()));
    let advised: Vec<_> = all.iter().filter(|c| c["advised"] == true).map(|c| c["flags"].clone()).collect();
    assert_eq!(Value::from(advised), advice["flags"]);
    for candidate in all.iter().filter(|c| c["advised"] == true) {
        assert_eq!(candidate["false_kills"], 0, "{candidate}");
        assert_eq!(candidate["detect_us"]["deaths"], 1_000);
        assert!(candidate["detect_us"]["max"].as_u64().unwrap() <= 30_000_000, "{candidate}");
    }
}

#[test]
fn a_timeout_no_longer_than_the_interval_is_shown_to_kill_healthy_peers_under_tornado_6_4() {
    let (all, _) = advice(&[]);
    let trap = candidate(&all, "tornado-6.4 20s/10s");
    assert!(trap["why_not"].as_str().unwrap().contains("closes healthy peers"), "{trap}");
    assert!(trap["false_kills"].as_u64().unwrap() > 1_000, "{trap}");
    assert!(trap["false_kills_per_million_hours"].as_f64().unwrap() > 1e6);
    assert_eq!(candidate(&all, "tornado-6.4 5s/10s")["false_kills"], 0, "the article's settings keep them");
}

#[test]
fn nothing_seen_is_a_bound_and_not_zero() {
    let (all, _) = advice(&[]);
    let strict = candidate(&all, "strict 20s/10s");
    assert_eq!((&strict["false_kills"], &strict["connection_hours"]), (&0.into(), &20.0.into()));
    assert_eq!(strict["false_kills_per_million_hours"], Value::Null);
    assert_eq!(strict["false_kills_per_million_hours_below"], 150_000.0, "the rule of three: 3 in 20 h");
    let text = advise(&[]).stdout;
    assert!(text.contains("< 150000") && text.contains("rule of three") && text.contains("seed 0: 20 connection-hours"), "{text}");
}

#[test]
fn what_is_lost_raises_the_alarm_where_the_timeout_does_not_bear_it() {
    // Two losses in ten: six in a row take 12.6 s, and the profile waits 5 s.
    const LOSSY: &[&str] = &["--loss", "20%", "--detect-within", "1h", "--hours", "100"];
    let (all, _) = advice(LOSSY);
    let tornado = candidate(&all, "tornado-6.4 5s/10s");
    let (others, _) = advice(&[LOSSY, &["--seed", "1"]].concat());
    assert_ne!(tornado["false_kills"], candidate(&others, "tornado-6.4 5s/10s")["false_kills"], "another seed, other losses");
    assert!(tornado["false_kills"].as_u64().unwrap() > 0, "{tornado}");
    let (hours, kills) = (tornado["connection_hours"].as_f64().unwrap(), tornado["false_kills"].as_f64().unwrap());
    let rate = tornado["false_kills_per_million_hours"].as_f64().unwrap();
    assert!((rate - kills * 1e6 / hours).abs() / rate < 0.02, "{tornado}");
    let advised: Vec<_> = all.iter().filter(|c| c["advised"] == true).collect();
    assert!(!advised.is_empty() && advised.iter().all(|c| c["false_kills"] == 0), "what is advised bears it: {advised:?}");
}

#[test]
fn the_same_arguments_give_the_same_answer() {
    let with = |seed: &str| advise(&["--loss", "5%", "--detect-within", "90s", "--seed", seed]).stdout;
    let first = with("7");
    assert_eq!(first, with("7"));
    assert_ne!(first, with("8"));
}

#[test]
fn the_flags_are_those_of_serve() {
    let (all, _) = advice(&["--detect-within", "1m30s"]);
    for candidate in &all {
        let flags = candidate["flags"].as_str().unwrap();
        let ended = run(["serve", "--print-config"].into_iter().chain(flags.split(' ')));
        assert_eq!(ended.code, Some(0), "{flags}: {}", ended.stderr);
    }
    let text = advise(&["--connections", "5"]).stdout;
    assert!(text.contains("pings      wsbeat serve --dialect none --ping-interval 20s --ping-timeout 10s\n"), "{text}");
    assert!(text.contains("5 connections: 0.2 pings a second"), "{text}");
}

#[test]
fn a_pause_on_the_wire_that_a_proxy_does_not_bear_is_told() {
    let (all, _) = advice(&["--proxy-idle", "60s", "--detect-within", "10m"]);
    let why = candidate(&all, "uwebsockets")["why_not"].clone();
    assert_eq!(why, "silent for 1m52s at a time, and a proxy closes after 1m");
}

#[test]
fn wishes_that_nothing_meets_exit_with_1() {
    let ended = advise(&["--loss", "20%", "--detect-within", "5s"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("interval   none: ") && ended.stdout.contains("nothing meets this"), "{}", ended.stdout);
    let quiet = advise(&["--loss", "20%", "--detect-within", "5s", "--format", "quiet"]);
    assert_eq!((quiet.code, quiet.stdout.as_str()), (Some(1), ""));
}

#[test]
fn wishes_that_cannot_be_are_usage_errors() {
    for (args, words) in [
        (&["--rtt", "80"][..], "a duration needs a unit: 80s, or 80ms"),
        (&["--rtt", "80ms±90ms"], "at most the latency itself"),
        (&["--loss", "101%"], "a share is such as 5% or 0.05"),
        (&["--detect-within", "100ms"], "at least 1s"),
        (&["--rtt", "2s", "--detect-within", "2s"], "--detect-within 2s: more than the longest round trip, which is 2s"),
        (&["--proxy-idle", "60"], "a duration needs a unit: 60s, or 60ms"),
        (&["--connections", "0"], "--connections"),
        (&["--hours", "0"], "--hours"),
    ] {
        let ended = run(["advise"].iter().chain(args));
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stdout);
        assert!(ended.stderr.contains(words), "{args:?}: {}", ended.stderr);
    }
}
