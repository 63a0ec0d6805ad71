//! The end of a server: in order, in time, and at once where it is asked for twice.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::raw::Raw;
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tokio::server::{Ending, ServerConfig};

fn draining_in(drain: Duration) -> ServerConfig {
    let policy = PolicyConfig { close_timeout: Some(Duration::from_millis(300)), ..PolicyConfig::default() };
    ServerConfig { drain, policy, ..config() }
}

#[test]
fn threat_23_all_are_told_to_go_spread_over_half_of_the_time() {
    let serving = Serving::start(draining_in(Duration::from_secs(2)));
    let mut all: Vec<Raw> = (0..40).map(|_| Raw::open(serving.address)).collect();
    let silent = all.split_off(36);
    let mut undecided = Raw::connect(serving.address);
    undecided.write(b"GET /");
    serving.until("all are open", |h| h.count() == 40 && h.stats().accepted.get() == 41);
    let began = Instant::now();
    serving.handle.drain();
    let threads: Vec<_> = all
        .into_iter()
        .map(|mut raw| {
            std::thread::spawn(move || {
                assert_eq!(raw.close_code(), Some(1001));
                let told = began.elapsed();
                raw.close(1001);
                assert_eq!(raw.next_frame(), None);
                told
            })
        })
        .collect();
    let told: Vec<Duration> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    let (first, last) = (told.iter().min().unwrap(), told.iter().max().unwrap());
    assert!(*last < Duration::from_millis(1_300), "{last:?}");
    assert!(*last - *first > Duration::from_millis(500), "spread: {first:?} to {last:?}");
    assert!(undecided.head().starts_with("HTTP/1.1 503 "));
    assert!(TcpStream::connect(serving.address).is_err(), "it accepts no more");
    let summary = serving.wait();
    assert_eq!((summary.ending, summary.opened, summary.dropped), (Ending::Drained, 40, 0));
    assert!(began.elapsed() < Duration::from_millis(2_000), "{:?}", began.elapsed());
    drop(silent);
}

#[test]
fn a_server_without_connections_ends_at_once() {
    let serving = Serving::start(draining_in(Duration::from_secs(60)));
    let began = Instant::now();
    serving.handle.drain();
    assert_eq!(serving.wait().ending, Ending::Drained);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn threat_23_the_time_is_kept_whoever_stays() {
    let policy = PolicyConfig { close_timeout: Some(Duration::from_secs(60)), ..PolicyConfig::default() };
    let serving = Serving::start(ServerConfig { policy, drain: Duration::from_millis(500), ..config() });
    let silent = Raw::open(serving.address);
    serving.until("it is open", |h| h.count() == 1);
    serving.handle.drain();
    let summary = serving.wait();
    assert_eq!((summary.ending, summary.dropped), (Ending::TimeUp, 1));
    drop(silent);
}

#[test]
fn asked_twice_it_ends_now() {
    let serving = Serving::start(draining_in(Duration::from_secs(600)));
    let silent: Vec<Raw> = (0..5).map(|_| Raw::open(serving.address)).collect();
    serving.until("all are open", |h| h.count() == 5);
    let began = Instant::now();
    serving.handle.drain();
    std::thread::sleep(Duration::from_millis(50));
    serving.handle.drain();
    let summary = serving.wait();
    assert_eq!((summary.ending, summary.dropped), (Ending::Shutdown, 5));
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(silent);
}
