//! `wsbeat load` against a real server.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::TcpListener;
use std::time::Duration;

use crate::common::{Ended, Running, Serve, peer, read_all, refused, run, wsbeat};
use serde_json::Value;
use tungstenite::{Bytes, Message};

fn load(url: &str, flags: &[&str]) -> Ended {
    run([&["load", url], flags].concat())
}

/// The summary, and the exit status.
fn summary(url: &str, flags: &[&str]) -> (Value, Option<i32>) {
    let ended = load(url, &[flags, &["--format", "json"]].concat());
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{}{}", ended.stdout, ended.stderr);
    (serde_json::from_str(lines[0]).unwrap(), ended.code)
}

fn number(summary: &Value, pointer: &str) -> u64 {
    summary.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {summary}"))
}

#[test]
fn every_connection_is_kept_alive_on_both_planes_and_closed_cleanly() {
    let serve = Serve::start(&["--interval", "500ms", "--ping-interval", "500ms"]);
    let (found, code) = summary(&serve.url, &["-c", "60", "-z", "4s", "--ramp", "500ms"]);
    assert_eq!(code, Some(0), "{found}");
    assert_eq!((number(&found, "/connections"), number(&found, "/lost"), number(&found, "/failed")), (60, 0, 0), "{found}");
    // Two planes at 500 ms over 3.5 s and more: at least five each.
    assert!(number(&found, "/pings") >= 60 * 10, "{found}");
    assert!(number(&found, "/answered") >= number(&found, "/pings") - 120, "{found}");
    assert!((400_000..=600_000).contains(&number(&found, "/spacing_us/p50")), "{found}");
    assert_eq!(found["closes"], serde_json::json!({}), "{found}");
    assert!(number(&found, "/bytes/in") > 0 && number(&found, "/bytes/out") > 0, "{found}");
    let ended = serve.stop();
    assert!(!ended.stderr.contains("4408"), "{}", ended.stderr);
}

#[test]
fn those_that_never_answer_are_closed_and_nobody_else() {
    let serve = Serve::start(&["--interval", "500ms"]);
    let (found, code) = summary(&serve.url, &["-c", "60", "-z", "4s", "--ramp", "500ms", "--silent", "20%", "--seed", "7"]);
    assert_eq!(code, Some(0), "{found}");
    assert_eq!(number(&found, "/lost"), 0, "{found}");
    let closed = number(&found, "/closes/4408");
    assert!((4..=25).contains(&closed), "{found}");
    assert_eq!(found["closes"].as_object().unwrap().len(), 1, "{found}");
    let ended = serve.stop();
    let by_server = ended.stderr.lines().filter(|line| line.contains("close 4408 peer-silent")).count();
    assert_eq!(by_server as u64, closed, "{}", ended.stderr);
}

#[test]
fn answers_that_are_held_back_are_late_by_that_and_too_late_ones_are_lost() {
    let serve = Serve::start(&["--interval", "1s"]);
    let (found, code) = summary(&serve.url, &["-c", "20", "-z", "4s", "--ramp", "200ms", "--pong-delay", "300ms"]);
    assert_eq!((code, number(&found, "/lost")), (Some(0), 0), "{found}");
    assert!((300_000..=900_000).contains(&number(&found, "/answer_us/p50")), "{found}");
    let (found, code) = summary(&serve.url, &["-c", "5", "-z", "6s", "--ramp", "200ms", "--pong-delay", "1h"]);
    assert_eq!((code, number(&found, "/lost"), number(&found, "/closes/4408")), (Some(1), 5, 5), "{found}");
}

