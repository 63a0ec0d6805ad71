//! `/metrics` is what a real Prometheus parser understands, under the names that dashboards rely on, and true.

use std::time::Duration;

use serde_json::Value;
use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Role};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::http::{Administered, get, request};
use wsbeat_tests::peers::{Family, parse_metrics};
use wsbeat_tests::raw::{Frame, Raw};
use wsbeat_tests::serving::{Serving, config_in};
use wsbeat_tokio::server::{Refusal, ServerConfig};

const BEAT: Duration = Duration::from_millis(200);

/// A server on both planes, with its admin address.
fn scene() -> (Serving, Administered) {
    let policy = PolicyConfig { interval: Some(BEAT), ping_interval: Some(BEAT * 2), ..PolicyConfig::default() };
    let serving = Serving::start(ServerConfig { policy, ..config_in("htx-spot-v1") });
    let admin = Administered::start(|config| config, &[("main", serving.handle.clone())]);
    (serving, admin)
}

/// The answer to a frame that is a heartbeat.
fn answer(frame: &Frame) -> Option<String> {
    let dialect = Dialect::preset("htx-spot-v1")?;
    let mut decoder = Decoder::default();
    match dialect.decode(Role::Client, Message::Binary(&frame.payload), 0, &mut decoder) {
        Heard::Heartbeat { answer: Some(Message::Text(text)), .. } if frame.first == 0x82 => Some(text.to_owned()),
        _ => None,
    }
}

/// Answers everything until `beats` heartbeats were.
fn live(raw: &mut Raw, mut beats: u32) {
    while beats > 0 {
        let frame = raw.next_frame().expect("lives");
        if let Some(text) = answer(&frame) {
            raw.text(&text);
            beats -= 1;
        } else if frame.first == 0x89 {
            raw.frame(0x8a, &frame.payload);
        }
    }
}

