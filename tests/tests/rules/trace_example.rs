//! The example of a trace does what it says, and traces keep to their form.

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_core::time::Instant;
use wsbeat_core::trace::{Diff, Digest, Header, Recorder, Ticks, Trace, TraceLimits};
use wsbeat_tests::trace::{differences, replayed};

const EXAMPLE: &str = r#"{"v":1,"trace":"wsbeat","seed":7,"ticks":"auto","dialect":"htx-spot-v1","interval":"5s","misses":2,"cadence":"together"}
{"t":0,"wall":1492420468027,"conn":1,"in":"open"}
{"t":5000000000,"conn":1,"out":"heartbeat","token":1492420473027,"data":"{\"ping\":1492420473027}"}
{"t":5020000000,"conn":1,"in":"text","data":"{\"pong\":1492420473027}"}
{"t":10000000000,"conn":1,"out":"heartbeat","token":1492420478027,"data":"{\"ping\":1492420478027}"}
{"t":15000000000,"conn":1,"out":"heartbeat","token":1492420483027,"data":"{\"ping\":1492420483027}"}
{"t":20000000000,"conn":1,"out":"close","code":4408,"reason":"heartbeat timeout","verdict":"peer-silent","unanswered":2}
{"t":25000000000,"conn":1,"out":"abort"}
"#;

#[test]
fn the_example_replays_to_exactly_its_out_lines() {
    let outs: Vec<&str> = EXAMPLE.lines().filter(|line| line.contains("\"out\"")).collect();
    assert_eq!(replayed(EXAMPLE).unwrap(), outs);
    assert_eq!(differences(EXAMPLE).unwrap(), "");
}

#[test]
fn a_trace_without_out_lines_replays_alike_and_differs_in_every_line() {
    let inputs: String = EXAMPLE.lines().filter(|line| !line.contains("\"out\"")).map(|line| format!("{line}\r\n\n")).collect();
    assert_eq!(replayed(&inputs).unwrap(), replayed(EXAMPLE).unwrap());
    assert_eq!(differences(&inputs).unwrap().lines().count(), 5);
}

#[test]
fn lines_after_until_are_left_out_and_what_is_due_then_is_done() {
    let trace = Trace::read(EXAMPLE.as_bytes(), TraceLimits::default()).unwrap();
    for (until_s, actions) in [(4, 0), (5, 1), (6, 1), (10, 2), (20, 4), (24, 4), (25, 5), (4_000, 5)] {
        let until = Some(Instant::from_secs(until_s));
        let mut diff = Diff::new(&trace, until, 9);
        let mut count = 0;
        trace
            .replay(until, |done| {
                diff.done(done);
                count += 1;
            })
            .unwrap();
        assert_eq!((count, diff.finish()), (actions, (vec![], 0)), "until {until_s} s");
    }
}

#[test]
fn the_digest_is_the_same_on_every_machine() {
    let mut digest = Digest::default();
    let trace = Trace::read(EXAMPLE.as_bytes(), TraceLimits::default()).unwrap();
    trace.replay(None, |done| digest.action(done.at, done.conn, &done.action)).unwrap();
    assert_eq!(digest.finish(), "c8c862801b796f0693f36cd71760d12c");
    assert_eq!(format!("{digest:?}"), "Digest(c8c862801b796f0693f36cd71760d12c)");
}

#[test]
fn a_person_reads_who_was_given_up_and_why() {
    let trace = Trace::read(EXAMPLE.as_bytes(), TraceLimits::default()).unwrap();
    let mut lines = vec![];
    trace.replay(None, |done| lines.push(done.to_string())).unwrap();
    assert_eq!(lines[0], "5.000000000 conn=1 heartbeat 1492420473027");
    assert_eq!(
        lines[3],
        "20.000000000 conn=1 close 4408 peer-silent: 2 unanswered, last answer 14.980 s ago, \
         oldest heartbeat written 10.000 s ago, no bytes for 14.9 s"
    );
}

