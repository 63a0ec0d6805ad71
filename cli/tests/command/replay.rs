//! `wsbeat replay`, run for real.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use crate::common::{Ended, Serve, close_code, read_all, run};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");

const EXAMPLE: &str = r#"{"v":1,"trace":"wsbeat","seed":7,"ticks":"auto","dialect":"htx-spot-v1","interval":"5s","misses":2,"cadence":"together"}
{"t":0,"wall":1492420468027,"conn":1,"in":"open"}
{"t":5000000000,"conn":1,"out":"heartbeat","token":1492420473027,"data":"{\"ping\":1492420473027}"}
{"t":5020000000,"conn":1,"in":"text","data":"{\"pong\":1492420473027}"}
{"t":10000000000,"conn":1,"out":"heartbeat","token":1492420478027,"data":"{\"ping\":1492420478027}"}
{"t":15000000000,"conn":1,"out":"heartbeat","token":1492420483027,"data":"{\"ping\":1492420483027}"}
{"t":20000000000,"conn":1,"out":"close","code":4408,"reason":"heartbeat timeout","verdict":"peer-silent","unanswered":2}
{"t":25000000000,"conn":1,"out":"abort"}
"#;

/// Replays a trace of this name and text.
fn replay(name: &str, text: &str, args: &[&str]) -> Ended {
    let file = format!("{}/replay-{name}.jsonl", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, text).unwrap();
    run(["replay", &file].iter().chain(args))
}

#[test]
fn the_example_is_identical_and_ends_with_its_digest() {
    let ended = replay("same", EXAMPLE, &["--diff"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, "identical\ndigest c8c862801b796f0693f36cd71760d12c\n");
}

#[test]
fn a_trace_that_differs_exits_with_1_and_names_the_line() {
    let ended = replay("differs", &EXAMPLE.replace("4408", "4409"), &["--diff"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.starts_with("line 7: recorded {\"t\":20000000000"), "{}", ended.stdout);
    assert!(ended.stdout.contains("\n        replayed {\"t\":20000000000,\"conn\":1,\"out\":\"close\",\"code\":4408"), "{}", ended.stdout);
    assert!(ended.stdout.contains("\n1 difference\ndigest "), "{}", ended.stdout);
    let quiet = replay("quiet", &EXAMPLE.replace("4408", "4409"), &["--diff", "--format", "quiet"]);
    assert_eq!((quiet.code, quiet.stdout.as_str()), (Some(1), ""));
}

#[test]
fn events_are_the_out_lines_of_the_trace() {
    let ended = replay("events", EXAMPLE, &["--print", "events", "--format", "json"]);
    let outs: Vec<&str> = EXAMPLE.lines().filter(|line| line.contains("\"out\"")).collect();
    let (lines, last): (Vec<&str>, &str) = {
        let mut lines: Vec<&str> = ended.stdout.lines().collect();
        let last = lines.pop().unwrap();
        (lines, last)
    };
    assert_eq!(lines, outs);
    assert_eq!(last, "{\"v\":1,\"event\":\"digest\",\"digest\":\"c8c862801b796f0693f36cd71760d12c\"}");
}

#[test]
fn a_person_reads_why_and_how_many() {
    let events = replay("text", EXAMPLE, &["--print", "events", "--until", "20s"]).stdout;
    assert!(events.contains("\n20.000000000 conn=1 close 4408 peer-silent: 2 unanswered, last answer 14.980 s ago, "), "{events}");
    assert!(!events.contains("abort"), "{events}");
    let summary = replay("summary", EXAMPLE, &[]).stdout;
    let first = "1 connections (0 open at the end), 2 inputs, 0 pings (0 answered), 3 heartbeats (1 answered), 0 answers sent, 0 messages delivered, \
                 1 closed peer-silent, 1 aborted close-timeout\ndigest ";
    assert!(summary.starts_with(first), "{summary}");
}

#[test]
fn a_trace_that_is_cut_or_newer_is_a_usage_error_with_its_line() {
    let cut = replay("cut", &EXAMPLE[..EXAMPLE.len() - 20], &[]);
    assert_eq!((cut.code, cut.stdout.as_str()), (Some(2), ""));
    assert!(cut.stderr.contains("replay-cut.jsonl: line 8: the line is cut"), "{}", cut.stderr);
    let newer = replay("newer", &EXAMPLE.replace("\"v\":1", "\"v\":2"), &[]);
    assert!(newer.stderr.contains("line 1: v = 2: a newer version"), "{}", newer.stderr);
    assert_eq!(run(["replay", "/nowhere/trace.jsonl"]).code, Some(2));
    assert_eq!(replay("until", EXAMPLE, &["--until", "20"]).code, Some(2), "a duration needs a unit");
}

#[test]
fn every_golden_trace_is_identical() {
    for file in std::fs::read_dir(GOLDEN).unwrap() {
        let path = file.unwrap().path();
        let ended = run([std::ffi::OsStr::new("replay"), path.as_os_str(), "--diff".as_ref()]);
        assert_eq!(ended.code, Some(0), "{}: {}{}", path.display(), ended.stdout, ended.stderr);
    }
}

#[test]
fn what_a_server_records_replays_identically() {
    let file = format!("{}/recorded.jsonl", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, "what was in it before\n").unwrap();
    let serve = Serve::start(&["--interval", "100ms", "--ping-interval", "150ms", "--ping-timeout", "100ms", "--record", &file]);
    // It answers pings, and no heartbeat.
    let mut slow = serve.client();
    assert_eq!(close_code(&read_all(&mut slow)), Some(4408));
    let mut leaves = serve.client();
    leaves.close(None).unwrap();
    let _ = read_all(&mut leaves);
    assert_eq!(serve.stop().code, Some(0));
    let ended = run(["replay", &file, "--diff"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let trace = std::fs::read_to_string(&file).unwrap();
    assert!(trace.starts_with("{\"v\":1,\"trace\":\"wsbeat\""), "{trace}");
    for part in ["\"interval\":\"100ms\"", "\"verdict\":\"peer-slow\"", "\"verdict\":\"peer-closed\""] {
        assert!(trace.contains(part), "no {part} in {trace}");
    }
}

#[test]
fn a_record_that_cannot_be_made_is_told_at_the_start() {
    let ended = run(["serve", "--listen", "127.0.0.1:0", "--record", "/nowhere/at/all"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("record = /nowhere/at/all"), "{}", ended.stderr);
}
