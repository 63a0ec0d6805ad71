//! What a recorder and a replay make of odd lines, of words that nobody can read, and of settings that do not go together.

use wsbeat_core::dialect::{Dialect, Message, Role};
use wsbeat_core::event::{Action, ConnId, Fault, Input, Payload, Token};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_core::time::{Instant, Now};
use wsbeat_core::trace::{Diff, Header, Recorder, Trace, TraceLimits};
use wsbeat_tests::trace::{differences, replayed};

const OPEN: &str = r#"{"t":0,"in":"open"}"#;
const STRICT: &str = r#"{"v":1,"trace":"wsbeat","ticks":"auto","profile":"strict","first_ping":"15s"}"#;
const ONE: ConnId = ConnId { index: 0, generation: 0 };
const TWO: ConnId = ConnId { index: 1, generation: 1 };

fn trace(header: &str, lines: &[&str]) -> String {
    format!("{header}\n{}\n", lines.join("\n"))
}

/// What is done, as `ping 15, close 35`.
fn log(header: &str, lines: &[&str]) -> String {
    let outs = replayed(&trace(header, lines)).unwrap();
    let short = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{} {}", line["out"].as_str().unwrap(), line["t"].as_f64().unwrap() / 1e9)
    };
    outs.iter().map(short).collect::<Vec<_>>().join(", ")
}

fn wrong(header: &str, lines: &[&str]) -> String {
    replayed(&trace(header, lines)).expect_err("no error").to_string()
}

fn now(secs: u64) -> Now {
    Now::new(Instant::from_secs(secs), 1_000 * secs)
}

/// What the lines behind the header say: `in` or `out`.
fn names(trace: &str) -> Vec<String> {
    let lines = trace.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.map(|line| line["in"].as_str().or(line["out"].as_str()).unwrap().to_string()).collect()
}

// Errors.

