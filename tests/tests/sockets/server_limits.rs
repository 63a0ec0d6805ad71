//! Nobody takes more than their share, and whoever was turned away can come again.

use std::time::{Duration, Instant};

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{ConnId, VerdictKind};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::raw::{Raw, UPGRADE};
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tokio::server::{BindError, Refusal, Server, ServerConfig, ServerLimits};

#[test]
fn threat_14_exactly_the_limit_lives_and_the_rest_hears_503() {
    let limits = ServerLimits { connections_max: 20, ..ServerLimits::default() };
    let serving = Serving::start(ServerConfig { limits, ..config() });
    let (mut live, mut refused) = (Vec::new(), 0);
    for _ in 0..50 {
        let mut raw = Raw::connect(serving.address);
        raw.write(UPGRADE.as_bytes());
        let head = raw.head();
        if head.starts_with("HTTP/1.1 101 ") {
            live.push(raw);
        } else {
            assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: "), "{head}");
            refused += 1;
        }
    }
    assert_eq!((live.len(), refused), (20, 30));
    assert_eq!(serving.handle.count(), 20);
    assert_eq!(serving.handle.stats().refused(Refusal::Connections), 30);
    for raw in live.drain(..10) {
        drop(raw);
    }
    serving.until("ten have gone", |h| h.count() == 10);
    for _ in 0..10 {
        live.push(Raw::open(serving.address));
    }
    for raw in &mut live {
        raw.text("x");
        assert_eq!(raw.next_text(), "x");
    }
}

#[test]
fn threat_13_a_peer_that_does_not_read_has_a_bounded_queue_and_hurts_nobody() {
    let serving = Serving::start(config());
    let mut slow = Raw::open(serving.address);
    serving.until("it is open", |h| h.count() == 1);
    let mut other = Raw::open(serving.address);
    serving.until("both are open", |h| h.count() == 2);
    let long = "x".repeat(100_000);
    let slow_id = ConnId { index: 0, generation: 0 };
    for n in 0..400 {
        while serving.handle.send(slow_id, Message::Text(&long)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if n % 40 == 0 {
            other.text("alive");
            assert_eq!(other.next_text(), "alive");
        }
    }
    serving.until("some are refused", |h| h.stats().messages_refused.get() > 0);
    // What was taken comes whole once it reads.
    let taken = serving.handle.stats().messages_out.get() - 10;
    assert!(taken < 400, "{taken}");
    for _ in 0..taken {
        assert!(slow.next_text() == long);
    }
    slow.text("here again");
    assert_eq!(slow.next_text(), "here again");
}

#[test]
fn threat_13_a_peer_that_does_not_read_is_given_up_although_it_sends() {
    let policy = PolicyConfig {
        ping_interval: Some(Duration::from_millis(100)),
        ping_timeout: Some(Duration::from_millis(200)),
        ..PolicyConfig::default()
    };
    let serving = Serving::start(ServerConfig { policy, ..config() });
    let slow = Raw::open(serving.address);
    let mut writer = slow.stream().try_clone().unwrap();
    let long = wsbeat_tests::raw::masked(0x82, &[0; 60_000]);
    let writing = std::thread::spawn(move || {
        // It never reads an echo, and sends until it is dropped.
        while std::io::Write::write_all(&mut writer, &long).is_ok() {
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    assert_eq!(serving.verdict(), VerdictKind::WriteStalled);
    writing.join().unwrap();
    drop(slow);
}

#[test]
fn threat_08_a_ping_flood_of_a_peer_that_does_not_read_takes_no_memory() {
    let policy = PolicyConfig { close_timeout: Some(Duration::from_millis(300)), ..PolicyConfig::default() };
    let serving = Serving::start(ServerConfig { policy, ..config() });
    let raw = Raw::open(serving.address);
    let mut writer = raw.stream().try_clone().unwrap();
    let pings = wsbeat_tests::raw::masked(0x89, &[7; 125]).repeat(10_000);
    let began = Instant::now();
    while std::io::Write::write_all(&mut writer, &pings).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(10), "it goes on");
    }
    assert_eq!(serving.verdict(), VerdictKind::TooManyPings);
    assert!(serving.handle.stats().bytes_out.get() < 64 << 10, "{}", serving.handle.stats().bytes_out.get());
}

#[test]
fn a_flood_of_tiny_messages_delays_nobody() {
    let serving = Serving::start(config());
    let mut other = Raw::open(serving.address);
    let flood = Raw::open(serving.address);
    let mut writer = flood.stream().try_clone().unwrap();
    let mut reader = flood.stream().try_clone().unwrap();
    let tiny = wsbeat_tests::raw::masked(0x82, b"x").repeat(20_000);
    let writing = std::thread::spawn(move || while std::io::Write::write_all(&mut writer, &tiny).is_ok() {});
    let reading = std::thread::spawn(move || while std::io::Read::read(&mut reader, &mut [0; 65_536]).is_ok_and(|n| n > 0) {});
    std::thread::sleep(Duration::from_millis(50));
    let mut waits: Vec<Duration> = (0..50)
        .map(|_| {
            let began = Instant::now();
            other.text("x");
            assert_eq!(other.next_text(), "x");
            began.elapsed()
        })
        .collect();
    waits.sort();
    assert!(waits[25] < Duration::from_millis(200), "{waits:?}");
    assert!(serving.handle.stats().messages_in.get() > 20_000);
    drop(serving);
    writing.join().unwrap();
    reading.join().unwrap();
}

#[test]
fn it_listens_at_every_address_it_was_given() {
    let listen = vec!["127.0.0.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
    let serving = Serving::start(ServerConfig { listen, ..config() });
    for address in serving.addresses.clone() {
        let mut raw = Raw::open(address);
        raw.text("x");
        assert_eq!(raw.next_text(), "x");
    }
    assert_eq!(serving.addresses.len(), 3);
}

#[test]
fn settings_that_cannot_be_are_named() {
    struct Nothing;
    impl wsbeat_tokio::server::Handler for Nothing {}
    let bind = |config| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Server::bind(config, Nothing)).err().map(|e| e.to_string())
    };
    let limits = ServerLimits { write_bytes_max: 3, ..ServerLimits::default() };
    let error = bind(ServerConfig { limits, ..config() });
    assert_eq!(error.as_deref(), Some("write_bytes_max = 3: at least 1024"));
    let policy =
        PolicyConfig { ping_timeout: Some(Duration::ZERO), ping_interval: Some(Duration::from_secs(1)), ..PolicyConfig::default() };
    let error = bind(ServerConfig { policy, ..config() }).unwrap();
    assert!(error.starts_with("ping_timeout = "), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(Server::bind(ServerConfig { listen: vec![address], ..config() }, Nothing)).err();
    assert!(matches!(error, Some(BindError::Listen { address: at, .. }) if at == address), "{error:?}");
}
