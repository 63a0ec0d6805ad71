//! Heartbeats over real sockets: whoever answers lives, whoever does not is closed when the rules say, and neither hurts the others.

use std::time::{Duration, Instant};

use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Role};
use wsbeat_core::event::{ConnId, Counter, Token, VerdictKind};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::lag::LagSampler;
use wsbeat_tests::raw::{Frame, Raw};
use wsbeat_tests::serving::{Seen, Serving, config, config_in};
use wsbeat_tokio::server::{CloseReason, HandleError, PingPayload, ServerConfig};

/// A second of the world is this much here.
const BEAT: Duration = Duration::from_millis(200);

fn htx() -> ServerConfig {
    let policy = PolicyConfig { interval: Some(BEAT), close_timeout: Some(BEAT), ..PolicyConfig::default() };
    ServerConfig { policy, ..config_in("htx-spot-v1") }
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

/// Answers `beats` heartbeats, then none. Returns how many came in all and the close code.
fn live(raw: &mut Raw, beats: usize) -> (usize, Option<u16>) {
    let mut seen = 0;
    while let Some(frame) = raw.next_frame() {
        if let Some(code) = frame.close_code() {
            return (seen, Some(code));
        }
        let answer = answer(&frame).expect("a heartbeat");
        seen += 1;
        if seen <= beats {
            raw.text(&answer);
        }
    }
    (seen, None)
}

#[test]
fn who_stops_answering_is_closed_after_two_more_beats() {
    let lag = LagSampler::start();
    let serving = Serving::start(htx());
    for beats in [0, 1, 4] {
        let began = Instant::now();
        let mut raw = Raw::open(serving.address);
        let (seen, code) = live(&mut raw, beats);
        assert_eq!(code, Some(4408), "{beats} answered");
        // A server that was held up gives a beat more.
        assert!(seen == beats + 2 || (seen > beats + 2 && lag.worst() > BEAT / 4), "{seen} with {beats} answered, {:?}", lag.worst());
        let took = began.elapsed();
        assert!(took > BEAT * (beats as u32 + 2), "{took:?}");
        let verdict = serving.saw(|seen| match seen {
            Seen::Verdict(verdict) => Some(verdict),
            _ => None,
        });
        assert_eq!((verdict.kind, verdict.unanswered), (VerdictKind::PeerSilent, 2));
    }
}

#[test]
fn threat_18_twenty_that_answer_miss_nothing_beside_one_that_ignores_our_close() {
    let lag = LagSampler::start();
    let serving = Serving::start(htx());
    let ignorant = Raw::open(serving.address);
    let address = serving.address;
    let healthy: Vec<_> = (0..20)
        .map(|_| {
            std::thread::spawn(move || {
                let mut times = vec![Instant::now()];
                let mut raw = Raw::open(address);
                let end = Instant::now() + BEAT * 12;
                while Instant::now() < end {
                    let Some(frame) = raw.next_within(BEAT * 20) else { panic!("no heartbeat") };
                    raw.text(&answer(&frame.expect("lives")).expect("a heartbeat"));
                    times.push(Instant::now());
                }
                times
            })
        })
        .collect();
    for thread in healthy {
        let times = thread.join().unwrap();
        let (began, times) = (times[0], &times[1..]);
        // The k-th comes later than k - 1 beats after the opening, however long that took.
        let beats = (times[times.len() - 1] - began).as_secs_f64() / BEAT.as_secs_f64();
        assert!(times.len() >= 11 && (times.len() as f64) < beats + 1.0, "{} heartbeats in {beats} beats", times.len());
        let longest = times.windows(2).map(|w| w[1] - w[0]).max().unwrap();
        assert!(longest < BEAT + BEAT / 2 + lag.worst(), "a beat was missed: {longest:?}, the machine was late by {:?}", lag.worst());
    }
    assert_eq!(serving.verdict(), VerdictKind::PeerSilent);
    assert_eq!(serving.verdict(), VerdictKind::CloseTimeout);
    assert_eq!(serving.end().verdict.map(|v| v.kind), Some(VerdictKind::PeerSilent));
    assert_eq!(serving.handle.stats().close_timeouts.get(), 1);
    drop(ignorant);
}

#[test]
fn a_heartbeat_of_the_client_is_answered() {
    let serving = Serving::start(config_in("htx-spot-v1"));
    let mut raw = Raw::open(serving.address);
    raw.text("{\"ping\":1492420473027}");
    let dialect = Dialect::preset("htx-spot-v1").unwrap();
    let mut decoder = Decoder::default();
    loop {
        let frame = raw.next_frame().unwrap();
        if let Heard::Answer(token) = dialect.decode(Role::Client, Message::Binary(&frame.payload), 0, &mut decoder) {
            assert_eq!(token, Token(1_492_420_473_027));
            break;
        }
    }
}

#[test]
fn threat_16_pings_go_out_and_a_peer_that_is_silent_is_closed() {
    let policy = PolicyConfig { ping_interval: Some(BEAT), ping_timeout: Some(BEAT), first_ping: Some(BEAT), ..PolicyConfig::default() };
    let serving = Serving::start(ServerConfig { policy, ..config() });
    let mut mute = Raw::open(serving.address);
    let mut good = Raw::open(serving.address);
    let mut pings = 0;
    while pings < 6 {
        let ping = good.next_frame().expect("lives");
        assert_eq!((ping.first, ping.payload.len()), (0x89, 8));
        good.frame(0x8a, &ping.payload);
        pings += 1;
    }
    assert_eq!(mute.close_code(), Some(4408));
    assert_eq!(serving.handle.count(), 1);
}

#[test]
fn threat_21_31_a_server_that_was_held_up_judges_nobody() {
    let policy = PolicyConfig { ping_interval: Some(BEAT), ping_timeout: Some(BEAT), first_ping: Some(BEAT), ..PolicyConfig::default() };
    let serving = Serving::start(ServerConfig { policy, ..config() });
    let address = serving.address;
    let threads: Vec<_> = (0..10)
        .map(|_| {
            std::thread::spawn(move || {
                let mut raw = Raw::open(address);
                let end = Instant::now() + BEAT * 12;
                while Instant::now() < end {
                    let Some(frame) = raw.next_within(BEAT) else { continue };
                    let frame = frame.expect("lives");
                    assert_eq!(frame.close_code(), None);
                    if frame.first == 0x89 {
                        raw.frame(0x8a, &frame.payload);
                    }
                }
            })
        })
        .collect();
    for _ in 0..4 {
        // Each holds the driver up for a timeout and a half.
        Raw::open(serving.address).text("sleep!");
        std::thread::sleep(BEAT * 3);
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(serving.handle.stats().handler_slow.get() >= 4);
}

#[test]
fn a_handle_reaches_in_from_elsewhere() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    serving.until("it is open", |h| h.count() == 1);
    let id = ConnId { index: 0, generation: 0 };
    serving.handle.send(id, Message::Text("hello")).unwrap();
    assert_eq!(raw.next_text(), "hello");
    serving.handle.ping(id, PingPayload::new(b"mine").unwrap()).unwrap();
    let ping = raw.next_frame().unwrap();
    assert_eq!((ping.first, ping.payload.as_slice()), (0x89, &b"mine"[..]));
    raw.frame(0x8a, b"mine");
    let pong = serving.saw(|seen| match seen {
        Seen::Pong(payload) => Some(payload),
        _ => None,
    });
    assert_eq!(pong, b"mine");
    serving.handle.close(id, CloseReason::new(4000, "enough").unwrap()).unwrap();
    let close = raw.next_frame().unwrap();
    assert_eq!((close.close_code(), &close.payload[2..]), (Some(4000), &b"enough"[..]));
    serving.until("it is closed", |h| h.count() == 0);
    assert_eq!(serving.handle.send(id, Message::Text("x")), Err(HandleError::Unknown(id)));
    let nobody = ConnId { index: 7, generation: 7 };
    assert_eq!(serving.handle.close(nobody, CloseReason::normal()), Err(HandleError::Unknown(nobody)));
    let handle = serving.handle.clone();
    handle.shutdown();
    let _ = serving.wait();
    assert_eq!(handle.broadcast(Message::Text("x")), Err(HandleError::Stopped));
}

#[test]
fn a_policy_can_be_changed_under_open_connections() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    assert_eq!(raw.next_within(BEAT), None, "no pings");
    let policy = PolicyConfig { ping_interval: Some(BEAT), ..PolicyConfig::default() };
    serving.handle.set_policy(ServerConfig { policy, ..config() }.check().unwrap()).unwrap();
    for _ in 0..3 {
        let ping = raw.next_frame().unwrap();
        assert_eq!((ping.first, ping.payload.len()), (0x89, 8));
        raw.frame(0x8a, &ping.payload);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let stats = runtime.block_on(serving.handle.heartbeat_stats()).unwrap();
    assert!(stats.get(Counter::PingsSent) >= 3);
    assert!(stats.get(Counter::PongsMatched) >= 2);
    let handle = serving.handle.clone();
    drop(serving);
    assert_eq!(runtime.block_on(handle.heartbeat_stats()).err(), Some(HandleError::Stopped));
}
