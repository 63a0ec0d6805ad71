//! What a peer sends comes back whole, however it was cut.

use wsbeat_core::event::VerdictKind;
use wsbeat_tests::raw::{Raw, masked};
use wsbeat_tests::serving::{Seen, Serving, config, config_in};

#[test]
fn text_and_binary_come_back() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    assert_eq!(serving.saw(Some), Seen::Open("/any".into()));
    raw.text("grüß dich");
    assert_eq!(raw.next_text(), "grüß dich");
    raw.frame(0x82, &[0, 255, 128]);
    let frame = raw.next_frame().unwrap();
    assert_eq!((frame.first, frame.payload), (0x82, vec![0, 255, 128]));
    raw.close(1000);
    assert_eq!(raw.close_code(), Some(1000));
    assert_eq!(raw.next_frame(), None, "the server closes first");
    drop(raw);
    let end = serving.end();
    assert_eq!(end.peer_code, 1000);
}

#[test]
fn a_message_in_fragments_with_pings_between_comes_back_whole() {
    let serving = Serving::start(config());
    let bytes = [masked(0x01, b"one "), masked(0x89, b"p"), masked(0x00, b"two "), masked(0x8a, b""), masked(0x80, b"three")].concat();
    for step in [1, 2, 5, 7, bytes.len()] {
        let mut raw = Raw::open(serving.address);
        for piece in bytes.chunks(step) {
            raw.write(piece);
            std::thread::sleep(std::time::Duration::from_micros(300));
        }
        let pong = raw.next_frame().unwrap();
        assert_eq!((pong.first, pong.payload.as_slice()), (0x8a, &b"p"[..]));
        assert_eq!(raw.next_text(), "one two three");
    }
}

#[test]
fn many_messages_in_one_write_come_back_in_order() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    let texts: Vec<String> = (0..3_000).map(|n| format!("message {n}")).collect();
    let bytes: Vec<u8> = texts.iter().flat_map(|t| masked(0x81, t.as_bytes())).collect();
    let mut writer = raw.stream().try_clone().unwrap();
    let writing = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes).unwrap());
    for text in &texts {
        assert_eq!(&raw.next_text(), text);
    }
    writing.join().unwrap();
}

#[test]
fn the_longest_message_comes_back() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    let long = "x".repeat(1 << 20);
    raw.text(&long);
    assert!(raw.next_text() == long);
    raw.text("still here");
    assert_eq!(raw.next_text(), "still here");
}

#[test]
fn every_ping_is_answered_while_the_peer_reads() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    let pings: Vec<u8> = (0..10u8).flat_map(|n| masked(0x89, &[n; 125])).collect();
    raw.write(&pings);
    for n in 0..10u8 {
        let pong = raw.next_frame().unwrap();
        assert_eq!((pong.first, pong.payload), (0x8a, vec![n; 125]));
    }
}

#[test]
fn odd_texts_are_data_and_everyone_lives() {
    let serving = Serving::start(config_in("htx-spot-v1"));
    let mut others: Vec<Raw> = (0..3).map(|_| Raw::open(serving.address)).collect();
    let mut raw = Raw::open(serving.address);
    let deep = "[".repeat(60_000);
    for text in ["not JSON", "[]", "\"pong\"", "{\"pong\":null}", "{\"pong\":1.5}", "7", "", &deep] {
        raw.text(text);
        let back = loop {
            let frame = raw.next_frame().unwrap();
            if frame.first == 0x81 {
                break frame.payload;
            }
        };
        assert!(back == text.as_bytes(), "{}", text.chars().take(40).collect::<String>());
    }
    raw.frame(0x82, &[0xff, 0xfe, 0x1f, 0x8b]);
    while raw.next_frame().unwrap().payload != [0xff, 0xfe, 0x1f, 0x8b] {}
    for other in &mut others {
        other.text("alive");
        while other.next_frame().unwrap().payload != b"alive" {}
    }
    assert_eq!(serving.handle.count(), 4);
}

#[test]
fn a_broadcast_reaches_all() {
    let serving = Serving::start(config());
    let mut all: Vec<Raw> = (0..5).map(|_| Raw::open(serving.address)).collect();
    serving.until("five are open", |h| h.count() == 5);
    all[2].text("all!");
    for raw in &mut all {
        assert_eq!(raw.next_text(), "to all");
    }
    serving.handle.broadcast(wsbeat_core::dialect::Message::Text("again")).unwrap();
    for raw in &mut all {
        assert_eq!(raw.next_text(), "again");
    }
}

#[test]
fn a_handler_closes_behind_what_it_sent() {
    let serving = Serving::start(config());
    let mut raw = Raw::open(serving.address);
    raw.text("bye!");
    raw.text("too late");
    raw.frame(0x89, b"too late");
    assert_eq!(raw.next_text(), "before");
    let close = raw.next_frame().unwrap();
    assert_eq!((close.close_code(), &close.payload[2..]), (Some(4001), &b"because"[..]));
    raw.close(4001);
    assert_eq!(raw.next_frame(), None, "neither an echo nor a pong follows");
    let end = serving.end();
    assert_eq!((end.verdict.map(|v| v.kind), end.peer_code), (Some(VerdictKind::User), 4001));
}
