//! What breaks the rules is closed with its code; whoever just goes is gone quietly; the others live.

use std::time::{Duration, Instant};

use wsbeat_core::event::VerdictKind;
use wsbeat_tests::raw::{Raw, masked};
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tokio::server::{ServerConfig, ServerLimits};

#[test]
fn threat_04_05_06_each_breach_is_closed_with_its_code() {
    let limits = ServerLimits { message_bytes_max: 1_000, ..ServerLimits::default() };
    let serving = Serving::start(ServerConfig { limits, ..config() });
    let mut bystander = Raw::open(serving.address);
    let huge = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let cases: [(&str, u16, Vec<u8>); 15] = [
        ("unmasked", 1002, vec![0x81, 1, b'x']),
        ("reserved bit", 1002, masked(0xc1, b"x")),
        ("reserved opcode", 1002, masked(0x83, b"x")),
        ("reserved control opcode", 1002, masked(0x8b, b"x")),
        ("fragmented control", 1002, masked(0x09, b"x")),
        ("control of 126 bytes", 1002, masked(0x89, &[0; 126])),
        ("continuation of nothing", 1002, masked(0x80, b"x")),
        ("a message inside another", 1002, [masked(0x01, b"x"), masked(0x81, b"y")].concat()),
        ("close of one byte", 1002, masked(0x88, b"x")),
        ("close with a code that may not be sent", 1002, masked(0x88, &1005u16.to_be_bytes())),
        ("text not UTF-8", 1007, masked(0x81, &[0xc3, 0x28])),
        ("text not UTF-8 over fragments", 1007, [masked(0x01, &[0xc3]), masked(0x80, &[0x28])].concat()),
        ("close reason not UTF-8", 1007, masked(0x88, &[0x03, 0xe8, 0xff])),
        ("message too big", 1009, masked(0x82, &[0; 1_001])),
        ("fragments too big", 1009, [masked(0x02, &[0; 600]), masked(0x80, &[0; 401])].concat()),
    ];
    for (what, code, bytes) in cases.into_iter().chain([("a length of 2^63", 1009, huge.to_vec())]) {
        let mut raw = Raw::open(serving.address);
        raw.write(&bytes);
        assert_eq!(raw.close_code(), Some(code), "{what}");
        assert_eq!(raw.next_frame(), None, "{what}: our side is shut down");
    }
    bystander.text("alive");
    assert_eq!(bystander.next_text(), "alive");
}

#[test]
fn what_follows_a_breach_is_thrown_away_up_to_a_bound() {
    let limits = ServerLimits { discard_bytes_max: 100_000, ..ServerLimits::default() };
    let serving = Serving::start(ServerConfig { limits, ..config() });
    let mut raw = Raw::open(serving.address);
    raw.write(&masked(0x83, b"x"));
    assert_eq!(raw.close_code(), Some(1002));
    let mut writer = raw.stream().try_clone().unwrap();
    let failed = (0..20_000).any(|_| {
        std::thread::sleep(Duration::from_micros(50));
        std::io::Write::write_all(&mut writer, &[0; 1_000]).is_err()
    });
    assert!(failed, "the connection is dropped");
    serving.until("it ends", |h| h.stats().ended.get() == 1);
}

#[test]
fn threat_08_a_flood_of_pings_is_closed_and_a_ping_now_and_then_is_not() {
    let serving = Serving::start(config());
    let mut calm = Raw::open(serving.address);
    let mut raw = Raw::open(serving.address);
    let began = Instant::now();
    let mut sent = 0;
    let code = loop {
        raw.frame(0x89, b"flood");
        sent += 1;
        match raw.next_within(Duration::from_millis(10)) {
            Some(Some(frame)) if frame.close_code().is_some() => break frame.close_code(),
            Some(None) => panic!("no close frame"),
            _ => assert!(began.elapsed() < Duration::from_secs(10), "{sent} pings, and it is open"),
        }
        if sent % 20 == 0 {
            calm.frame(0x89, b"calm");
        }
    };
    assert_eq!(code, Some(1008));
    assert!(sent > 50 && began.elapsed() < Duration::from_secs(3), "{sent} pings, {:?}", began.elapsed());
    assert_eq!(serving.verdict(), VerdictKind::TooManyPings);
    calm.text("alive");
    while calm.next_frame().unwrap().payload != b"alive" {}
}

