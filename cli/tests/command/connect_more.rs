//! `wsbeat connect`, run for real: dialects found out, recordings, certificates, colours, ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use crate::common::raw::{CLOSE, PING, PONG, TEXT, raw_peer};
use crate::common::{Folder, Running, Serve, peer, read_all, run, websocket_peer, wsbeat};
use tungstenite::Message;

#[test]
fn the_dialect_is_told_once_it_is_recognised_and_of_those_that_look_alike_it_is_htx_spot_v1() {
    for (spoken, told) in [
        ("blog", "htx-spot-v1"),
        ("htx-spot-v1", "htx-spot-v1"),
        ("htx-contract-market", "htx-spot-v1"),
        ("htx-contract-order", "htx-contract-order"),
        ("htx-spot-v2", "htx-spot-v2"),
        ("cryptocom", "cryptocom"),
        ("deribit", "deribit"),
    ] {
        let serve = Serve::start(&["--dialect", spoken, "--interval", "200ms", "--misses", "2"]);
        let ended = run(["connect", &serve.url, "--count", "3", "--show", "heartbeats"]);
        let lines: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(lines[1], format!("dialect={told}"), "{spoken}");
        assert!(lines[2].starts_with("#1 ping ") && lines[2].contains(" -> pong "), "{spoken}: {}", lines[2]);
        assert_eq!((lines[5], ended.code), ("3 pings, 3 answered, closed 1000", Some(0)), "{spoken}");
    }
}

#[test]
fn until_it_is_recognised_all_is_data_pings_are_answered_and_silence_is_no_verdict() {
    let (url, server) = raw_peer(|mut raw| {
        raw.write(TEXT, b"{\"ping\":true}");
        raw.write(PING, b"who");
        assert_eq!(raw.read(), Some((PONG, b"who".to_vec())));
        std::thread::sleep(Duration::from_millis(800));
        raw.write(TEXT, b"{\"ping\":1492420473027}");
        assert_eq!(raw.read(), Some((TEXT, b"{\"pong\":1492420473027}".to_vec())));
        let (opcode, code) = raw.read().unwrap();
        assert_eq!((opcode, &code[..]), (CLOSE, &1000_u16.to_be_bytes()[..]));
        raw.write(CLOSE, &code);
    });
    let ended = run(["connect", &url, "--count", "3"]);
    server.join().unwrap();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[1], "{\"ping\":true}");
    assert!(lines[2].starts_with("#1 ping 0 -> pong ") && lines[2].ends_with(" (control)"), "{}", lines[2]);
    assert_eq!(lines[3], "dialect=htx-spot-v1");
    assert!(lines[4].starts_with("#2 ping 1492420473027 -> pong "), "{}", lines[4]);
    assert_eq!((lines[5], ended.stderr.as_str()), ("2 pings, 2 answered, closed 1000", ""));
}

#[test]
fn no_dialect_leaves_heartbeats_as_data() {
    let serve = Serve::start(&["--interval", "200ms"]);
    let ended = run(["connect", &serve.url, "--dialect", "none", "--count", "2"]);
    assert!(ended.stdout.lines().skip(1).take(2).all(|line| line.starts_with("{\"ping\":1")), "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().last(), Some("0 pings, 0 answered, closed 1000"));
}

/// The digest line of a replay that is the same as what was recorded.
fn replays_identically(file: &str) -> String {
    let replayed = run(["replay", file, "--diff"]);
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.stdout, replayed.stderr);
    assert_eq!(replayed.stdout.lines().next(), Some("identical"));
    let summary = run(["replay", file]);
    summary.stdout.lines().next().unwrap().to_owned()
}

#[test]
fn a_recorded_connection_replays_identically_whatever_goes_wrong() {
    let folder = Folder::new("connect-record");
    let serve = Serve::start(&["--interval", "100ms", "--misses", "200", "--ping-interval", "100ms", "--ping-timeout", "1m"]);
    for (n, flags) in [
        &["--pong-drop", "30%"][..],
        &["--pong-delay", "50ms", "--ping-interval", "150ms"],
        &["--dialect", "htx-spot-v1", "--no-pong", "--send", "hello"],
        &["--dialect", "none", "--ping-interval", "100ms"],
    ]
    .into_iter()
    .enumerate()
    {
        let file = folder.path(&format!("{n}.jsonl"));
        let ended = run(["connect", &serve.url, "--record", &file, "--for", "900ms"].iter().chain(flags));
        assert!(ended.stdout.ends_with("closed 1000\n"), "{flags:?}: {}", ended.stdout);
        let told = replays_identically(&file);
        assert!(told.starts_with("1 connections (0 open at the end), "), "{flags:?}: {told}");
        assert!(std::fs::read_to_string(&file).unwrap().lines().count() > 15, "{flags:?}");
    }
}

