//! A trace recorded while a server serves replays identically, whatever its peers did.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Role};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::raw::{Frame, Raw};
use wsbeat_tests::serving::{Echo, Serving, config, config_in};
use wsbeat_tests::trace::{differences, replayed};
use wsbeat_tokio::server::{CloseReason, PingPayload, Server, ServerConfig};

const BEAT: Duration = Duration::from_millis(100);
/// How long the load lasts.
const LENGTH: Duration = Duration::from_secs(3);

type Written = Arc<Mutex<String>>;

/// Records all into `written`.
fn recorded(written: &Written) -> impl FnOnce(Server<Echo>) -> Server<Echo> + Send + 'static {
    let written = Arc::clone(written);
    move |server| {
        server.record(move |lines| {
            written.lock().unwrap().push_str(lines);
            ControlFlow::Continue(())
        })
    }
}

/// Both planes, fast.
fn both_planes() -> ServerConfig {
    let policy = PolicyConfig {
        interval: Some(BEAT),
        ping_interval: Some(Duration::from_millis(80)),
        ping_timeout: Some(Duration::from_millis(80)),
        jitter_ppm: Some(100_000),
        close_timeout: Some(BEAT),
        handshake_timeout: Some(BEAT * 20),
        ..PolicyConfig::default()
    };
    ServerConfig { policy, seed: 7, drain: BEAT * 10, ..config_in("htx-spot-v1") }
}

/// Answers what has to be answered.
fn answer(raw: &mut Raw, frame: &Frame) {
    if frame.first == 0x89 {
        return raw.frame(0x8a, &frame.payload);
    }
    let dialect = Dialect::preset("htx-spot-v1").unwrap();
    let mut decoder = Decoder::default();
    if let Heard::Heartbeat { answer: Some(Message::Text(text)), .. } =
        dialect.decode(Role::Client, Message::Binary(&frame.payload), 0, &mut decoder)
    {
        raw.text(text);
    }
}

/// Lives well for `time`, each answer `late`. Returns early where the server hangs up.
fn live(raw: &mut Raw, time: Duration, late: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        match raw.next_within(left) {
            Some(Some(frame)) => {
                std::thread::sleep(late);
                answer(raw, &frame);
            }
            Some(None) | None => return,
        }
    }
}

/// What client number `n` does with its connection.
fn client(address: SocketAddr, n: u32) {
    if n == 10 {
        // It begins a handshake and leaves it at that.
        let mut raw = Raw::connect(address);
        raw.write(b"GET / HTTP/1.1\r\n");
        return drop(raw.rest());
    }
    if n == 11 {
        return Raw::connect(address).reset();
    }
    let mut raw = Raw::open(address);
    match n {
        // Mute, and its close frame stays unanswered.
        0..6 => drop(raw.rest()),
        // Bytes, but no answers.
        6..10 => {
            let end = Instant::now() + LENGTH;
            while Instant::now() < end && raw.next_within(Duration::from_millis(1)) != Some(None) {
                raw.text("still here");
                std::thread::sleep(BEAT / 8);
            }
        }
        12..18 => live(&mut raw, LENGTH, BEAT / 2),
        18..22 => {
            live(&mut raw, BEAT * 3, Duration::ZERO);
            raw.write(&wsbeat_tests::raw::masked(0x89, b"flood").repeat(500));
            drop(raw.rest());
        }
        22..26 => {
            live(&mut raw, BEAT * n, Duration::ZERO);
            return raw.reset();
        }
        // They come and go.
        26..30 => {
            let began = Instant::now();
            while began.elapsed() < LENGTH / 2 {
                live(&mut raw, BEAT * 4, Duration::ZERO);
                raw.close(1000);
                raw = Raw::open(address);
            }
            raw.finish();
        }
        30 => raw.frame(0x83, b"no such opcode"),
        31 => raw.frame(0x81, b"\xff"),
        32 => raw.text("bye!"),
        33 => raw.text("panic!"),
        34 => raw.text("all!"),
        // Heartbeats of its own are answered until it writes what is none.
        35 => {
            raw.text("{\"ping\":1492420473027}");
            live(&mut raw, BEAT * 3, Duration::ZERO);
            raw.text("{\"pong\":\"never\"}");
            live(&mut raw, BEAT * 3, Duration::ZERO);
        }
        _ => live(&mut raw, LENGTH * 2, Duration::ZERO),
    }
    let _ = raw.rest();
}

