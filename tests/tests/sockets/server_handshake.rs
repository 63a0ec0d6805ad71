//! Every way to be wrong in a handshake is answered in HTTP, and no one waits for those who never finish.

use std::time::{Duration, Instant};

use wsbeat_core::event::VerdictKind;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::raw::{Raw, UPGRADE};
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tokio::server::{Origins, Refusal, ServerConfig};

fn answer(serving: &Serving, request: &[u8]) -> String {
    let mut raw = Raw::connect(serving.address);
    raw.write(request);
    String::from_utf8(raw.rest()).expect("text")
}

#[test]
fn threat_11_each_refusal_has_its_status_and_can_be_read_to_its_end() {
    let serving = Serving::start(config());
    let swap = |from: &str, to: &str| UPGRADE.replacen(from, to, 1);
    let cases = [
        ("400", swap("Host: test\r\n", "")),
        ("400", swap("Host: test\r\n", "Host: a\r\nHost: b\r\n")),
        ("400", swap("Upgrade: websocket", "Upgrade: h2c")),
        ("400", swap("Connection: Upgrade", "Connection: close")),
        ("400", swap("dGhlIHNhbXBsZSBub25jZQ==", "short")),
        ("400", swap("Host", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost")),
        ("400", swap("Host", "Content-Length: 3\r\nHost")),
        ("400", swap("Host", "Transfer-Encoding: chunked\r\nHost")),
        ("400", UPGRADE.replace("\r\n", "\n")),
        ("400", swap("HTTP/1.1", "HTTP/1.0")),
        ("400", format!("{UPGRADE}behind")),
        ("400", String::from("what?\r\n\r\n")),
        ("400", swap("GET", "POST")),
        ("426", swap("Version: 13", "Version: 8")),
        ("431", swap("Host", &format!("X: {}\r\nHost", "x".repeat(20_000)))),
        ("431", swap("Host", &format!("{}Host", "X: y\r\n".repeat(65)))),
        ("431", format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(100_000))),
        ("403", swap("Host", "Origin: https://evil.example\r\nHost")),
        ("403", swap("Host", "Origin: null\r\nHost")),
        ("403", swap("Host", "Origin: http://test.evil.example\r\nHost")),
        ("404", String::from("GET /any HTTP/1.1\r\nHost: test\r\n\r\n")),
    ];
    for (status, request) in cases {
        let answer = answer(&serving, request.as_bytes());
        let shown: String = request.chars().take(300).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}\n{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())) && head.contains("\r\nConnection: close"), "{head}");
        if status == "426" {
            assert!(head.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{head}");
        }
    }
    assert_eq!(serving.handle.stats().refused(Refusal::Origin), 3);
    assert_eq!(serving.handle.stats().opened.get(), 0);
    drop(Raw::open(serving.address));
}

#[test]
fn a_browser_sees_a_page() {
    let serving = Serving::start(config());
    let answer = answer(&serving, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("<!doctype html>"), "{answer}");
}

/// More than a socket takes at once.
#[test]
fn a_long_page_comes_to_its_end() {
    let page = "<p>long</p>".repeat(1 << 20);
    let serving = Serving::start(ServerConfig { page: page.clone(), ..config() });
    let answer = answer(&serving, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert_eq!(body.len(), page.len());
}

#[test]
fn threat_12_pages_of_the_same_host_and_allowed_ones_connect_and_no_others() {
    let origins = Origins::allowing(vec!["https://*.example.com".parse().unwrap()]);
    let serving = Serving::start(ServerConfig { origins, ..config() });
    let head_for = |origin: &str| {
        let mut raw = Raw::connect(serving.address);
        raw.write(UPGRADE.replacen("Host", &format!("Origin: {origin}\r\nHost"), 1).as_bytes());
        raw.head()
    };
    for origin in ["http://test", "https://a.example.com"] {
        let head = head_for(origin);
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    }
    let others = ["null", "http://evil.example", "https://example.com", "https://a.example.com.evil.example", "http://test.evil.example"];
    for origin in others {
        let head = head_for(origin);
        assert!(head.starts_with("HTTP/1.1 403 "), "{origin}: {head}");
    }
    assert_eq!(serving.handle.stats().refused(Refusal::Origin), others.len() as u64);
    // Whoever names no origin is no browser.
    drop(Raw::open(serving.address));
}

#[test]
fn a_head_in_pieces_is_a_head() {
    let serving = Serving::start(config());
    let mut raw = Raw::connect(serving.address);
    for byte in UPGRADE.as_bytes() {
        raw.write(&[*byte]);
    }
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    raw.text("x");
    assert_eq!(raw.next_text(), "x");
}

#[test]
fn threat_10_those_who_never_finish_are_dropped_and_delay_nobody() {
    let policy = PolicyConfig { handshake_timeout: Some(Duration::from_millis(600)), ..PolicyConfig::default() };
    let serving = Serving::start(ServerConfig { policy, ..config() });
    let mut idle: Vec<Raw> = (0..300).map(|_| Raw::connect(serving.address)).collect();
    for raw in idle.iter_mut().step_by(2) {
        raw.write(b"GET / HTTP/1.1\r\nHost: te");
    }
    let began = Instant::now();
    let mut honest = Raw::open(serving.address);
    honest.text("x");
    assert_eq!(honest.next_text(), "x");
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    for raw in &mut idle {
        assert_eq!(raw.rest(), b"");
    }
    assert_eq!(serving.handle.stats().refused(Refusal::HandshakeTimeout), 300);
    assert_eq!(serving.verdict(), VerdictKind::Handshake);
    honest.text("y");
    assert_eq!(honest.next_text(), "y");
}
