//! A server with TLS does all that one without does; who fails at TLS is refused with the reason; certificates change while it runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::version::{TLS12, TLS13};
use wsbeat_core::event::VerdictKind;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::raw::{Frame, PATIENCE, Raw, UPGRADE, masked};
use wsbeat_tests::serving::Serving;
use wsbeat_tests::tls::{client_hello, config, dial, fixture, identity, open, trusting};
use wsbeat_tokio::server::{Refusal, ServerConfig, ServerLimits, TlsConfig};

#[test]
fn both_versions_of_tls_are_spoken() {
    let serving = Serving::start(config());
    for version in [&TLS12, &TLS13] {
        let mut raw = Raw::over(dial(serving.address, &trusting(&[version]))).upgraded();
        assert_eq!(raw.tls().conn.protocol_version(), Some(version.version));
        raw.text("hello");
        assert_eq!(raw.next_text(), "hello");
        raw.frame(0x89, b"ping");
        assert_eq!(raw.next_frame(), Some(Frame { first: 0x8a, payload: b"ping".to_vec() }));
    }
}

#[test]
fn a_long_message_and_many_short_ones_come_back_whole() {
    let serving = Serving::start(config());
    let mut raw = open(serving.address);
    let long = "x".repeat(1 << 20);
    raw.text(&long);
    assert!(raw.next_text() == long);
    let many: Vec<u8> = (0..5_000).flat_map(|n| masked(0x81, n.to_string().as_bytes())).collect();
    raw.write(&many);
    for n in 0..5_000 {
        assert_eq!(raw.next_text(), n.to_string());
    }
}

#[test]
fn records_in_single_bytes_are_records() {
    let serving = Serving::start(config());
    let mut raw = open(serving.address);
    let mut records = Vec::new();
    let tls = raw.tls();
    tls.conn.writer().write_all(&masked(0x81, b"piecemeal")).unwrap();
    tls.conn.write_tls(&mut records).unwrap();
    for byte in records {
        tls.sock.write_all(&[byte]).unwrap();
        std::thread::sleep(Duration::from_micros(200));
    }
    assert_eq!(raw.next_text(), "piecemeal");
}

