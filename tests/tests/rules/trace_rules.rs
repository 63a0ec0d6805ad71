//! What a trace says of time, of the wall clock, of chance and of settings.

use wsbeat_core::trace::{Trace, TraceLimits};
use wsbeat_tests::trace::replayed;

const STRICT: &str = r#"{"v":1,"trace":"wsbeat","seed":7,"ticks":"auto","profile":"strict","first_ping":"15s"}"#;
const HTX: &str = r#"{"v":1,"trace":"wsbeat","seed":7,"ticks":"auto","dialect":"htx-spot-v1","cadence":"together"}"#;

/// What is done, as `ping 15, close 35`, of a trace with this header and these lines.
fn log(header: &str, lines: &[&str]) -> String {
    let outs = replayed(&format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    let short = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{} {}", line["out"].as_str().unwrap(), line["t"].as_f64().unwrap() / 1e9)
    };
    outs.iter().map(short).collect::<Vec<_>>().join(", ")
}

fn tokens(header: &str, lines: &[&str]) -> Vec<u64> {
    let outs = replayed(&format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    outs.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["token"].as_u64()).collect()
}

#[test]
fn a_ping_counts_as_written_at_once_unless_a_later_line_says_otherwise() {
    let open = r#"{"t":0,"in":"open"}"#;
    let silent = "ping 15, close 35, abort 40";
    assert_eq!(log(STRICT, &[open]), silent);
    assert_eq!(log(STRICT, &[open, r#"{"t":15000000000,"in":"flushed","of":1}"#]), silent, "its own instant");
    assert_eq!(log(STRICT, &[open, r#"{"t":17000000000,"in":"flushed","of":1}"#]), "ping 15, ping 35, close 37, abort 42");
    let recorded = STRICT.replace("\"ticks\":\"auto\",", "");
    let ticks = [15, 35, 40].map(|s| format!("{{\"t\":{s}000000000,\"in\":\"tick\"}}"));
    assert_eq!(log(&recorded, &[open, &ticks[0], &ticks[1], &ticks[2]]), "ping 15", "recorded: written when a line says so");
}

#[test]
fn a_line_may_name_what_was_written_by_its_token_or_its_payload() {
    let open = r#"{"t":0,"in":"open"}"#;
    let ping = replayed(&format!("{STRICT}\n{open}\n")).unwrap().remove(0);
    let ping: serde_json::Value = serde_json::from_str(&ping).unwrap();
    for name in [format!("\"token\":{}", ping["token"]), format!("\"b64\":{}", ping["b64"])] {
        let line = format!("{{\"t\":17000000000,\"in\":\"flushed\",{name}}}");
        assert_eq!(log(STRICT, &[open, &line]), "ping 15, ping 35, close 37, abort 42", "{line}");
    }
}

#[test]
fn what_arrives_at_a_deadline_comes_before_what_is_due_then() {
    let only = STRICT.replace("\"first_ping\"", "\"evidence\":\"pong\",\"first_ping\"");
    let open = r#"{"t":0,"in":"open"}"#;
    assert_eq!(log(&only, &[open, r#"{"t":35000000000,"in":"pong","of":1}"#, r#"{"t":36000000000,"in":"lost"}"#]), "ping 15, ping 35");
    assert_eq!(log(&only, &[open, r#"{"t":35000000001,"in":"pong","of":1}"#]), "ping 15, close 35, abort 40");
}

#[test]
fn where_ticks_are_recorded_a_late_one_replays_late() {
    let recorded = STRICT.replace("\"ticks\":\"auto\",", "");
    let lines = [r#"{"t":0,"in":"open"}"#, r#"{"t":14000000000,"in":"tick"}"#, r#"{"t":18500000000,"in":"tick"}"#];
    assert_eq!(log(&recorded, &lines), "ping 18.5");
    let slept = [lines[0], r#"{"t":21000000000,"in":"tick"}"#];
    assert_eq!(log(&recorded, &slept), "note 21, ping 21");
}

#[test]
fn time_goes_on_for_an_hour_after_the_last_line() {
    let header = r#"{"v":1,"trace":"wsbeat","ticks":"auto","profile":"tornado-6.5","ping_interval":"10m","ping_timeout":"0s"}"#;
    let hour = "ping 600, ping 1200, ping 1800, ping 2400, ping 3000, ping 3600";
    assert_eq!(log(header, &[r#"{"t":0,"in":"open"}"#]), hour);
    let longer = log(header, &[r#"{"t":0,"in":"open"}"#, r#"{"t":600000000000,"in":"bytes"}"#]);
    assert_eq!(longer, format!("{hour}, ping 4200"));
}

#[test]
fn the_wall_clock_is_what_was_given_last_plus_the_whole_milliseconds_since() {
    assert_eq!(tokens(HTX, &[r#"{"t":0,"in":"open"}"#]), [5_000, 10_000], "0 at first");
    assert_eq!(tokens(HTX, &[r#"{"t":3000000000,"in":"open"}"#]), [2_000, 7_000], "0 at the first line");
    assert_eq!(tokens(HTX, &[r#"{"t":500000,"wall":100,"in":"open"}"#]), [5_099, 10_099], "whole milliseconds");
    let stepped = [r#"{"t":0,"wall":1000000,"in":"open"}"#, r#"{"t":7000000000,"wall":5,"in":"bytes"}"#];
    assert_eq!(tokens(HTX, &stepped), [1_005_000, 1_005_001], "a clock that steps back gives the next token");
    let of_an_out_line = [r#"{"t":0,"wall":1000,"in":"open"}"#, r#"{"t":5000000000,"wall":9000,"out":"heartbeat"}"#];
    assert_eq!(tokens(HTX, &of_an_out_line), [9_000, 14_000]);
}

#[test]
fn a_connection_has_the_chance_of_its_number_whoever_else_is_there() {
    let all: Vec<String> = (1..=5).map(|conn| format!("{{\"t\":0,\"conn\":{conn},\"in\":\"open\"}}")).collect();
    let five = |lines: &[String]| -> Vec<String> {
        let outs = replayed(&format!("{STRICT}\n{}\n", lines.join("\n"))).unwrap();
        outs.into_iter().filter(|line| line.contains("\"conn\":5,")).collect()
    };
    assert_eq!(five(&all[4..]), five(&all));
    let backwards: Vec<String> = all.iter().rev().cloned().collect();
    assert_eq!(five(&backwards), five(&all));
    assert_eq!(five(&all).len(), 3);
}

#[test]
fn settings_change_while_it_runs_and_go_back_to_their_defaults() {
    let open = r#"{"t":0,"in":"open"}"#;
    let faster = r#"{"t":1000000000,"in":"reconfigure","ping_interval":"7s","ping_timeout":"5s"}"#;
    assert_eq!(log(STRICT, &[open, faster]), "ping 15, close 20, abort 21");
    let back = r#"{"t":2000000000,"in":"reconfigure","ping_interval":null,"ping_timeout":null}"#;
    assert_eq!(log(STRICT, &[open, faster, back]), "ping 15, close 35, abort 40");
    let spoken = r#"{"t":1000000000,"in":"reconfigure","dialect":"blog"}"#;
    let header = r#"{"v":1,"trace":"wsbeat","ticks":"auto"}"#;
    assert_eq!(log(header, &[open, spoken]), "heartbeat 5, heartbeat 10, heartbeat 15, close 15, abort 20");
    assert_eq!(log(HTX, &[open, r#"{"t":6000000000,"in":"reconfigure","dialect":"none"}"#]), "heartbeat 5");
}

#[test]
fn a_drain_without_a_connection_is_for_all_of_them() {
    let opens = [r#"{"t":0,"conn":1,"in":"open"}"#, r#"{"t":0,"conn":2,"in":"open"}"#];
    let all = log(STRICT, &[opens[0], opens[1], r#"{"t":1000000000,"in":"drain"}"#]);
    assert_eq!(all, "close 1, close 1, abort 6, abort 6");
    let one = log(STRICT, &[opens[0], opens[1], r#"{"t":1000000000,"conn":2,"in":"drain"}"#, r#"{"t":2000000000,"conn":1,"in":"lost"}"#]);
    assert_eq!(one, "close 1, abort 6");
}

#[test]
fn a_handshake_that_was_accepted_and_does_not_open_is_aborted() {
    assert_eq!(log(STRICT, &[r#"{"t":0,"in":"accept"}"#]), "abort 5");
    assert_eq!(log(STRICT, &[r#"{"t":0,"in":"accept"}"#, r#"{"t":2000000000,"in":"open"}"#]), "ping 17, close 37, abort 42");
}

#[test]
fn threat_21_a_handshake_whose_time_passes_while_the_host_stalls_has_it_anew() {
    let recorded = STRICT.replace("\"ticks\":\"auto\",", "");
    let at = |s: u32| format!("{{\"t\":{s}000000000,\"in\":\"tick\"}}");
    let accept = r#"{"t":0,"in":"accept"}"#;
    assert_eq!(log(&recorded, &[accept, &at(9), &at(13)]), "abort 9", "a little late is no stall");
    assert_eq!(log(&recorded, &[accept, &at(30), &at(34), &at(35)]), "abort 35");
    assert_eq!(log(&recorded, &[accept, &at(30), r#"{"t":31000000000,"in":"open"}"#, r#"{"t":32000000000,"in":"lost"}"#]), "");
}

#[test]
fn a_client_takes_what_the_server_negotiates_and_keeps_its_own_where_nothing_is_said() {
    let header = r#"{"v":1,"trace":"wsbeat","ticks":"auto","role":"client","dialect":"kucoin"}"#;
    let open = r#"{"t":0,"in":"open"}"#;
    let welcome = |offer: &str| {
        format!("{{\"t\":1000000000,\"in\":\"text\",\"data\":\"{{\\\"type\\\":\\\"welcome\\\",\\\"id\\\":\\\"x\\\"{offer}}}\"}}")
    };
    let negotiated = log(header, &[open, &welcome(r#",\"pingInterval\":4000,\"pingTimeout\":1000"#)]);
    assert_eq!(negotiated, "deliver 1, heartbeat 5, close 6, abort 11");
    assert_eq!(log(header, &[open, &welcome("")]), "deliver 1, heartbeat 19, close 29, abort 34");
}

#[test]
fn a_trace_says_how_many_lines_of_it_say_what_happened() {
    let lines = [STRICT, r#"{"t":0,"in":"open"}"#, r#"{"t":15000000000,"out":"ping"}"#, r#"{"t":16000000000,"in":"lost"}"#].join("\n");
    assert_eq!(Trace::read(lines.as_bytes(), TraceLimits::default()).unwrap().inputs(), 2);
}

#[test]
fn a_token_that_no_ping_of_ours_has_writes_no_ping() {
    let recorded = STRICT.replace("\"ticks\":\"auto\",", "");
    let flushed = r#"{"t":16000000000,"in":"flushed","token":99}"#;
    let ticks = [15, 35].map(|s| format!("{{\"t\":{s}000000000,\"in\":\"tick\"}}"));
    assert_eq!(log(&recorded, &[r#"{"t":0,"in":"open"}"#, &ticks[0], flushed, &ticks[1]]), "ping 15");
}

#[test]
fn a_writer_that_stalled_is_told_and_a_host_that_did_in_words_for_people() {
    let recorded = STRICT.replace("\"ticks\":\"auto\",", "");
    let ticks = [15, 35, 55].map(|s| format!("{{\"t\":{s}000000000,\"in\":\"tick\"}}"));
    let outs = replayed(&format!("{recorded}\n{{\"t\":0,\"in\":\"open\"}}\n{}\n", ticks.join("\n"))).unwrap();
    assert_eq!(outs.last().unwrap(), r#"{"t":55000000000,"conn":1,"out":"abort","verdict":"write-stalled"}"#);
    let slept = format!("{recorded}\n{{\"t\":0,\"in\":\"open\"}}\n{{\"t\":21512000000,\"in\":\"tick\"}}\n");
    let (trace, mut lines) = (Trace::read(slept.as_bytes(), TraceLimits::default()).unwrap(), vec![]);
    trace.replay(None, |done| lines.push(done.to_string())).unwrap();
    assert_eq!(lines[0], "21.512000000 conn=1 note stalled: a tick came 6.512 s late, nobody was judged");
}