fn family<'a>(families: &'a [Family], name: &str) -> &'a Family {
    families.iter().find(|family| family.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// The value of the sample of these labels.
fn value(families: &[Family], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = || families.iter().flat_map(|family| &family.samples);
    let matches = |sample: &&wsbeat_tests::peers::Sample| {
        sample.name == name
            && sample.labels.len() == labels.len()
            && labels.iter().all(|(k, v)| sample.labels.get(*k).map(String::as_str) == Some(*v))
    };
    samples().find(matches).map(wsbeat_tests::peers::Sample::value)
}

#[test]
fn a_prometheus_parser_understands_every_line() {
    let (_serving, admin) = scene();
    let answer = get(admin.address, "/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let Some(families) = parse_metrics("a_prometheus_parser_understands_every_line", &answer.body) else { return };
    let samples: usize = families.iter().map(|family| family.samples.len()).sum();
    assert_eq!(samples, answer.body.lines().filter(|line| !line.starts_with('#')).count(), "a line for each sample");
    for Family { name, kind, help, samples } in &families {
        assert!(["counter", "gauge", "histogram"].contains(&kind.as_str()) && !help.is_empty(), "{name} is {kind}: {help}");
        assert!(!samples.is_empty() || name == "wsbeat_closes", "{name} has no sample");
    }
}

#[test]
fn the_names_types_and_labels_are_those_that_dashboards_rely_on() {
    let (_serving, admin) = scene();
    let mut raw = Raw::open(_serving.address);
    live(&mut raw, 1);
    raw.close(1000);
    _serving.until("closed", |handle| handle.count() == 0);
    let text = get(admin.address, "/metrics").body;
    let Some(families) = parse_metrics("the_names_types_and_labels_are_those_that_dashboards_rely_on", &text) else { return };
    let expected: [(&str, &str, &[&str]); 8] = [
        ("wsbeat_connections", "gauge", &[]),
        ("wsbeat_pings_sent", "counter", &["plane"]),
        ("wsbeat_answers", "counter", &["plane", "result"]),
        ("wsbeat_rtt_seconds", "histogram", &["plane"]),
        ("wsbeat_closes", "counter", &["code", "verdict"]),
        ("wsbeat_timer_lag_seconds", "histogram", &[]),
        ("wsbeat_bytes", "counter", &["direction"]),
        ("wsbeat_refused", "counter", &["reason"]),
    ];
    for (name, kind, labels) in expected {
        let family = family(&families, name);
        assert_eq!(family.kind, kind, "{name}");
        for sample in &family.samples {
            let of_sample: Vec<&str> = sample.labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
            assert_eq!(of_sample, labels, "{}", sample.name);
        }
    }
    let reasons = &family(&families, "wsbeat_refused").samples;
    assert_eq!(reasons.len(), Refusal::ALL.len(), "every reason stands there before it happens");
    if cfg!(target_os = "linux") {
        for name in ["process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
            assert!(family(&families, name).samples[0].value() > 0.0, "{name}");
        }
    }
}

#[test]
fn histograms_add_up() {
    let (serving, admin) = scene();
    live(&mut Raw::open(serving.address), 4);
    let text = get(admin.address, "/metrics").body;
    let Some(families) = parse_metrics("histograms_add_up", &text) else { return };
    for name in ["wsbeat_rtt_seconds", "wsbeat_timer_lag_seconds"] {
        let (mut before, mut last_le, mut seen) = (0.0, 0.0, 0);
        for sample in &family(&families, name).samples {
            if sample.name.ends_with("_bucket") {
                let le: f64 = sample.labels["le"].replace("+Inf", "inf").parse().unwrap();
                assert!(le > last_le && sample.value() >= before, "{sample:?}");
                (before, last_le, seen) = (sample.value(), le, seen + 1);
            } else if sample.name.ends_with("_count") {
                assert_eq!((sample.value(), last_le), (before, f64::INFINITY), "{name}");
                (before, last_le) = (0.0, 0.0);
            }
        }
        assert!(seen >= 20, "{name}: {seen} buckets");
    }
    let of = |name: &str| value(&families, name, &[("plane", "application")]).unwrap();
    assert!(of("wsbeat_rtt_seconds_count") >= 3.0);
    assert!(of("wsbeat_rtt_seconds_sum") > 0.0 && of("wsbeat_rtt_seconds_sum") < 2.0);
    assert!(value(&families, "wsbeat_timer_lag_seconds_count", &[]).unwrap() >= 4.0);
}

#[test]
fn what_is_counted_is_what_happened() {
    let (serving, admin) = scene();
    let mut good = Raw::open(serving.address);
    live(&mut good, 3);
    good.close(1000);
    serving.until("closed", |handle| handle.count() == 0);
    let mut mute = Raw::open(serving.address);
    while mute.next_frame().is_some_and(|frame| frame.close_code().is_none()) {}
    Raw::open(serving.address).reset();
    serving.until("all over", |handle| handle.count() == 0 && handle.stats().opened.get() == 3);
    assert_eq!(request(serving.address, "GET", "/nothing", &[], "").status, 404);

    let text = get(admin.address, "/metrics").body;
    let Some(families) = parse_metrics("what_is_counted_is_what_happened", &text) else { return };
    let of = |name: &str, labels: &[(&str, &str)]| value(&families, name, labels);
    assert_eq!(of("wsbeat_connections", &[]), Some(0.0));
    assert_eq!(of("wsbeat_connections_opened_total", &[]), Some(3.0));
    assert_eq!(of("wsbeat_closes_total", &[("verdict", "peer-closed"), ("code", "1000")]), Some(1.0));
    assert_eq!(of("wsbeat_closes_total", &[("verdict", "peer-silent"), ("code", "4408")]), Some(1.0));
    assert_eq!(of("wsbeat_closes_total", &[("verdict", "lost"), ("code", "1006")]), Some(1.0));
    assert_eq!(of("wsbeat_refused_total", &[("reason", "not-found")]), Some(1.0));
    // Where this host stalls, a heartbeat goes out of the count and so does its answer: it stands under another result.
    let answers = ["matched", "stale", "duplicate", "mismatched", "unsolicited"]
        .map(|result| of("wsbeat_answers_total", &[("plane", "application"), ("result", result)]).unwrap());
    assert_eq!(answers.iter().sum::<f64>(), 3.0, "{answers:?}");
    let matched = answers[0] as u64;
    assert!(of("wsbeat_pings_sent_total", &[("plane", "transport")]).unwrap() >= 1.0);
    assert!(of("wsbeat_bytes_total", &[("direction", "out")]).unwrap() > 500.0);

    // The same figures in JSON.
    let summary = get(admin.address, "/api/summary").json();
    let sent = |plane: &str| of("wsbeat_pings_sent_total", &[("plane", plane)]).map(|n| n as u64);
    assert_eq!(summary["pings_sent"]["application"].as_u64(), sent("application"));
    assert_eq!(summary["pings_sent"]["transport"].as_u64(), sent("transport"));
    assert_eq!(summary["bytes"]["in"].as_u64(), of("wsbeat_bytes_total", &[("direction", "in")]).map(|n| n as u64));
    let closes = summary["closes"].as_array().unwrap();
    let silent = closes.iter().find(|close| close["verdict"] == "peer-silent").unwrap();
    assert_eq!((&silent["code"], &silent["count"]), (&Value::from(4408), &Value::from(1)));
    assert_eq!(
        (&summary["answers"]["application"]["matched"], &summary["rtt_us"]["application"]["count"]),
        (&matched.into(), &matched.into())
    );
    let buckets = summary["rtt_us"]["application"]["buckets"].as_array().unwrap();
    assert_eq!(buckets.iter().filter_map(|bucket| bucket[1].as_u64()).sum::<u64>(), matched, "each bucket for itself");
}

#[test]
fn several_listeners_are_counted_together() {
    let servers = [Serving::start(config_in("htx-spot-v1")), Serving::start(config_in("blog"))];
    let admin = Administered::start(|config| config, &[("one", servers[0].handle.clone()), ("two", servers[1].handle.clone())]);
    let _open: Vec<Raw> = servers.iter().map(|serving| Raw::open(serving.address)).collect();
    servers.iter().for_each(|serving| serving.until("open", |handle| handle.count() == 1));
    let summary = get(admin.address, "/api/summary").json();
    assert_eq!((&summary["connections"], &summary["opened"]), (&Value::from(2), &Value::from(2)));
    let names: Vec<&Value> = summary["listeners"].as_array().unwrap().iter().map(|listener| &listener["name"]).collect();
    assert_eq!(names, ["one", "two"]);
    assert!(get(admin.address, "/metrics").body.contains("\nwsbeat_connections 2.0\n"));
}
