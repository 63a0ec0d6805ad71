//! What befalls processes: a peer that is stopped, a server that is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::io::{ErrorKind, Write as _};
use std::time::{Duration, Instant};

use crate::common::{Running, Serve, close_code, read_all, wsbeat};
use tungstenite::Message;

/// It reads nothing and answers nothing, and its kernel says that all is well.
#[test]
fn threat_16_a_peer_that_was_stopped_is_closed_in_time() {
    let serve = Serve::start(&["--interval", "300ms"]);
    let mut stopped = Running::start(wsbeat(["connect", &serve.url]));
    let other = Running::start(wsbeat(["connect", &serve.url, "--count", "8"]));
    std::thread::sleep(Duration::from_millis(700));
    stopped.signal("STOP");
    let other = other.end();
    assert_eq!(other.code, Some(0), "{other:?}");
    std::thread::sleep(Duration::from_secs(1));
    stopped.signal("CONT");
    let stopped = stopped.end();
    assert_eq!(stopped.code, Some(4), "{stopped:?}");
    let ended = serve.stop();
    assert_eq!(ended.stderr.matches(" close 4408 peer-silent: 2 unanswered").count(), 1, "{}", ended.stderr);
}

/// The stalls of the host are nobody's fault: six seconds are longer than any interval and timeout here.
#[test]
fn threat_21_a_server_that_was_stopped_closes_nobody() {
    let mut serve = Serve::start(&["--dialect", "none", "--ping-interval", "500ms", "--ping-timeout", "500ms"]);
    let mut client = serve.client();
    client.get_mut().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let talking = std::thread::spawn(move || {
        let (end, mut pings) = (Instant::now() + Duration::from_secs(9), 0);
        while Instant::now() < end {
            match client.read() {
                Ok(Message::Close(close)) => panic!("closed: {close:?}"),
                Ok(message) => pings += u32::from(message.is_ping()),
                Err(tungstenite::Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => panic!("{e}"),
            }
        }
        pings
    });
    std::thread::sleep(Duration::from_secs(1));
    serve.running.signal("STOP");
    std::thread::sleep(Duration::from_secs(6));
    serve.running.signal("CONT");
    assert!(talking.join().unwrap() >= 3, "pings before and after");
    let ended = serve.stop();
    assert!(!ended.stderr.contains(" close 4408"), "{}", ended.stderr);
}

/// The stop begins and ends within the time that a message has; the sender needs some of what is left of it then.
#[test]
fn threat_21_a_message_under_way_has_its_time_whatever_a_stop_took_of_it() {
    let mut serve = Serve::start(&["--dialect", "none", "--set", "message_timeout=3s"]);
    let mut client = serve.client();
    let message = [&[0x82, 0xff][..], &20_000_u64.to_be_bytes(), &[0; 4], &[7; 20_000]].concat();
    let (begin, rest) = message.split_at(10_000);
    client.get_mut().write_all(begin).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    serve.running.signal("STOP");
    std::thread::sleep(Duration::from_secs(4));
    serve.running.signal("CONT");
    std::thread::sleep(Duration::from_millis(1_500));
    client.get_mut().write_all(rest).unwrap();
    let echo = client.read().unwrap();
    assert!(echo.is_binary() && echo.len() == 20_000, "{}", echo.into_text().unwrap());
    let ended = serve.stop();
    assert!(!ended.stderr.contains(" close 1008"), "{}", ended.stderr);
}

/// Sees to it that this process, and those that it starts, may have so many descriptors.
#[cfg(target_os = "linux")]
fn make_room(descriptors: u32) {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    if line.split_whitespace().nth(3).unwrap().parse().is_ok_and(|soft: u32| soft < descriptors) {
        let (pid, most) = (std::process::id().to_string(), format!("--nofile={descriptors}:"));
        assert!(std::process::Command::new("prlimit").args(["--pid", &pid, &most]).status().unwrap().success());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn threat_23_a_thousand_are_told_to_go_and_ten_who_do_not_listen_hold_nobody_up() {
    make_room(4_096);
    let serve = Serve::start(&["--drain", "6s", "--close-timeout", "1s", "--interval", "1m"]);
    let mut clients: Vec<_> = (0..1_000).map(|_| serve.client()).collect();
    let silent = clients.split_off(990);
    let reading: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let listens = move || (close_code(&read_all(&mut client)), Instant::now());
            std::thread::Builder::new().stack_size(256 << 10).spawn(listens).unwrap()
        })
        .collect();
    let ended = serve.stop();
    assert_eq!(ended.code, Some(0), "in its time: {}", ended.stderr);
    let told: Vec<_> = reading.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(told.iter().all(|(code, _)| *code == Some(1001)), "{told:?}");
    let times = || told.iter().map(|(_, at)| *at);
    let spread = times().max().unwrap() - times().min().unwrap();
    assert!(spread > Duration::from_secs(2), "spread over half of the drain: {spread:?}");
    drop(silent);
}
