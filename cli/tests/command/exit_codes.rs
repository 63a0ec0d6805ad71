//! Every exit status of every command that can give it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write as _;
use std::thread::JoinHandle;

use crate::common::raw::{CLOSE, PING, PONG, Raw, raw_peer};
use crate::common::{Folder, Running, Serve, peer, refused, run, wsbeat};

/// What a client meets.
#[derive(Clone, Copy, Debug)]
enum Server {
    /// `wsbeat serve` with these flags.
    Real(&'static [&'static str]),
    /// Nobody.
    Refused,
    /// No such host.
    NoHost,
    /// An answer to the upgrade with this status line.
    Http(&'static str),
    /// Plain bytes where TLS was wanted.
    NoTls,
    /// It closes at once with this code (0: an empty body) and reason.
    Closes(u16, &'static str),
    /// It answers nothing and closes nothing.
    Mute,
    /// It takes the connection and never answers the upgrade.
    NeverUpgrades,
    /// It ends the stream.
    Drops,
    /// It sends a frame with a reserved opcode.
    BreaksFrames,
}

/// The server's address, and what has to be kept until the end.
fn start(server: Server) -> (String, Option<Serve>, Option<JoinHandle<()>>) {
    let by_hand = |(url, thread)| (url, None, Some(thread));
    match server {
        Server::Real(flags) => {
            let serve = Serve::start(flags);
            (serve.url.clone(), Some(serve), None)
        }
        Server::Refused => (refused(), None, None),
        Server::NoHost => ("ws://no-such-host.invalid".into(), None, None),
        Server::Http(status) => by_hand(peer(1, move |_, mut stream| {
            stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        })),
        Server::NoTls => {
            let (url, thread) = peer(1, |_, mut stream| {
                stream.write_all(b"this is no TLS\r\n\r\n").unwrap();
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
            });
            (url.replace("ws://", "wss://"), None, Some(thread))
        }
        Server::Closes(code, reason) => by_hand(raw_peer(move |mut raw| {
            let body = if code == 0 { Vec::new() } else { [&code.to_be_bytes(), reason.as_bytes()].concat() };
            raw.write(CLOSE, &body);
            read_all(&mut raw);
        })),
        Server::Mute => by_hand(raw_peer(|mut raw| read_all(&mut raw))),
        Server::NeverUpgrades => by_hand(peer(1, |_, mut stream| {
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        })),
        Server::Drops => by_hand(raw_peer(drop)),
        Server::BreaksFrames => by_hand(raw_peer(|mut raw| {
            raw.write(0x3, b"");
            read_all(&mut raw);
        })),
    }
}

fn read_all(raw: &mut Raw) {
    while let Some((opcode, _)) = raw.read() {
        if opcode == CLOSE {
            return;
        }
    }
}

/// A client against a server; `URL` stands for its address.
fn meets(code: i32, args: &[&str], server: Server) {
    let (url, serve, thread) = start(server);
    let ended = run(args.iter().map(|arg| if *arg == "URL" { url.as_str() } else { arg }));
    assert_eq!(ended.code, Some(code), "{args:?} against {server:?}: {}{}", ended.stdout, ended.stderr);
    drop(serve);
    if let Some(thread) = thread {
        thread.join().unwrap();
    }
}

const CONNECT: &[&str] = &["connect", "URL"];
const LOAD: &[&str] = &["load", "URL", "-c", "1", "-z", "1s", "--ramp", "0s"];
const PING_URL: &[&str] = &["ping", "URL", "-i", "50ms", "-W", "200ms"];

#[test]
fn clients_end_as_the_table_says() {
    const FAST: &[&str] = &["--interval", "150ms"];
    for (code, args, server) in [
        (0, &["connect", "URL", "--for", "300ms"][..], Server::Real(FAST)),
        (0, &["connect", "URL", "--count", "2"], Server::Real(FAST)),
        (0, &["ping", "URL", "-c", "1"], Server::Real(&[])),
        (0, &["ping", "URL", "-w", "300ms"], Server::Real(&[])),
        (0, &["ping", "URL", "--check", "-c", "1", "--warn", "5s", "--crit", "5s"], Server::Real(&[])),
        (0, &["load", "URL", "-c", "2", "-z", "300ms", "--ramp", "0s"], Server::Real(FAST)),
        (1, &["load", "URL", "-c", "2", "-z", "300ms", "--ramp", "0s", "--slo", "pings=0"], Server::Real(FAST)),
        (1, &["load", "URL", "-c", "1", "-z", "500ms", "--ramp", "0s"], Server::Drops),
        (1, &["ping", "URL", "-c", "2", "-i", "20ms", "-W", "100ms"], Server::Mute),
        (1, &["ping", "URL", "-w", "300ms"], Server::Mute),
        (1, &["ping", "URL", "--check", "-c", "1", "-W", "100ms"], Server::Mute),
        (1, &["ping", "URL", "--check", "-c", "1", "--warn", "1us", "--crit", "1us"], Server::Real(&[])),
        (4, &["connect", "URL", "--no-pong"], Server::Real(FAST)),
        (4, &["connect", "URL", "--ping-interval", "100ms", "--ping-timeout", "100ms"], Server::Mute),
        (4, &["connect", "URL", "--feed-timeout", "300ms"], Server::Real(FAST)),
        (4, &["connect", "URL", "--no-pong"], Server::Real(&["--dialect", "blog", "--interval", "150ms"])),
    ] {
        meets(code, args, server);
    }
}

#[test]
fn what_cannot_be_connected_is_3_and_what_cannot_be_meant_is_2() {
    for command in [CONNECT, PING_URL, &["ping", "URL", "--check"], LOAD] {
        for server in [Server::Refused, Server::NoHost, Server::NoTls, Server::Http("403 Forbidden"), Server::Http("200 OK")] {
            meets(3, command, server);
        }
    }
    for command in [&["connect", "URL", "--for", "300ms"][..], &["ping", "URL", "-w", "300ms"], &["load", "URL", "-c", "1", "-z", "300ms"]]
    {
        meets(3, command, Server::NeverUpgrades);
    }
    for command in [&["connect"][..], &["ping"], &["load", "-c", "1"]] {
        for url in ["http://127.0.0.1", "127.0.0.1:8888", "ws://", "ws://u:p@127.0.0.1"] {
            let ended = run([command, &[url]].concat());
            assert_eq!(ended.code, Some(2), "{command:?} {url}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_close_by_the_peer_is_4_where_it_is_for_a_heartbeat_and_5_otherwise() {
    for command in [CONNECT, PING_URL] {
        for (code, server) in [
            (4, Server::Closes(4408, "heartbeat timeout")),
            (4, Server::Closes(1011, "")),
            (4, Server::Closes(3012, "")),
            (4, Server::Closes(1000, "ping timed out")),
            (4, Server::Closes(4000, "no pong")),
            (4, Server::Closes(1001, "Heartbeat missed")),
            (4, Server::Closes(4001, "Session Timeout")),
            (5, Server::Closes(1000, "")),
            (5, Server::Closes(0, "")),
            (5, Server::Closes(1001, "going away")),
            (5, Server::Closes(1008, "shipping stopped")),
            (5, Server::Drops),
            (5, Server::BreaksFrames),
        ] {
            meets(code, command, server);
        }
    }
}

#[test]
fn a_ping_that_was_answered_before_does_not_hide_the_end() {
    for (code, close) in [(4, 4408_u16), (5, 1001)] {
        let (url, server) = raw_peer(move |mut raw| {
            let (opcode, payload) = raw.read().unwrap();
            assert_eq!(opcode, PING);
            raw.write(PONG, &payload);
            raw.write(CLOSE, &close.to_be_bytes());
            read_all(&mut raw);
        });
        let ended = run(["ping", &url]);
        server.join().unwrap();
        assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains("1 pings, 1 pongs"), "{}", ended.stdout);
    }
}

#[test]
fn serve_ends_with_0_after_a_signal_and_with_3_where_it_cannot_bind() {
    for signal in ["INT", "TERM"] {
        let mut running = Running::start(wsbeat(["serve", "--listen", "127.0.0.1:0"]));
        let line = crate::common::first_line(&mut running);
        let address = line.strip_prefix("listening on ws://").unwrap().to_owned();
        let second = run(["serve", "--listen", &address]);
        assert_eq!(second.code, Some(3), "{}", second.stderr);
        running.signal(signal);
        assert_eq!(running.end().code, Some(0), "{signal}");
    }
    assert_eq!(run(["serve", "--listen", "192.0.2.1:1"]).code, Some(3), "an address of somebody else's");
}

#[test]
fn what_needs_no_network_ends_as_the_table_says() {
    let folder = Folder::new("exit-codes");
    let header = r#"{"v":1,"trace":"wsbeat","ticks":"auto","dialect":"htx-spot-v1","first_ping":"5s"}"#;
    let opened = r#"{"t":0,"wall":1492420468027,"conn":1,"in":"open"}"#;
    let (same, other) = (folder.path("same.jsonl"), folder.path("other.jsonl"));
    let events = run(["replay", &folder.file("bare.jsonl", &format!("{header}\n{opened}\n")), "--print", "events", "--format", "json"]);
    let done: Vec<&str> = events.stdout.lines().filter(|line| line.contains("\"out\":")).collect();
    assert!(done.len() > 2, "{}", events.stdout);
    std::fs::write(&same, [header, opened].into_iter().chain(done.iter().copied()).collect::<Vec<_>>().join("\n")).unwrap();
    std::fs::write(&other, [header, opened].into_iter().chain(done.iter().skip(1).copied()).collect::<Vec<_>>().join("\n")).unwrap();
    let bad = folder.file("bad.toml", "intervall = \"5s\"\n");
    let good = folder.file("good.toml", "interval = \"5s\"\n");
    let cases: &[(i32, &[&str])] = &[
        (0, &["--help"]),
        (0, &["--version"]),
        (0, &["ping", "--help"]),
        (2, &[]),
        (2, &["pong"]),
        (0, &["serve", "--print-config"]),
        (2, &["serve", "--interval", "5"]),
        (2, &["serve", "--config", &bad]),
        (2, &["connect"]),
        (2, &["connect", "ws://127.0.0.1:1", "--for", "5"]),
        (2, &["ping"]),
        (2, &["ping", "ws://127.0.0.1:1", "-i", "1"]),
        (0, &["advise", "--hours", "1"]),
        (1, &["advise", "--hours", "1", "--loss", "20%", "--detect-within", "5s"]),
        (2, &["advise", "--rtt", "80"]),
        (0, &["simulate", "--connections", "3", "--for", "1m"]),
        (2, &["simulate", "--profile", "tornado-6.4"]),
        (0, &["replay", &same]),
        (0, &["replay", &same, "--diff"]),
        (1, &["replay", &other, "--diff"]),
        (2, &["replay", &good]),
        (2, &["replay", "/nowhere/trace.jsonl"]),
        (0, &["dialects"]),
        (0, &["dialects", "show", "okx"]),
        (2, &["dialects", "show", "okxx"]),
        (2, &["dialects", "check", &good]),
        (0, &["check-config", &good]),
        (2, &["check-config", &bad]),
        (0, &["completions", "bash"]),
        (2, &["completions", "tcsh"]),
        (0, &["man", "ping"]),
        (2, &["man", "nothing"]),
    ];
    for (code, args) in cases {
        let ended = run(*args);
        assert_eq!(ended.code, Some(*code), "{args:?}: {}", ended.stderr);
        // Results stand on standard output and mistakes on standard error.
        assert_eq!(ended.stderr.is_empty(), *code < 2, "{args:?}: {}", ended.stderr);
    }
}