#[test]
fn what_goes_out_ends_with_a_close_notify() {
    let serving = Serving::start(config());
    let mut raw = open(serving.address);
    raw.close(1000);
    assert_eq!(raw.close_code(), Some(1000));
    // An end without it would be an error of the kind UnexpectedEof.
    assert_eq!(raw.tls().read(&mut [0; 64]).unwrap(), 0);
    // A refusal in HTTP is read to its end as well.
    let mut refused = dial(serving.address, &trusting(&[&TLS13]));
    refused.write_all(UPGRADE.replace("Version: 13", "Version: 8").as_bytes()).unwrap();
    let mut answer = String::new();
    refused.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[test]
fn threat_25_an_end_without_close_notify_is_an_end_and_no_error() {
    let serving = Serving::start(config());
    for how in ["close_notify", "fin", "reset"] {
        let mut raw = open(serving.address);
        match how {
            "close_notify" => {
                raw.tls().conn.send_close_notify();
                raw.tls().flush().unwrap();
            }
            "fin" => raw.finish(),
            _ => raw.reset(),
        }
        let end = serving.end();
        assert_eq!((end.verdict, end.peer_code), (None, 1006), "{how}");
    }
    assert_eq!(serving.handle.stats().refused(Refusal::Tls), 0);
}

#[test]
fn a_record_that_was_changed_on_the_way_ends_the_connection() {
    let serving = Serving::start(config());
    let mut other = open(serving.address);
    let mut raw = open(serving.address);
    let mut records = Vec::new();
    raw.tls().conn.writer().write_all(&masked(0x81, b"changed")).unwrap();
    raw.tls().conn.write_tls(&mut records).unwrap();
    let last = records.len() - 1;
    records[last] ^= 1;
    raw.tls().sock.write_all(&records).unwrap();
    assert_eq!(serving.end().verdict, None);
    other.text("alive");
    assert_eq!(other.next_text(), "alive");
}

#[test]
fn a_peer_that_does_not_read_is_given_up_because_its_ping_was_never_written() {
    let policy = PolicyConfig {
        ping_interval: Some(Duration::from_millis(100)),
        ping_timeout: Some(Duration::from_millis(200)),
        ..PolicyConfig::default()
    };
    let serving = Serving::start(ServerConfig { policy, ..config() });
    let mut raw = open(serving.address);
    let long = masked(0x82, &[0; 60_000]);
    let began = Instant::now();
    // It never reads an echo, and sends until it is dropped.
    raw.stream().set_write_timeout(Some(PATIENCE)).unwrap();
    while raw.tls().write_all(&long).is_ok() && began.elapsed() < PATIENCE {}
    assert_eq!(serving.verdict(), VerdictKind::WriteStalled);
}

#[test]
fn threat_25_handshakes_that_fail_are_refused_and_counted() {
    let serving = Serving::start(config());
    let answer = |request: &[u8]| {
        let mut tcp = TcpStream::connect(serving.address).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp.write_all(request).unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        answer
    };
    for request in [hello_of_tls_1_1(), UPGRADE.into()] {
        let alert = answer(&request);
        assert_eq!((alert[0], alert[5]), (21, 2), "a fatal alert: {alert:?}");
    }
    serving.until("both are counted", |h| h.stats().refused(Refusal::Tls) == 2);
    // One that does not trust us says so, and that is a reason too.
    let mut stranger = Raw::over(dial(serving.address, &trusting_nobody()));
    stranger.write(UPGRADE.as_bytes());
    serving.until("the third is counted", |h| h.stats().refused(Refusal::Tls) == 3);
    drop(open(serving.address));
}

fn trusting_nobody() -> std::sync::Arc<rustls::ClientConfig> {
    let builder = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13]).unwrap();
    std::sync::Arc::new(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

/// A ClientHello of TLS 1.1 with one cipher (RFC 4346 §7.4.1.2).
fn hello_of_tls_1_1() -> Vec<u8> {
    let body = [&[3, 2][..], &[7; 32], &[0, 0, 2, 0xc0, 0x13, 1, 0]].concat();
    let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
}

#[test]
fn a_handshake_cut_anywhere_leaves_nothing_behind() {
    let serving = Serving::start(config());
    let hello = client_hello();
    for cut in (0..hello.len()).step_by(7) {
        let mut raw = Raw::connect(serving.address);
        raw.write(&hello[..cut]);
        if cut % 2 == 0 { raw.finish() } else { raw.reset() }
    }
    let mut raw = open(serving.address);
    raw.text("alive");
    assert_eq!(raw.next_text(), "alive");
    assert_eq!(serving.handle.count(), 1);
}

#[test]
fn threat_10_a_crowd_that_stops_in_its_handshake_delays_nobody() {
    let policy = PolicyConfig { handshake_timeout: Some(Duration::from_secs(3)), ..PolicyConfig::default() };
    let serving = Serving::start(ServerConfig { policy, ..config() });
    let hello = client_hello();
    let mut stopped: Vec<Raw> = (0..500).map(|_| Raw::connect(serving.address)).collect();
    for (n, raw) in stopped.iter_mut().enumerate() {
        match n % 3 {
            0 => raw.write(&hello[..hello.len() / 2]),
            1 => raw.write(&hello),
            _ => {}
        }
    }
    let mut honest = open(serving.address);
    honest.text("x");
    assert_eq!(honest.next_text(), "x");
    assert_eq!(serving.handle.stats().refused(Refusal::HandshakeTimeout), 0, "it was served while all of them stood there");
    serving.until("all of the crowd are dropped", |h| h.stats().refused(Refusal::HandshakeTimeout) == 500);
    honest.text("y");
    assert_eq!(honest.next_text(), "y");
}

#[test]
fn who_is_one_too_many_gets_an_alert_at_once() {
    let limits = ServerLimits { connections_max: 1, ..ServerLimits::default() };
    let serving = Serving::start(ServerConfig { limits, ..config() });
    let _first = open(serving.address);
    let mut second = dial(serving.address, &trusting(&[&TLS13]));
    let error = second.write_all(UPGRADE.as_bytes()).and_then(|()| second.read(&mut [0; 64])).unwrap_err();
    assert!(error.to_string().contains("InternalError"), "{error}");
    assert_eq!(serving.handle.stats().refused(Refusal::Connections), 1);
}

#[test]
fn new_connections_get_the_new_certificate_and_open_ones_live_on() {
    let serving = Serving::start(config());
    let mut old = open(serving.address);
    let before = old.tls().conn.peer_certificates().unwrap().to_vec();
    serving.handle.set_tls(identity("self_signed")).unwrap();
    old.text("after the command");
    assert_eq!(old.next_text(), "after the command");
    let mut stranger = dial(serving.address, &trusting(&[&TLS13]));
    assert!(stranger.write_all(UPGRADE.as_bytes()).is_err(), "the new certificate is not of the authority");
    assert_ne!(stranger.conn.peer_certificates().map(<[_]>::to_vec), Some(before));
    old.text("still here");
    assert_eq!(old.next_text(), "still here");
}

#[test]
fn files_that_cannot_be_used_are_named_with_what_is_wrong() {
    let load = |cert: &str, key: &str| TlsConfig::from_pem_files(&fixture(cert), &fixture(key)).unwrap_err();
    for (cert, key, file, problem) in [
        ("missing.pem", "server.key", "missing.pem", "No such file"),
        ("server.pem", "missing.key", "missing.key", "No such file"),
        ("server.key", "server.key", "server.key", "no certificate in it"),
        ("server.pem", "server.pem", "server.pem", "no private key in it"),
        ("server.pem", "self_signed.key", "self_signed.key", "this key is not that of the certificate in "),
    ] {
        let error = load(cert, key);
        assert!(error.file.ends_with(file) && error.problem.starts_with(problem), "{cert} {key}: {error}");
    }
}
