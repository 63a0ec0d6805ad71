//! `wsbeat simulate`, run for real.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use crate::common::{Ended, wsbeat};

/// The command is read while it runs: what it prints may be more than a pipe holds.
fn run(args: &[&str]) -> Ended {
    let output = wsbeat(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn simulate(args: &[&str]) -> Ended {
    run(&[&["simulate"], args].concat())
}

#[test]
fn who_is_frozen_is_closed_for_silence_and_no_other() {
    let ended = simulate(&["--connections", "3", "--for", "20s", "--seed", "7", "--freeze", "2@6s:inf", "--print", "events"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let closes: Vec<&str> = ended.stdout.lines().filter(|line| line.contains(" close ")).collect();
    assert_eq!(closes.len(), 1, "{}", ended.stdout);
    assert!(closes[0].contains("conn=2 close 4408 peer-silent: 2 unanswered"), "{}", closes[0]);
    assert!(ended.stdout.lines().last().unwrap().starts_with("digest "), "{}", ended.stdout);
}

#[test]
fn the_same_arguments_give_the_same_digest_printed_or_not() {
    let digest = |more: &[&str]| {
        let ended = simulate(&[&["--connections", "20", "--for", "10m", "--seeds", "3"], more].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stdout);
        ended.stdout.lines().last().unwrap().to_owned()
    };
    let first = digest(&[]);
    assert_eq!(first, digest(&["--print", "events"]));
    assert_ne!(first, digest(&["--seed", "1"]));
}

#[test]
fn a_recorded_storm_replays_to_the_same_digest() {
    let file = format!("{}/simulate-storm.jsonl", env!("CARGO_TARGET_TMPDIR"));
    for side in ["server", "client"] {
        let args = ["--connections", "5", "--for", "8m", "--seed", "3", "--fault", "all=storm", "--role", side, "--trace", &file];
        let simulated = simulate(&args);
        assert_eq!((simulated.code, simulated.stderr.as_str()), (Some(0), ""), "{}", simulated.stdout);
        let replayed = run(&["replay", &file, "--diff"]);
        assert_eq!(replayed.stdout.lines().next(), Some("identical"), "{side}: {}", replayed.stdout);
        assert_eq!(replayed.stdout.lines().last(), simulated.stdout.lines().last(), "{side}");
    }
}

/// The line `reproduce:` of many seeds names one, and `--seeds 1` for its storm.
#[test]
fn one_seed_of_many_is_traced() {
    let file = format!("{}/simulate-seed.jsonl", env!("CARGO_TARGET_TMPDIR"));
    let args = ["--connections", "5", "--for", "8m", "--seed", "4", "--seeds", "1"];
    let (traced, plain) = (simulate(&[&args[..], &["--trace", &file]].concat()), simulate(&args));
    assert_eq!((traced.code, &traced.stdout), (Some(0), &plain.stdout), "{}", traced.stderr);
    assert_eq!(run(&["replay", &file, "--diff"]).stdout.lines().last(), traced.stdout.lines().last());
}

#[test]
fn the_summary_of_many_seeds_counts_every_fault() {
    let ended = simulate(&["--connections", "5", "--for", "10m", "--seeds", "2", "--format", "json"]);
    let lines: Vec<serde_json::Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ended.code, Some(0));
    assert_eq!((lines[0]["event"].as_str(), lines[0]["broken"].as_u64()), (Some("summary"), Some(0)));
    assert!(lines[0]["faults"].as_object().unwrap().len() >= 20);
    assert_eq!(lines[1]["digest"].as_str().unwrap().len(), 32);
}

#[test]
fn wishes_that_cannot_be_are_usage_errors() {
    for args in [
        &["--profile", "tornado-6.4"][..],
        &["--dialect", "none"],
        &["--fault", "ded=1%"],
        &["--freeze", "0@1s:inf"],
        &["--freeze", "9@1s:inf", "--connections", "5"],
        &["--connections", "0"],
        &["--seeds", "2", "--trace", "/dev/null"],
        &["--latency", "5"],
        &["--seeds", "0"],
        &["--config", "/nonexistent.toml"],
    ] {
        let ended = simulate(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stdout);
        assert!(!ended.stderr.is_empty());
    }
}