#[test]
fn echoes_come_back_and_are_measured_from_when_they_were_due() {
    let serve = Serve::start(&[]);
    let (found, code) = summary(&serve.url, &["-c", "10", "-z", "3s", "--ramp", "200ms", "--echo", "4", "--size", "1KiB", "--rate", "50"]);
    assert_eq!(code, Some(0), "{found}");
    // Four connections, 50 a second, for at least 2.5 s.
    assert!(number(&found, "/echoes_sent") >= 500, "{found}");
    // What was under way at the end is not back: 20, and 200 a second for as long as the slowest took or load was held up.
    let held_up_us = number(&found, "/echo_us/max").max(number(&found, "/late_us"));
    let under_way = 20 + held_up_us * 200 / 1_000_000;
    assert!(number(&found, "/echoes") + under_way >= number(&found, "/echoes_sent"), "{found}");
    assert_eq!(number(&found, "/echo_us/count"), number(&found, "/echoes"), "{found}");
    assert!(number(&found, "/bytes/out") >= 500 * 1_024, "{found}");
    let mute = Serve::start(&["--on-message", "ignore"]);
    let ended = load(&mute.url, &["-c", "2", "-z", "2s", "--ramp", "0s", "--echo", "2", "--slo", "echo.p99<1s"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("missed echo.p99<1s: nothing was measured"), "{}", ended.stdout);
}

#[test]
fn objectives_decide_about_the_exit_status() {
    let serve = Serve::start(&["--interval", "500ms"]);
    let flags = ["-c", "5", "-z", "2s", "--ramp", "0s", "--slo"];
    let held = load(&serve.url, &[&flags[..], &["p99<1s,lost=0,failed=0,connections=5,spacing.max<1s"]].concat());
    assert_eq!(held.code, Some(0), "{}{}", held.stdout, held.stderr);
    let missed = load(&serve.url, &[&flags[..], &["lost=0,connections=6"]].concat());
    assert_eq!(missed.code, Some(1));
    assert!(missed.stdout.contains("missed connections=6: 5"), "{}", missed.stdout);
    let unknown = load(&serve.url, &[&flags[..], &["p98<1s"]].concat());
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("one of p50, p90, p99, p99.9, max, connections"), "{}", unknown.stderr);
}

