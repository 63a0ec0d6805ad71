//! A trace that is cut, newer, or edited wrongly is told by its line, with what is wrong and what is allowed.

use wsbeat_core::trace::{Trace, TraceLimits};
use wsbeat_tests::trace::replayed;

const HEAD: &str = r#"{"v":1,"trace":"wsbeat","ticks":"auto","dialect":"htx-spot-v1","profile":"strict","first_ping":"15s"}"#;

/// The error of a trace of these lines behind a good header and an `open`, which are lines 1 and 2.
fn after_open(lines: &str) -> String {
    wrong(&format!("{HEAD}\n{{\"t\":10,\"in\":\"open\"}}\n{lines}\n"))
}

fn wrong(text: &str) -> String {
    replayed(text).expect_err(text).to_string()
}

fn header(keys: &str) -> String {
    wrong(&format!("{{\"v\":1,\"trace\":\"wsbeat\"{keys}}}\n"))
}

#[test]
fn what_is_no_trace_at_all() {
    assert_eq!(wrong(""), "line 1: an empty file is no trace: the first line is its header");
    assert_eq!(wrong("\n\n"), "line 1: an empty file is no trace: the first line is its header");
    assert_eq!(wrong("[1]"), "line 1: one JSON object a line");
    assert_eq!(wrong("hello"), "line 1: no JSON object: expected value at line 1 column 1");
    assert!(wrong("{}").starts_with("line 1: trace: the first line is the header of a trace"));
    assert!(wrong(r#"{"t":0,"in":"open"}"#).starts_with("line 1: trace: the first line is the header of a trace"), "its head is cut off");
}

#[test]
fn threat_30_a_newer_version_is_told_as_such() {
    assert_eq!(wrong(r#"{"v":2,"trace":"wsbeat"}"#), "line 1: v = 2: a newer version: this reads version 1");
    assert_eq!(wrong(r#"{"v":0,"trace":"wsbeat"}"#), "line 1: v = 0: the version: 1");
    assert_eq!(wrong(r#"{"trace":"wsbeat"}"#), "line 1: v: the version: 1");
    assert!(wrong(r#"{"v":"1","trace":"wsbeat"}"#).starts_with("line 1: v = 1: a whole number"));
}

#[test]
fn settings_of_the_header_are_checked_as_everywhere() {
    assert_eq!(header(r#","interval":5"#), "line 1: interval = 5: a duration needs a unit, such as 5s, 250ms or 1m30s");
    assert_eq!(header(r#","misses":0"#), "line 1: misses = 0: 1 to 255");
    assert_eq!(header(r#","profile":"tornado-6.4""#), "line 1: ping_interval = absent: this profile has no default interval: name one");
    assert!(header(r#","profile":"tornado""#).starts_with("line 1: profile = tornado: one of strict, "));
    assert!(
        header(r#","dialect":"hxt""#)
            .starts_with("line 1: dialect = hxt: no such dialect: give dialect_toml as well, or one of none, blog, ")
    );
    assert!(header(r#","dialect":"x","dialect_toml":"?""#).starts_with("line 1: dialect_toml: line 1: "));
    assert!(header(r#","dialect":"x","dialect_toml":"""#).contains("dialect_toml"));
    assert_eq!(header(r#","ticks":"manual""#), "line 1: ticks = manual: auto, or left out where ticks are recorded");
    assert_eq!(header(r#","role":"peer""#), "line 1: role = peer: server or client");
    assert!(header(r#","seed":-1"#).starts_with("line 1: seed = -1: a whole number from 0 to 18446744073709551615"));
}

#[test]
fn unknown_keys_are_ignored() {
    assert!(replayed("{\"v\":1,\"trace\":\"wsbeat\",\"colour\":[1,{}]}\n{\"t\":1,\"in\":\"open\",\"why\":null}\n").is_ok());
}

#[test]
fn times_are_there_and_run_forwards() {
    assert_eq!(after_open(r#"{"in":"lost"}"#), "line 3: t: missing: a whole number from 0 to 18446744073709551615");
    assert_eq!(after_open(r#"{"t":9,"in":"lost"}"#), "line 3: t = 9: time runs backwards: the line before has 10");
    assert_eq!(
        after_open("{\"t\":20,\"out\":\"ping\"}\n{\"t\":19,\"out\":\"ping\"}"),
        "line 4: t = 19: time runs backwards: the line before has 20"
    );
    for t in ["1.5", "1e3", "-1", "\"1\"", "true", "18446744073709551616"] {
        let error = after_open(&format!("{{\"t\":{t},\"in\":\"lost\"}}"));
        assert!(error.starts_with("line 3: t = ") && error.ends_with("a whole number from 0 to 18446744073709551615"), "{error}");
    }
    assert!(after_open(r#"{"t":20,"wall":-5,"in":"lost"}"#).starts_with("line 3: wall = -5: a whole number"));
}

#[test]
fn threat_30_what_happens_is_known() {
    assert!(after_open(r#"{"t":20,"in":"pongs"}"#).starts_with("line 3: in = pongs: one of accept, open, tick, "));
    assert_eq!(after_open(r#"{"t":20}"#), "line 3: in: missing: a line says what came in, or what went out");
    assert_eq!(
        after_open(r#"{"t":20,"in":"lost","out":"ping"}"#),
        "line 3: in = lost: a line says what came in, or what went out: not both"
    );
    assert_eq!(after_open(r#"{"t":20,"in":7}"#), "line 3: in = 7: a string");
    assert_eq!(after_open(r#"{"t":20,"in":"text"}"#), "line 3: data: missing: a string");
    assert_eq!(after_open(r#"{"t":20,"in":"binary"}"#), "line 3: b64: missing: the message in base64");
    assert!(after_open(r#"{"t":20,"in":"binary","b64":"?"}"#).starts_with("line 3: b64 = ?: base64 with padding (RFC 4648): "));
    assert!(
        after_open(r#"{"t":20,"in":"bytes","n":4294967296}"#).starts_with("line 3: n = 4294967296: a whole number from 0 to 4294967295")
    );
    assert!(after_open(r#"{"t":20,"in":"flushed"}"#).starts_with("line 3: token: missing: "));
    assert_eq!(after_open(r#"{"t":20,"in":"pong","of":0}"#), "line 3: of = 0: pings are counted from 1");
    assert_eq!(after_open(r#"{"t":20,"in":"pong","of":1}"#), "line 3: of = 1: connection 1 has sent 0 pings so far");
    assert!(after_open(r#"{"t":20,"in":"fault","fault":"bad"}"#).starts_with("line 3: fault = bad: one of malformed, "));
}

#[test]
fn control_frames_keep_to_their_limits() {
    let long = "A".repeat(168);
    for kind in ["pong", "user-ping"] {
        let error = after_open(&format!("{{\"t\":20,\"in\":\"{kind}\",\"b64\":\"{long}\"}}"));
        assert!(error.ends_with("a control frame carries at most 125 bytes, not 126"), "{error}");
        assert!(error.len() < 160, "the value is cut: {error}");
    }
    let error = after_open(&format!("{{\"t\":20,\"in\":\"user-close\",\"code\":1000,\"reason\":\"{}\"}}", "x".repeat(124)));
    assert!(error.ends_with("at most 123 bytes, not 124"), "{error}");
    assert!(after_open(r#"{"t":20,"in":"user-close","code":1005}"#).starts_with("line 3: code = 1005: a code that may be sent"));
    assert!(after_open(r#"{"t":20,"in":"close","code":65536}"#).starts_with("line 3: code = 65536: a whole number from 0 to 65535"));
}

#[test]
fn connections_are_opened_once_and_before_all_else() {
    assert_eq!(after_open(r#"{"t":20,"conn":2,"in":"lost"}"#), "line 3: conn = 2: not open: its open line comes first");
    assert_eq!(after_open(r#"{"t":20,"in":"accept"}"#), "line 3: conn = 1: accepted before: a number names one connection");
    let again = "{\"t\":20,\"in\":\"lost\"}\n{\"t\":21,\"in\":\"bytes\"}\n{\"t\":22,\"in\":\"open\"}";
    assert_eq!(after_open(again), "line 5: conn = 1: has ended: a number names one connection");
    assert_eq!(after_open(r#"{"t":20,"conn":0,"in":"open"}"#), "line 3: conn = 0: a number from 1 to 4294967296");
    assert!(after_open(r#"{"t":20,"conn":4294967297,"in":"open"}"#).starts_with("line 3: conn = 4294967297: a whole number"));
}

#[test]
fn a_change_of_settings_that_cannot_be_is_told_before_anything_runs() {
    let error = after_open("{\"t\":20,\"in\":\"reconfigure\",\"profile\":\"tornado-6.5\"}\n");
    assert_eq!(error, "line 3: ping_interval = absent: this profile has no default interval: name one");
    assert_eq!(
        after_open(r#"{"t":20,"in":"reconfigure","close_code":1006}"#),
        "line 3: close_code = 1006: a code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999"
    );
}

#[test]
fn threat_30_a_file_that_is_cut_anywhere_is_an_error_of_its_last_line_or_a_shorter_trace() {
    let whole = format!("{HEAD}\n{{\"t\":0,\"in\":\"open\"}}\n{{\"t\":20,\"conn\":1,\"in\":\"text\",\"data\":\"\u{5fc3}\"}}\n");
    for end in 1..whole.len() {
        let cut = &whole.as_bytes()[..end];
        let line = 1 + cut.iter().filter(|b| **b == b'\n').count();
        match Trace::read(cut, TraceLimits::default()) {
            Ok(_) => assert!(matches!(whole.as_bytes()[end - 1], b'\n' | b'}'), "{end}"),
            Err(e) => {
                assert_eq!(e.line, line, "{e}");
                assert!(e.limit.starts_with("the line is cut") || e.limit.starts_with("no UTF-8"), "{e}");
            }
        }
    }
}

#[test]
fn sizes_are_limited() {
    let small = TraceLimits { line_bytes_max: 120, connections_max: 2 };
    let read = |text: &str| Trace::read(text.as_bytes(), small).map(|trace| trace.replay(None, |_| {}).map(|_| ()));
    let long = format!("{HEAD}\n{{\"t\":0,\"in\":\"text\",\"data\":\"{}\"}}\n", "x".repeat(100));
    assert_eq!(read(&long).unwrap_err().to_string(), "line 2: a line has at most 120 bytes, not 129");
    let three = |third: &str| {
        let lines = [1, 2].map(|conn| format!("{{\"t\":0,\"conn\":{conn},\"in\":\"open\"}}\n")).concat();
        format!("{HEAD}\n{lines}{third}{{\"t\":0,\"conn\":3,\"in\":\"open\"}}\n")
    };
    assert_eq!(read(&three("")).unwrap().unwrap_err().to_string(), "line 4: conn = 3: at most 2 connections at once");
    assert_eq!(read(&three("{\"t\":0,\"conn\":1,\"in\":\"lost\"}\n")).unwrap(), Ok(()));
}

#[test]
fn json_as_deep_as_a_mine_is_an_error_and_not_a_crash() {
    let deep = after_open(&format!("{{\"t\":20,\"in\":{}", "[".repeat(100_000)));
    assert!(deep.starts_with("line 3: no JSON object: recursion limit exceeded"), "{deep}");
}

#[test]
fn an_error_cannot_move_the_cursor_of_whoever_reads_it() {
    let error = after_open("{\"t\":20,\"in\":\"\\u001b[2J\\u202e\"}");
    assert!(error.starts_with("line 3: in = \\u{1b}[2J\\u{202e}: one of "), "{error}");
}

#[test]
fn limits_can_be_used_up() {
    let open = format!("{HEAD}\n{{\"t\":0,\"in\":\"open\"}}\n");
    let payload = format!("{}=", "A".repeat(167));
    for line in [
        format!("{{\"t\":20,\"in\":\"pong\",\"b64\":\"{payload}\"}}"),
        format!("{{\"t\":20,\"in\":\"user-close\",\"code\":1000,\"reason\":\"{}\"}}", "x".repeat(123)),
        "{\"t\":20,\"in\":\"user-close\"}".to_string(),
    ] {
        let text = format!("{open}{line}\n");
        let read = Trace::read(text.as_bytes(), TraceLimits::default());
        assert!(read.is_ok(), "{line}: {read:?}");
    }
    assert!(after_open(r#"{"t":20,"in":"user-close","code":0}"#).starts_with("line 3: code = 0: a code that may be sent"));
    let line = format!("{{\"t\":20,\"in\":\"text\",\"data\":\"{}\"}}", "x".repeat(90));
    let limits = |line_bytes_max| TraceLimits { line_bytes_max, ..TraceLimits::default() };
    let text = format!("{open}{line}\n");
    assert!(Trace::read(text.as_bytes(), limits(line.len())).is_ok());
    assert!(Trace::read(text.as_bytes(), limits(line.len() - 1)).is_err());
}
