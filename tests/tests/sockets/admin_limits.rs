//! The clients of the admin address take so much and no more, and none of it from the server's own connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use wsbeat_tests::http::{Administered, Events, get, post, request, send, status};
use wsbeat_tests::raw::{PATIENCE, Raw, masked};
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tokio::admin::{AdminConfig, AdminLimits};

const SHORT: Duration = Duration::from_millis(400);

fn scene(limits: AdminLimits) -> (Serving, Administered) {
    let serving = Serving::start(config());
    let admin = Administered::start(|config| AdminConfig { limits, ..config }, &[("main", serving.handle.clone())]);
    (serving, admin)
}

fn short() -> AdminLimits {
    AdminLimits { timeout: SHORT, ..AdminLimits::default() }
}

/// How long the server keeps a connection.
fn until_closed(mut stream: TcpStream) -> Duration {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let began = Instant::now();
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut rest);
    began.elapsed()
}

#[test]
fn one_connection_more_than_may_be_is_told_so() {
    let (_serving, admin) = scene(AdminLimits { connections_max: 3, streams_max: 2, ..AdminLimits::default() });
    let held: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(admin.address).unwrap()).collect();
    let answer = get(admin.address, "/healthz");
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    assert_eq!(answer.error(), "3 connections to the admin address already: no more at once");
    drop(held);
    let end = Instant::now() + PATIENCE;
    while status(admin.address, "/healthz") != 200 {
        assert!(Instant::now() < end, "connections that have gone keep their place");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_says_nothing_or_half_a_head_is_let_go() {
    let (_serving, admin) = scene(short());
    for said in ["", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(admin.address).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        let kept = until_closed(stream);
        assert!(kept >= SHORT / 2 && kept < PATIENCE, "{said:?}: {kept:?}");
    }
    // Served once, then silent.
    let mut stream = TcpStream::connect(admin.address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let kept = until_closed(stream);
    assert!(kept >= SHORT / 2 && kept < PATIENCE, "{kept:?}");
}

#[test]
fn a_body_that_does_not_come_or_is_too_long_is_refused() {
    let (serving, admin) = scene(short());
    let mut raw = Raw::open(serving.address);
    let head = format!("POST /api/connections/1/close HTTP/1.1\r\nHost: {}\r\nX-Wsbeat: 1\r\nContent-Length: 9\r\n\r\n{{", admin.address);
    let slow = send(admin.address, head.as_bytes());
    assert_eq!((slow.status, slow.error().as_str()), (408, "the body did not come in time"));
    let long = post(admin.address, "/api/connections/1/close", &format!("{{\"reason\":\"{}\"}}", "x".repeat(5_000)));
    assert_eq!(long.status, 413, "{long:?}");
    raw.text("still here");
    assert_eq!(raw.next_frame().expect("an echo").payload, b"still here");
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let (_serving, admin) = scene(AdminLimits::default());
    let header = format!("X-Long: {}", "x".repeat(20 << 10));
    assert_eq!(request(admin.address, "GET", "/healthz", &[&header], "").status, 431);
}

#[test]
fn who_does_not_read_is_let_go() {
    let (serving, admin) = scene(short());
    let raws: Vec<Raw> = (0..250).map(|_| Raw::open(serving.address)).collect();
    serving.until("open", |handle| handle.count() == raws.len());
    let mut stream = TcpStream::connect(admin.address).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let wish = format!("GET /api/connections?limit=1000 HTTP/1.1\r\nHost: {}\r\n\r\n", admin.address);
    // Answers to some hundred of these fill every buffer on the way; then only the server's patience ends it.
    let began = Instant::now();
    while stream.write_all(wish.as_bytes()).is_ok() {
        assert!(began.elapsed() < PATIENCE, "it is served for ever");
    }
}

#[test]
fn a_stream_of_events_outlives_the_time_of_a_request() {
    let (_serving, admin) = scene(short());
    let mut events = Events::open(admin.address);
    let began = Instant::now();
    while began.elapsed() < SHORT * 5 {
        let _ = events.until("summary");
    }
}

#[test]
fn while_the_driver_stands_still_health_says_so_and_nothing_hangs() {
    let (serving, admin) = scene(AdminLimits { timeout: Duration::from_millis(150), ..AdminLimits::default() });
    let mut raw = Raw::open(serving.address);
    serving.until("open", |handle| handle.count() == 1);
    // The handler sleeps for 300 ms at each of these, on the driver; they come in one piece, and are worked off in one.
    let before = serving.handle.stats().bytes_in.get();
    raw.write(&masked(0x81, b"sleep!").repeat(10));
    serving.until("asleep", |handle| handle.stats().bytes_in.get() > before);
    let answer = get(admin.address, "/healthz");
    assert_eq!((answer.status, answer.error().as_str()), (503, "a driver of the server does not answer"));
    serving.until("awake", |_| status(admin.address, "/healthz") == 200);
}