#[test]
fn each_out_line_may_say_less_but_nothing_else() {
    let with = |from: &str, to: &str| {
        assert!(EXAMPLE.contains(from), "{from}");
        differences(&EXAMPLE.replace(from, to)).unwrap().lines().count()
    };
    assert_eq!(with(r#","token":1492420473027,"data":"{\"ping\":1492420473027}""#, ""), 0);
    assert_eq!(with(r#","reason":"heartbeat timeout","verdict":"peer-silent","unanswered":2"#, r#","note":null,"why":"?""#), 1);
    assert_eq!(with(r#","reason":"heartbeat timeout","verdict":"peer-silent","unanswered":2"#, r#","why":"?""#), 0);
    assert_eq!(with(r#""code":4408,"#, ""), 1, "without a code a close has an empty body");
    assert_eq!(with("4408", "4409"), 1);
    assert_eq!(with("\"unanswered\":2", "\"unanswered\":1"), 1);
    assert_eq!(with(r#""token":1492420483027"#, r#""token":1492420483028"#), 1);
    assert_eq!(with(r#"{"t":25000000000,"conn":1,"out":"abort"}"#, ""), 1);
    assert_eq!(with(r#"{"t":25000000000,"conn":1"#, r#"{"t":25000000000,"conn":2"#), 2);
    assert_eq!(with(r#"{"t":25000000000"#, r#"{"t":25000000001"#), 2);
}

#[test]
fn a_header_comes_back_as_it_was_written() {
    let mut header = Header {
        seed: u64::MAX,
        ticks: Ticks::Auto,
        role: Role::Client,
        dialect: Dialect::preset("kucoin").cloned(),
        config: PolicyConfig::default(),
    };
    header.config.set("jitter", "12.5%").unwrap();
    header.config.set("ping_interval", "1m30s").unwrap();
    header.config.set("adaptive", "true").unwrap();
    header.config.set("close_code", "4999").unwrap();
    let mut line = String::new();
    header.write(&mut line);
    assert_eq!(
        line,
        "{\"v\":1,\"trace\":\"wsbeat\",\"seed\":18446744073709551615,\"ticks\":\"auto\",\"role\":\"client\",\"dialect\":\"kucoin\",\
         \"ping_interval\":\"1m30s\",\"jitter\":\"12.5000%\",\"adaptive\":true,\"close_code\":4999}\n"
    );
    assert_eq!(Trace::read(line.as_bytes(), TraceLimits::default()).unwrap().header(), &header);
}

#[test]
fn a_dialect_of_the_users_own_travels_with_the_trace() {
    let own = Dialect::preset("okx").unwrap().to_toml().replace("id = \"okx\"", "id = \"mine\"");
    let header = Header { dialect: Dialect::load(&own).unwrap().pop(), ..Header::default() };
    let mut line = String::new();
    header.write(&mut line);
    let back = Trace::read(line.as_bytes(), TraceLimits::default()).unwrap();
    assert_eq!(back.header().dialect.as_ref().map(Dialect::id), Some("mine"));
    assert_eq!(back.header(), &header);
}

#[test]
fn all_differences_are_counted_and_the_first_ones_shown() {
    let inputs: String = EXAMPLE.lines().filter(|line| !line.contains("\"out\"")).map(|line| format!("{line}\n")).collect();
    for (shown_max, shown) in [(0, 0), (2, 2), (5, 5), (9, 5)] {
        let trace = Trace::read(inputs.as_bytes(), TraceLimits::default()).unwrap();
        let mut diff = Diff::new(&trace, None, shown_max);
        trace.replay(None, |done| diff.done(done)).unwrap();
        let (differences, count) = diff.finish();
        assert_eq!((differences.len(), count), (shown, 5));
    }
}

#[test]
fn a_line_that_was_not_done_is_one_difference_and_what_was_delivered_is_none() {
    let answer = r#"{"t":5020000000,"conn":1,"in":"text","data":"{\"pong\":1492420473027}"}"#;
    let told = differences(&EXAMPLE.replace(answer, &format!("{answer}\n{{\"t\":7000000000,\"conn\":1,\"out\":\"abort\"}}"))).unwrap();
    assert_eq!(told, "line Some(5): recorded {\"t\":7000000000,\"conn\":1,\"out\":\"abort\"} replayed \n");
    let other = EXAMPLE.replace(r#""data":"{\"ping\":1492420473027}"#, r#""data":"{\"ping\":1492420473028}"#);
    assert_eq!(differences(&other).unwrap().lines().count(), 1);
    let data = r#"{"t":6000000000,"conn":1,"in":"text","data":"x"}"#;
    for deliver in [r#"{"t":6000000000,"conn":1,"out":"deliver"}"#, r#"{"t":6000000000,"conn":1,"out":"deliver","data":"x"}"#] {
        assert_eq!(differences(&EXAMPLE.replace(answer, &format!("{answer}\n{data}\n{deliver}"))).unwrap(), "");
    }
}

#[test]
fn a_replay_tells_how_many_connections_there_were() {
    let opens: String = (1..=3).map(|conn| format!("{{\"t\":0,\"conn\":{conn},\"in\":\"open\"}}\n")).collect();
    let head = EXAMPLE.lines().next().unwrap();
    let text = format!("{head}\n{opens}{{\"t\":9,\"conn\":2,\"in\":\"lost\"}}\n");
    let ended = Trace::read(text.as_bytes(), TraceLimits::default()).unwrap().replay(Some(Instant::from_nanos(9)), |_| {}).unwrap();
    assert_eq!((ended.connections, ended.open), (3, 2));
}

#[test]
fn what_is_recorded_has_its_ticks_in_it_whatever_the_header_says() {
    let mut line = String::new();
    let _ = Recorder::start(&Header { ticks: Ticks::Auto, ..Header::default() }, &mut line);
    let trace = Trace::read(line.as_bytes(), TraceLimits::default()).unwrap();
    assert_eq!(trace.header().ticks, Ticks::Recorded);
}