/// The verdicts among the `out` lines.
fn verdicts(out: &[String]) -> BTreeSet<String> {
    let line = |line: &String| serde_json::from_str::<serde_json::Value>(line).ok();
    let verdict = |line: serde_json::Value| line.get("verdict").and_then(|v| v.as_str()).map(String::from);
    out.iter().filter_map(line).filter_map(verdict).collect()
}

#[test]
fn a_live_run_with_faults_under_load_replays_identically() {
    let written = Written::default();
    let serving = Serving::start_as(both_planes(), recorded(&written));
    let address = serving.address;
    let clients: Vec<_> = (0..50).map(|n| std::thread::spawn(move || client(address, n))).collect();
    std::thread::sleep(LENGTH);
    serving.handle.drain();
    let _ = serving.wait();
    for thread in clients {
        // On a busy machine one may come too late to be let in: what the server made of it is recorded too.
        let _ = thread.join();
    }
    let trace = written.lock().unwrap().clone();
    assert_eq!(differences(&trace).unwrap(), "");
    let out = replayed(&trace).unwrap();
    assert!(out.len() > 500, "{} lines are no load", out.len());
    let verdicts = verdicts(&out);
    for expected in ["peer-silent", "peer-slow", "too-many-pings", "protocol", "user", "handler", "peer-closed", "drain"] {
        assert!(verdicts.contains(expected), "no {expected} among {verdicts:?}");
    }
    assert!(!trace.contains("still here"), "what users send is no part of a trace");
}

#[test]
fn what_the_user_does_is_recorded_with_its_words() {
    let written = Written::default();
    let serving = Serving::start_as(config(), recorded(&written));
    let mut raw = Raw::open(serving.address);
    serving.until("it is open", |h| h.count() == 1);
    let id = wsbeat_core::event::ConnId { index: 0, generation: 0 };
    serving.handle.ping(id, PingPayload::new(b"mine").unwrap()).unwrap();
    serving.handle.close(id, CloseReason::new(4001, "enough").unwrap()).unwrap();
    assert_eq!(raw.close_code(), Some(4001));
    drop(raw);
    serving.until("it is over", |h| h.count() == 0);
    serving.handle.shutdown();
    let _ = serving.wait();
    let trace = written.lock().unwrap().clone();
    assert_eq!(differences(&trace).unwrap(), "");
    for said in ["\"out\":\"ping\",\"b64\":\"bWluZQ==\"", "\"reason\":\"enough\""] {
        assert!(trace.contains(said), "{said} is not in\n{trace}");
    }
}

#[test]
fn a_tap_that_breaks_is_not_called_again() {
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    let serving = Serving::start_as(both_planes(), move |server| {
        server.record(move |_| {
            *counted.lock().unwrap() += 1;
            ControlFlow::Break(())
        })
    });
    live(&mut Raw::open(serving.address), BEAT * 4, Duration::ZERO);
    drop(serving);
    assert_eq!(*calls.lock().unwrap(), 1);
}

#[test]
fn a_policy_from_elsewhere_ends_the_trace_where_it_comes() {
    let written = Written::default();
    let serving = Serving::start_as(config(), recorded(&written));
    let mut raw = Raw::open(serving.address);
    serving.until("it is open", |h| h.count() == 1);
    let policy = ServerConfig { policy: PolicyConfig { ping_interval: Some(BEAT), ..PolicyConfig::default() }, ..config() };
    serving.handle.set_policy(policy.check().unwrap()).unwrap();
    let ping = raw.next_frame().unwrap();
    assert_eq!(ping.first, 0x89);
    drop(serving);
    let trace = written.lock().unwrap().clone();
    assert!(trace.contains("\"in\":\"open\""), "{trace}");
    assert!(!trace.contains("\"out\":\"ping\""), "{trace}");
    assert_eq!(differences(&trace).unwrap(), "");
}