#[test]
fn nothing_to_connect_to_and_settings_that_cannot_be() {
    let nobody = load(&refused(), &["-c", "3", "-z", "1s", "--ramp", "0s"]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("nothing could connect: TCP: Connection refused"), "{}", nobody.stderr);
    let (found, code) = summary(&refused(), &["-c", "3", "-z", "1s", "--ramp", "0s"]);
    assert_eq!((code, number(&found, "/failed"), number(&found, "/failures/tcp")), (Some(3), 3, 3));
    for (flags, wanted) in [
        (&["-c", "0"][..], "0 is not in 1.."),
        (&["-c", "900000"], "descriptors"),
        (&["-c", "2", "-z", "1s", "--ramp", "1s"], "ramp = 1s: must be shorter than the duration, 1s"),
        (&["-c", "2", "--echo", "3"], "echo = 3: 1 to the number of connections"),
        (&["-c", "2", "--echo", "1", "--size", "8"], "size = 8: 16 bytes to 64KiB"),
        (&["-c", "2", "--silent", "2"], "share"),
        (&["-c", "2", "-z", "5"], "a duration needs a unit: 5s, or 5ms"),
    ] {
        let ended = load("ws://127.0.0.1:9", flags);
        assert_eq!(ended.code, Some(2), "{flags:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(wanted), "{flags:?}: {}", ended.stderr);
    }
}

#[test]
fn over_tls_as_well() {
    let fixture = |name: &str| format!("{}/../tests/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let serve = Serve::start(&["--tls-cert", &fixture("server.pem"), "--tls-key", &fixture("server.key"), "--interval", "500ms"]);
    let flags = ["-c", "10", "-z", "2s", "--ramp", "200ms", "--echo", "5"];
    let (found, code) = summary(&serve.url, &[&flags[..], &["--ca", &fixture("ca.pem")]].concat());
    assert_eq!((code, number(&found, "/connections"), number(&found, "/lost")), (Some(0), 10, 0), "{found}");
    assert!(number(&found, "/answered") >= 20 && number(&found, "/echoes") >= 50, "{found}");
    let (found, code) = summary(&serve.url, &flags);
    assert_eq!((code, number(&found, "/failures/tls")), (Some(3), 10), "{found}");
}

#[test]
fn without_a_terminal_nothing_is_drawn() {
    let serve = Serve::start(&[]);
    let ended = load(&serve.url, &["-c", "2", "-z", "1s", "--ramp", "0s"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.starts_with("connections 2 opened, 0 failed, 0 lost\npings "), "{}", ended.stdout);
}

#[test]
fn a_short_load_opens_its_connections_in_time_without_being_told_how_fast() {
    let serve = Serve::start(&[]);
    let (found, code) = summary(&serve.url, &["-c", "10", "-z", "1s"]);
    assert_eq!((code, number(&found, "/connections"), number(&found, "/failed")), (Some(0), 10, 0), "{found}");
}

/// A server that upgrades so many connections and leaves the others hanging, at most 1,000.
fn hanging(upgraded: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut hung = Vec::new();
        for (n, stream) in listener.incoming().take(1_000).enumerate() {
            let stream = stream.unwrap();
            if n < upgraded {
                std::thread::spawn(move || read_all(&mut tungstenite::accept(stream).unwrap()));
            } else {
                hung.push(stream);
            }
        }
    });
    url
}

#[test]
fn every_connection_asked_for_was_opened_or_has_failed() {
    let flags = ["-z", "1s", "--ramp", "0s", "--slo", "failed=0,lost=0"];
    let (found, code) = summary(&hanging(1), &[&["-c", "10"], &flags[..]].concat());
    assert_eq!((code, number(&found, "/connections"), number(&found, "/failed")), (Some(1), 1, 9), "{found}");
    assert_eq!((number(&found, "/failures/pending"), number(&found, "/lost")), (9, 0), "{found}");
    assert_eq!(found["missed"], serde_json::json!(["failed=0: 9"]), "{found}");
    // More than are on their way at once: the turn of some never comes.
    let (found, code) = summary(&hanging(0), &[&["-c", "600"], &flags[..]].concat());
    assert_eq!((code, number(&found, "/connections"), number(&found, "/failures/pending")), (Some(3), 0, 600), "{found}");
}

#[test]
fn where_nothing_could_connect_it_says_at_which_step() {
    let ended = load(&hanging(0), &["-c", "2", "-z", "500ms", "--ramp", "0s"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stdout);
    assert!(ended.stdout.starts_with("connections 0 opened, 2 failed, 0 lost\n"), "{}", ended.stdout);
    assert!(ended.stderr.contains("nothing could connect: HTTP upgrade: no answer when the load ended"), "{}", ended.stderr);
    let ended = load(&hanging(0).replace("ws://", "wss://"), &["-c", "1", "-z", "500ms", "--ramp", "0s"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stdout);
    assert!(ended.stderr.contains("nothing could connect: TLS: no answer when the load ended"), "{}", ended.stderr);
}

#[test]
fn a_gap_that_the_end_of_its_connection_cuts_off_counts_as_spacing() {
    // Five pings each, 100 ms apart, and then nothing until the end of the stream.
    let (url, server) = peer(2, |n, stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        std::thread::spawn(move || {
            for _ in 0..5 {
                socket.send(Message::Ping(Bytes::new())).unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
            std::thread::sleep(Duration::from_millis(if n == 0 { 1_900 } else { 1_400 }));
        });
    });
    let (found, code) = summary(&url, &["-c", "2", "-z", "3s", "--ramp", "0s", "--slo", "spacing.max<1s"]);
    server.join().unwrap();
    assert_eq!((code, number(&found, "/pings"), number(&found, "/closes/1006")), (Some(1), 10, 2), "{found}");
    // Four whole gaps each, and those that were cut off: the shorter of them counts as well.
    assert_eq!(number(&found, "/spacing_us/count"), 2 * 4 + 2, "{found}");
    assert!(number(&found, "/spacing_us/max") >= 1_950_000 && number(&found, "/spacing_us/p90") >= 1_450_000, "{found}");
    assert!(found["missed"][0].as_str().unwrap().starts_with("spacing.max<1s: "), "{found}");
}

#[test]
fn a_load_that_was_held_up_itself_says_so_and_answers_count_from_then() {
    let serve = Serve::start(&["--interval", "200ms", "--misses", "100"]);
    let flags = ["load", &serve.url, "-c", "5", "-z", "4s", "--ramp", "0s", "--dialect", "htx-spot-v1", "--format", "json"];
    let mut running = Running::start(wsbeat(flags));
    std::thread::sleep(Duration::from_millis(1_500));
    running.signal("STOP");
    std::thread::sleep(Duration::from_millis(1_500));
    running.signal("CONT");
    let found: Value = serde_json::from_str(&running.end().stdout).unwrap();
    // It wakes up four times a second at least.
    assert!(number(&found, "/late_us") >= 1_200_000, "{found}");
    assert!(number(&found, "/answer_us/max") >= 1_200_000, "{found}");
}