#[test]
fn every_connection_has_a_recording_of_its_own() {
    let folder = Folder::new("connect-records");
    let file = folder.path("trace.jsonl");
    let (url, server) = peer(3, |n, stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send(Message::text("{\"ping\":1492420473027}")).unwrap();
        socket.read().unwrap();
        if n == 2 {
            socket.send(Message::text("third")).unwrap();
            read_all(&mut socket);
        }
    });
    let ended = run(["connect", &url, "--reconnect", "--record", &file, "--show", "data", "--count", "1"]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    for name in ["trace.jsonl", "trace.jsonl.2", "trace.jsonl.3"] {
        let told = replays_identically(&folder.path(name));
        assert!(told.contains("1 answers"), "{name}: {told}");
    }
    assert!(!std::path::Path::new(&folder.path("trace.jsonl.4")).exists());
}

#[test]
fn a_recording_that_cannot_be_made_is_a_usage_error() {
    let ended = run(["connect", "ws://127.0.0.1:1", "--record", "/nowhere/trace.jsonl"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("record = /nowhere/trace.jsonl: "), "{}", ended.stderr);
}

#[test]
fn colours_are_there_when_they_are_asked_for_and_not_without_a_terminal() {
    let serve = Serve::start(&["--interval", "200ms"]);
    let shown = |more: &[&str]| {
        let mut command = wsbeat(["connect", &serve.url, "--count", "1"].iter().chain(more));
        command.env_remove("NO_COLOR");
        Running::start(command).end().stdout
    };
    assert!(!shown(&[]).contains('\u{1b}'));
    let coloured = shown(&["--color", "always"]);
    assert!(coloured.contains("\u{1b}[32m#1 ping ") && coloured.contains("\u{1b}[2mdialect=htx-spot-v1\u{1b}[0m\n"), "{coloured}");
    assert!(shown(&["--color", "always", "--no-pong"]).contains("\u{1b}[31m#1 ping "));
    let json = shown(&["--color", "always", "--format", "json"]);
    assert!(!json.contains('\u{1b}'), "{json}");
}

#[test]
fn quiet_says_it_by_its_exit_status_alone() {
    let serve = Serve::start(&["--interval", "100ms"]);
    let ended = run(["connect", &serve.url, "--count", "2", "--format", "quiet"]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn reconnecting_ends_after_as_many_attempts_as_were_allowed() {
    let (url, server) = websocket_peer(drop);
    let ended = run(["connect", &url, "--reconnect=2"]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("connecting again in ").count(), 2, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("TCP: ").count(), 2, "{}", ended.stderr);

    let ended = run(["connect", &crate::common::refused(), "--reconnect=1"]);
    assert_eq!((ended.code, ended.stderr.matches("connecting again in ").count()), (Some(3), 1), "{}", ended.stderr);
}

#[test]
fn an_interrupt_ends_it_whatever_the_server_does() {
    // It takes the connection and answers nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let mut running = Running::start(wsbeat(["connect", &url]));
    let (_stream, _) = listener.accept().unwrap();
    running.signal("INT");
    assert_eq!(running.end().code, Some(0));

    // It does not answer our close: the second interrupt does not wait for that.
    let (url, server) = raw_peer(|mut raw| while raw.read().is_some() {});
    let mut running = Running::start(wsbeat(["connect", &url]));
    assert!(crate::common::first_line(&mut running).starts_with("connected "));
    let begun = Instant::now();
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(100));
    running.signal("INT");
    let ended = running.end();
    server.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "the close timeout is 5 s: {:?}", begun.elapsed());
    assert_eq!(ended.stdout, "0 pings, 0 answered, not closed\n");
}

#[test]
fn certificates_are_checked_unless_that_is_not_wanted() {
    let fixture = |name: &str| format!("{}/../tests/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let serve = Serve::start(&["--interval", "100ms", "--tls-cert", &fixture("server.pem"), "--tls-key", &fixture("server.key")]);
    assert!(serve.url.starts_with("wss://"), "{}", serve.url);
    for trust in [&["--ca", &fixture("ca.pem")][..], &["--insecure"]] {
        let ended = run(["connect", &serve.url, "--count", "1"].iter().chain(trust));
        assert_eq!(ended.code, Some(0), "{trust:?}: {}", ended.stderr);
        assert!(ended.stdout.ends_with("1 pings, 1 answered, closed 1000\n"), "{}", ended.stdout);
        let ended = run(["ping", &serve.url, "-c", "2", "-i", "50ms"].iter().chain(trust));
        assert_eq!(ended.code, Some(0), "{trust:?}: {}", ended.stderr);
        assert!(ended.stdout.contains("2 pings, 2 pongs"), "{}", ended.stdout);
    }
    for command in ["connect", "ping"] {
        let ended = run([command, &serve.url]);
        assert_eq!(ended.code, Some(3), "{}", ended.stderr);
        assert!(ended.stderr.starts_with(&format!("error: cannot connect to {}: TLS: ", serve.url)), "{}", ended.stderr);
    }
    let ended = run(["connect", &serve.url, "--insecure", "--ca", "x"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}