#[test]
fn a_setting_of_a_dialect_that_cannot_be_is_told_in_the_header_and_in_a_change() {
    let long = r#"{"v":1,"trace":"wsbeat","ticks":"auto","dialect":"htx-spot-v1","interval":"40000days"}"#;
    let limit = "interval = 3456000000s: at most 36500 days";
    assert_eq!(wrong(long, &[OPEN]), format!("line 1: {limit}"));
    let good = r#"{"v":1,"trace":"wsbeat","ticks":"auto","dialect":"htx-spot-v1"}"#;
    assert_eq!(wrong(good, &[OPEN, r#"{"t":1,"in":"reconfigure","interval":"40000days"}"#]), format!("line 3: {limit}"));
    assert_eq!(wrong(good, &[OPEN, r#"{"t":1,"in":"reconfigure","misses":"0"}"#]), "line 3: misses = 0: 1 to 255");
}

#[test]
fn a_dialect_of_the_trace_is_in_its_text() {
    let header = |toml: &str| format!("{{\"v\":1,\"trace\":\"wsbeat\",\"dialect\":\"own\",\"dialect_toml\":{toml}}}");
    let told = wrong(&header("5"), &[OPEN]);
    assert!(told.starts_with("line 1: dialect_toml = 5: "), "{told}");
    let another = serde_json::to_string(&Dialect::preset("blog").unwrap().to_toml()).unwrap();
    assert_eq!(wrong(&header(&another), &[OPEN]), "line 1: dialect = own: dialect_toml holds no dialect of this id");
}

#[test]
fn a_line_about_a_connection_that_was_not_opened_is_told() {
    for line in [
        r#"{"t":1,"conn":2,"in":"text","data":"x"}"#,
        r#"{"t":1,"conn":2,"in":"binary","b64":"eA=="}"#,
        r#"{"t":1,"conn":2,"in":"user-ping","b64":""}"#,
        r#"{"t":1,"conn":2,"in":"user-close","code":1000}"#,
        r#"{"t":1,"conn":2,"in":"drain"}"#,
        r#"{"t":1,"conn":2,"in":"pong","b64":""}"#,
        r#"{"t":1,"conn":2,"in":"lost"}"#,
    ] {
        assert_eq!(wrong(STRICT, &[OPEN, line]), "line 3: conn = 2: not open: its open line comes first", "{line}");
    }
}

#[test]
fn a_ping_that_was_not_sent_cannot_have_been_written_where_ticks_are_recorded() {
    let recorded = STRICT.replace("\"ticks\":\"auto\",", "");
    let flushed = r#"{"t":1,"in":"flushed","of":3}"#;
    assert_eq!(wrong(&recorded, &[OPEN, flushed]), "line 3: of = 3: connection 1 has sent 0 pings so far");
    assert_eq!(log(STRICT, &[OPEN, r#"{"t":1000000000,"in":"flushed","of":3}"#]), "ping 15, close 35, abort 40");
}

#[test]
fn a_close_of_ours_has_no_code_or_one_that_may_be_sent() {
    let close = |code: &str| format!("{{\"t\":1000000000,\"in\":\"user-close\"{code}}}");
    assert!(log(STRICT, &[OPEN, &close("")]).starts_with("close 1"));
    assert!(log(STRICT, &[OPEN, &close(",\"code\":3000")]).starts_with("close 1"));
    assert!(wrong(STRICT, &[OPEN, &close(",\"code\":0")]).starts_with("line 3: code = 0: a code that may be sent"));
}

// What is compared.

#[test]
fn what_a_replay_does_not_do_and_what_no_line_says_are_both_differences() {
    let lines = |more: &[&str]| trace(STRICT, &[&[OPEN], more].concat());
    let missing = differences(&lines(&[r#"{"t":14000000000,"out":"ping"}"#, r#"{"t":15000000000,"out":"ping"}"#])).unwrap();
    let told: Vec<&str> = missing.lines().map(|line| line.split(" replayed").next().unwrap()).collect();
    assert_eq!(told[0], r#"line Some(3): recorded {"t":14000000000,"out":"ping"}"#, "{missing}");
    assert!(told[1..].iter().all(|line| line.starts_with("line None: recorded")), "{missing}");
}

#[test]
fn the_first_differences_are_told_and_all_are_counted() {
    let text = trace(STRICT, &[OPEN, r#"{"t":15000000000,"out":"abort"}"#]);
    let read = Trace::read(text.as_bytes(), TraceLimits::default()).unwrap();
    let mut diff = Diff::new(&read, None, 1);
    read.replay(None, |done| diff.done(done)).unwrap();
    let (shown, count) = diff.finish();
    assert_eq!((shown.len(), shown[0].line, count), (1, Some(3), 3), "a ping, a close and an abort");
}

#[test]
fn a_line_may_say_what_was_delivered_though_a_replay_does_not_know_it() {
    let header = r#"{"v":1,"trace":"wsbeat"}"#;
    let said = r#"{"t":5,"in":"text","data":"hello"}"#;
    assert_eq!(differences(&trace(header, &[OPEN, said, r#"{"t":5,"out":"deliver","data":"hello"}"#])), Ok(String::new()));
    assert_ne!(differences(&trace(header, &[OPEN, said, r#"{"t":5,"out":"deliver","token":1}"#])), Ok(String::new()));
}

// Messages.

#[test]
fn damaged_heartbeats_and_bombs_are_heard_as_what_they_are() {
    let header = r#"{"v":1,"trace":"wsbeat","ticks":"auto","role":"client","dialect":"htx-spot-v1"}"#;
    let damaged: Vec<String> = (1..=4).map(|t| format!("{{\"t\":{t}000000000,\"in\":\"binary\",\"b64\":\"H4sI\"}}")).collect();
    let lines: Vec<&str> = std::iter::once(OPEN).chain(damaged.iter().map(String::as_str)).collect();
    let outs = replayed(&trace(header, &lines)).unwrap();
    assert!(outs[0].contains("\"t\":4000000000") && outs[0].contains("\"verdict\":\"malformed\""), "{outs:?}");
    assert_eq!(log(header, &lines[..4]), "close 15, abort 20", "three in a row may be, and then the server is silent");
    let mut zeros = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut zeros, &[0; 200_000]).unwrap();
    let bomb = base64::engine::Engine::encode(&base64::engine::general_purpose::STANDARD, zeros.finish().unwrap());
    let outs = replayed(&trace(header, &[OPEN, &format!("{{\"t\":1,\"in\":\"binary\",\"b64\":\"{bomb}\"}}")])).unwrap();
    assert!(outs[0].contains("\"t\":1,") && outs[0].contains("\"code\":1009"), "{outs:?}");
}

#[test]
fn what_a_server_negotiates_out_of_all_limits_changes_nothing() {
    let toml = "[[dialect]]\nid = \"own\"\nsource = \"the manual\"\nstatus = \"verified\"\ninitiator = \"client\"\nlayer = \"text\"\n\
                ping = 'ping'\npong = 'pong'\ninterval = \"18s\"\ndeath = \"timeout(10s)\"\nfirst = { after = { \"/type\" = \"hi\" } }\n\
                negotiated = { interval = \"/every\", unit = \"s\" }\n";
    let toml = serde_json::to_string(toml).unwrap();
    let header =
        format!("{{\"v\":1,\"trace\":\"wsbeat\",\"ticks\":\"auto\",\"role\":\"client\",\"dialect\":\"own\",\"dialect_toml\":{toml}}}");
    let hi = |more: &str| format!("{{\"t\":1000000000,\"in\":\"text\",\"data\":\"{{\\\"type\\\":\\\"hi\\\"{more}}}\"}}");
    let own = log(&header, &[OPEN, &hi("")]);
    assert_eq!(own, "deliver 1, heartbeat 19, close 29, abort 34");
    assert_eq!(log(&header, &[OPEN, &hi(",\\\"every\\\":4294967295")]), own, "136 years are more than any interval may have");
    assert_eq!(log(&header, &[OPEN, &hi(",\\\"every\\\":4")]), "deliver 1, heartbeat 5, heartbeat 9, heartbeat 13, close 15, abort 20");
}

/// A dialect whose messages are binary and compressed like this.
fn binary(codec: &str) -> String {
    let toml = format!(
        "[[dialect]]\nid = \"own\"\nsource = \"the manual\"\nstatus = \"verified\"\ninitiator = \"server\"\nlayer = \"binary\"\n\
         codec = \"{codec}\"\nping = '{{\"ping\":$t}}'\npong = '{{\"pong\":$t}}'\ntoken = \"counter-id\"\ninterval = \"5s\"\n\
         death = \"timeout(20s)\"\n"
    );
    let toml = serde_json::to_string(&toml).unwrap();
    format!("{{\"v\":1,\"trace\":\"wsbeat\",\"ticks\":\"auto\",\"dialect\":\"own\",\"dialect_toml\":{toml}}}")
}

#[test]
fn a_heartbeat_is_told_as_it_was_before_it_was_packed() {
    for codec in ["identity", "gzip", "deflate"] {
        let first = replayed(&trace(&binary(codec), &[OPEN])).unwrap().remove(0);
        let line: serde_json::Value = serde_json::from_str(&first).unwrap();
        assert_eq!((line["out"].as_str(), line["data"].as_str()), (Some("heartbeat"), Some("{\"ping\":1}")), "{codec}: {first}");
    }
}

#[test]
fn where_the_dialect_changes_what_is_said_from_then_on_is_in_its_words() {
    let header = r#"{"v":1,"trace":"wsbeat","ticks":"auto","dialect":"htx-spot-v1"}"#;
    let outs = replayed(&trace(header, &[OPEN, r#"{"t":6000000000,"in":"reconfigure","dialect":"htx-contract-order"}"#])).unwrap();
    let beats = outs.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let words: Vec<String> = beats.filter_map(|line| line["data"].as_str().map(str::to_string)).collect();
    assert!(words[0].starts_with(r#"{"ping":"#) && words[1].starts_with(r#"{"op":"ping","ts":""#), "{outs:?}");
}

#[test]
fn the_reason_of_a_users_close_is_said_with_that_close_and_with_no_other() {
    let text = trace(
        STRICT,
        &[OPEN, r#"{"t":0,"conn":2,"in":"open"}"#, r#"{"t":1000000000,"conn":2,"in":"user-close","code":1000,"reason":"bye"}"#],
    );
    let mut said = Vec::new();
    let read = Trace::read(text.as_bytes(), TraceLimits::default()).unwrap();
    read.replay(None, |done| {
        if matches!(done.action, Action::Close(_)) {
            said.push((done.conn, String::from_utf8(done.said.to_vec()).unwrap()));
        }
    })
    .unwrap();
    assert_eq!(said, [(2, "bye".to_string()), (1, String::new())]);
}

// Recording.

#[test]
fn a_recorder_whose_settings_cannot_be_writes_the_words_of_the_dialect_all_the_same() {
    let config = PolicyConfig { interval: Some(std::time::Duration::from_secs(40_000 * 86_400)), ..PolicyConfig::default() };
    let header = Header { dialect: Dialect::preset("htx-spot-v1").cloned(), config, ..Header::default() };
    let mut out = String::new();
    let mut recorder = Recorder::start(&header, &mut out);
    recorder.action(now(1), ONE, Action::Heartbeat(Token(7)), &mut out);
    recorder.reconfigure(now(2), &header, &mut out);
    recorder.action(now(3), ONE, Action::Heartbeat(Token(8)), &mut out);
    let beats: Vec<&str> = out.lines().filter(|line| line.contains("\"out\":\"heartbeat\"")).collect();
    assert!(beats[0].contains(r#""data":"{\"ping\":7}""#) && beats[1].contains(r#""data":"{\"ping\":8}""#), "{out}");
}

#[test]
fn a_heartbeat_without_a_dialect_has_no_words() {
    let mut out = String::new();
    let mut recorder = Recorder::start(&Header::default(), &mut out);
    recorder.action(now(1), ONE, Action::Heartbeat(Token(7)), &mut out);
    assert_eq!(out.lines().last(), Some(r#"{"t":1000000000,"conn":1,"out":"heartbeat","token":7}"#));
}

#[test]
fn the_payload_of_a_users_ping_is_recorded_and_replays() {
    let mut out = String::new();
    let mut recorder = Recorder::start(&Header::default(), &mut out);
    recorder.accept(now(0), ONE, &mut out);
    recorder.input(now(0), ONE, Input::Opened, &mut out);
    for payload in [&b"longer"[..], b"hi"] {
        recorder.user_ping(payload);
        recorder.input(now(1), ONE, Input::UserPing, &mut out);
        recorder.action(now(1), ONE, Action::UserPing, &mut out);
    }
    recorder.input(now(2), ONE, Input::PeerClose(0), &mut out);
    assert_eq!(names(&out), ["open", "user-ping", "ping", "user-ping", "ping", "close"]);
    assert!(out.contains("\"b64\":\"bG9uZ2Vy\"") && out.contains("\"b64\":\"aGk=\"") && !out.contains("\"code\""), "{out}");
    let replay = replayed(&out).unwrap();
    assert!(replay[0].contains("bG9uZ2Vy") && replay[1].contains("aGk="), "{replay:?}");
}

#[test]
fn what_a_message_means_is_no_line_of_its_own_and_anything_else_is() {
    let header = Header { role: Role::Client, dialect: Dialect::preset("kucoin").cloned(), ..Header::default() };
    let mut out = String::new();
    let mut recorder = Recorder::start(&header, &mut out);
    for id in [ONE, TWO] {
        recorder.accept(now(0), id, &mut out);
        recorder.input(now(0), id, Input::Opened, &mut out);
    }
    // Refused settings come before the message that named them counts.
    recorder.message(now(1), ONE, Message::Text(r#"{"type":"welcome"}"#), &mut out);
    recorder.input(now(1), ONE, Input::Fault(Fault::Malformed), &mut out);
    recorder.input(now(1), ONE, Input::Ready, &mut out);
    // Data means data, on the connection of the message.
    recorder.message(now(2), ONE, Message::Text("x"), &mut out);
    recorder.input(now(2), TWO, Input::Data, &mut out);
    recorder.message(now(3), ONE, Message::Text("x"), &mut out);
    recorder.input(now(3), ONE, Input::Fault(Fault::Malformed), &mut out);
    // A welcome means Ready, and nothing else is said by it.
    recorder.message(now(4), ONE, Message::Text(r#"{"type":"welcome"}"#), &mut out);
    recorder.input(now(4), ONE, Input::Pong(Payload::Empty), &mut out);
    assert_eq!(names(&out), ["open", "open", "text", "text", "data", "text", "fault", "text", "pong"]);
}

#[test]
fn a_recorder_writes_how_many_bytes_came_with_what_payload_and_never_goes_back_in_time() {
    let mut out = String::new();
    let mut recorder = Recorder::start(&Header::default(), &mut out);
    recorder.accept(now(1), ONE, &mut out);
    for (secs, input) in [(1, Input::Opened), (2, Input::Bytes(5)), (3, Input::Pong(Payload::Other))] {
        recorder.input(now(secs), ONE, input, &mut out);
    }
    recorder.idle(now(9), &mut out);
    recorder.input(now(4), ONE, Input::Unread, &mut out);
    recorder.idle(now(10), &mut out);
    let line = |name: &str| {
        let line = out.lines().find(|line| line.contains(&format!("\"in\":\"{name}\""))).unwrap();
        serde_json::from_str::<serde_json::Value>(line).unwrap()
    };
    assert_eq!(line("bytes")["n"], 5, "{out}");
    assert_eq!(line("pong")["b64"], "AA==", "{out}");
    assert_eq!(line("unread")["t"], 9_000_000_000u64, "time had come to 9 s: {out}");
}