#[test]
fn threat_19_a_message_of_too_many_frames_is_closed() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    let bytes = [masked(0x01, b""), masked(0x00, b"").repeat(1_023), masked(0x80, b"")].concat();
    raw.write(&bytes[..bytes.len() - 12]);
    raw.frame(0x80, b"");
    assert_eq!(raw.next_text(), "", "1,024 frames are allowed");
    raw.write(&masked(0x01, b""));
    let mut writer = raw.stream().try_clone().unwrap();
    let empties = masked(0x00, b"").repeat(100_000);
    let writing = std::thread::spawn(move || drop(std::io::Write::write_all(&mut writer, &empties)));
    assert_eq!(raw.close_code(), Some(1008));
    assert_eq!(serving.verdict(), VerdictKind::Assembly);
    drop(raw);
    writing.join().unwrap();
}

#[test]
fn threat_19_a_message_that_does_not_end_is_closed() {
    let limits = ServerLimits { assembly: Duration::from_millis(300), ..ServerLimits::default() };
    let serving = Serving::start(ServerConfig { limits, ..config() });
    let mut stuck = Raw::open(serving.address);
    let mut slow = Raw::open(serving.address);
    let mut fine = Raw::open(serving.address);
    stuck.write(&masked(0x81, b"hello")[..7]);
    slow.write(&masked(0x01, b"a"));
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(50));
        slow.write(&masked(0x00, b"b"));
        fine.write(&masked(0x01, b"c"));
        std::thread::sleep(Duration::from_millis(5));
        fine.write(&masked(0x80, b"d"));
    }
    assert_eq!(stuck.close_code(), Some(1008));
    assert_eq!(slow.close_code(), Some(1008));
    for _ in 0..8 {
        assert_eq!(fine.next_text(), "cd");
    }
}

#[test]
fn threat_28_a_panic_in_a_callback_ends_its_connection_only() {
    let serving = Serving::start(config());
    let mut other = Raw::open(serving.address);
    let mut raw = Raw::open(serving.address);
    raw.text("panic!");
    assert_eq!(raw.close_code(), Some(1011));
    assert_eq!(serving.verdict(), VerdictKind::Handler);
    assert_eq!(serving.handle.stats().handler_panics.get(), 1);
    other.text("alive");
    assert_eq!(other.next_text(), "alive");
}

#[test]
fn threat_31_a_slow_callback_is_counted() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    raw.text("sleep!");
    raw.text("x");
    assert_eq!(raw.next_text(), "x");
    assert!(serving.handle.stats().handler_slow.get() >= 1);
}

/// Nothing copies and writes so much within 1 ms. A busy machine may stop the callback itself for as long: not three times.
#[test]
fn what_the_server_takes_to_send_a_long_message_is_not_held_against_the_callback() {
    const LENGTH: u32 = 16 << 20;
    let slow_callbacks = || {
        let limits = ServerLimits { message_bytes_max: LENGTH, ..ServerLimits::default() };
        let serving = Serving::start(ServerConfig { limits, ..config() });
        let mut raw = Raw::open(serving.address);
        raw.write(&masked(0x82, &vec![7; LENGTH as usize]));
        assert_eq!(raw.next_frame().map(|frame| frame.payload.len()), Some(LENGTH as usize));
        serving.handle.stats().handler_slow.get()
    };
    assert!((0..3).any(|_| slow_callbacks() == 0));
}

#[test]
fn threat_17_whoever_goes_without_a_word_is_gone_quietly() {
    let serving = Serving::start(config());
    for what in ["fin", "reset", "fin in a message", "reset in a message", "fin in a handshake", "reset in a handshake"] {
        let is_handshake = what.ends_with("handshake");
        let mut raw = if is_handshake { Raw::connect(serving.address) } else { Raw::open(serving.address) };
        if what.ends_with("message") {
            raw.write(&masked(0x01, b"half")[..6]);
        }
        if is_handshake {
            raw.write(b"GET ");
        }
        std::thread::sleep(Duration::from_millis(20));
        if what.starts_with("fin") {
            raw.finish();
            assert_eq!(raw.rest(), b"", "{what}: nothing is sent");
        } else {
            raw.reset();
        }
        if !is_handshake {
            let end = serving.end();
            assert_eq!((end.verdict, end.peer_code), (None, 1006), "{what}");
        }
    }
    assert_eq!(serving.handle.count(), 0);
    drop(Raw::open(serving.address));
}

#[test]
fn a_message_just_before_the_end_is_delivered() {
    let serving = Serving::start(config());
    for _ in 0..50 {
        let mut raw = Raw::open(serving.address);
        raw.text("last words");
        raw.finish();
        assert_eq!(raw.next_text(), "last words");
        assert_eq!(raw.next_frame(), None);
    }
}
