//! `wsbeat connect`, run for real: what it shows, what it sends, and its exit status.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{Running, Serve, close_code, peer, read_all, run, shape, type_in, websocket_peer, wsbeat};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

fn close(code: u16, reason: &'static str) -> Option<CloseFrame> {
    Some(CloseFrame { code: code.into(), reason: reason.into() })
}

#[test]
fn heartbeats_are_answered_and_shown_and_summed_up() {
    let serve = Serve::start(&["--interval", "300ms"]);
    let ended = run(["connect", &serve.url, "--count", "2"]);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[..2], [format!("connected {}", serve.url).as_str(), "dialect=htx-spot-v1"]);
    assert_eq!(shape(lines[2]), "#0 ping 0 -> pong 0.0 ms");
    assert!(lines[2].starts_with("#1 ") && lines[3].starts_with("#2 "), "{}", ended.stdout);
    assert_eq!(lines[4..], ["2 pings, 2 answered, closed 1000"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn json_is_one_object_a_line() {
    let serve = Serve::start(&["--interval", "300ms"]);
    let ended = run(["connect", &serve.url, "--count", "2", "--send", "hello", "--format", "json"]);
    let objects: Vec<serde_json::Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = objects.iter().map(|object| object["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["connected", "message", "dialect", "ping", "closed", "summary"]);
    assert!(objects.iter().all(|object| object["v"] == 1));
    assert_eq!(objects[1]["data"], "hello");
    assert!(objects[3]["token"].as_u64().unwrap() > 1_000_000_000_000, "{}", objects[3]);
    assert_eq!(objects[5]["answered"], 1);
    assert_eq!(objects[5]["code"], 1000);
}

#[test]
fn an_interrupt_closes_with_1000_and_sums_up() {
    for signal in ["INT", "TERM"] {
        let (url, server) = websocket_peer(|mut socket| assert_eq!(close_code(&read_all(&mut socket)), Some(1000)));
        let mut running = Running::start(wsbeat(["connect", &url]));
        assert_eq!(crate::common::first_line(&mut running), format!("connected {url}"));
        running.signal(signal);
        let ended = running.end();
        server.join().unwrap();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "0 pings, 0 answered, closed 1000\n"), "{signal}");
    }
}

#[test]
fn lines_of_standard_input_are_sent_and_its_end_does_not_close() {
    let serve = Serve::start(&["--dialect", "none"]);
    let mut command = wsbeat(["connect", &serve.url, "--for", "1500ms"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    type_in(&mut running, "one\ntwo\nthree");
    drop(running.child().stdin.take());
    let ended = running.end();
    let echoed: Vec<&str> = ended.stdout.lines().skip(1).collect();
    assert_eq!(echoed, ["one", "two", "three", "0 pings, 0 answered, closed 1000"]);
}

#[test]
fn what_was_asked_for_is_sent_in_order() {
    let (url, server) = websocket_peer(|mut socket| {
        let heard: Vec<Message> = (0..3).map(|_| socket.read().unwrap()).collect();
        let texts = ["{\"sub\":1}", "a", "b"].map(Message::text);
        assert_eq!(heard, texts);
        socket.send(Message::text("done")).unwrap();
        read_all(&mut socket);
    });
    let ended = run(["connect", &url, "--send", "a", "--send", "b", "--subscribe", "{\"sub\":1}", "--count", "1"]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn headers_go_with_the_upgrade() {
    let (url, server) = peer(1, |_, stream| {
        #[allow(clippy::result_large_err, reason = "the library's own type")]
        let see = |request: &tungstenite::handshake::server::Request, response| {
            assert_eq!(request.headers()["x-key"], "a:b");
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(stream, see).unwrap();
        read_all(&mut socket);
    });
    let ended = run(["connect", &url, "-H", "X-Key: a:b", "--for", "100ms"]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn data_is_shown_inflated_as_text_or_as_hex_one_message_a_line() {
    let mut packed = Vec::new();
    wsbeat_core::codec::gzip::write_gzip("{\"ch\":\"market\"}".as_bytes(), &mut packed);
    let (url, server) = websocket_peer(move |mut socket| {
        socket.send(Message::binary(packed.clone())).unwrap();
        socket.send(Message::binary(vec![0, 1, 254])).unwrap();
        socket.send(Message::text("two\nlines \u{1b}[31m")).unwrap();
        read_all(&mut socket);
    });
    let ended = run(["connect", &url, "--count", "3"]);
    server.join().unwrap();
    let shown: Vec<&str> = ended.stdout.lines().skip(1).take(3).collect();
    assert_eq!(shown, ["{\"ch\":\"market\"}", "binary 3 bytes 0001fe", "two\\nlines \\u{1b}[31m"]);
}

#[test]
fn show_chooses_what_is_shown() {
    let serve = Serve::start(&["--interval", "100ms", "--ping-interval", "100ms"]);
    let shown = |what: &str| run(["connect", &serve.url, "--send", "hello", "--show", what, "--for", "700ms"]).stdout;
    for (what, data, heartbeats, frames) in [
        ("data", true, false, false),
        ("heartbeats", false, true, false),
        ("frames", false, false, true),
        ("data,frames", true, false, true),
        ("all", true, true, true),
    ] {
        let shown = shown(what);
        assert_eq!(shown.contains("hello"), data, "{what}: {shown}");
        assert_eq!(shown.contains("(control)"), frames, "{what}: {shown}");
        let beats = shown.lines().any(|line| line.starts_with('#') && !line.ends_with("(control)"));
        assert_eq!(beats, heartbeats, "{what}: {shown}");
    }
}

#[test]
fn a_reader_that_goes_away_is_a_clean_end_with_a_close() {
    let (url, server) = websocket_peer(|mut socket| {
        // The command finds out at the second line at the latest.
        for _ in 0..20 {
            if socket.send(Message::text("x")).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(close_code(&read_all(&mut socket)), Some(1000));
    });
    let mut running = Running::start(wsbeat(["connect", &url]));
    assert_eq!(crate::common::first_line(&mut running), format!("connected {url}"));
    drop(running.child().stdout.take());
    let ended = running.end();
    server.join().unwrap();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn what_could_not_be_connected_exits_with_3_and_says_which_step_it_was() {
    let refused = crate::common::refused();
    let (http, http_server) = peer(1, |_, mut stream| {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
        read_to_end(stream);
    });
    let (tls, tls_server) = peer(1, |_, mut stream| {
        stream.write_all(b"this is no TLS\r\n\r\n").unwrap();
        read_to_end(stream);
    });
    let tls = tls.replace("ws://", "wss://");
    for (url, step) in [(refused.as_str(), "TCP: "), (&http, "HTTP status 404"), (&tls, "TLS: "), ("ws://no-such-host.invalid", "DNS: ")] {
        let ended = run(["connect", url]);
        assert_eq!(ended.code, Some(3), "{url}: {}", ended.stderr);
        assert!(ended.stderr.starts_with(&format!("error: cannot connect to {url}: {step}")), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    http_server.join().unwrap();
    tls_server.join().unwrap();
}

#[test]
fn time_that_is_up_before_the_upgrade_exits_with_3_and_says_which_step_it_was() {
    for flags in [&["--for", "300ms"][..], &["--for", "300ms", "--reconnect"], &["--for", "1m", "--connect-timeout", "300ms"]] {
        let (url, server) = peer(1, |_, stream| read_to_end(stream));
        let ended = run([&["connect", &url], flags].concat());
        server.join().unwrap();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{flags:?}");
        let told = format!("error: cannot connect to {url}: HTTP upgrade: no connection after 300ms\n");
        assert!(ended.stderr.ends_with(&told), "{flags:?}: {}", ended.stderr);
    }
}

fn read_to_end(mut stream: std::net::TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

#[test]
fn who_answers_nothing_is_closed_and_exits_with_4() {
    for (flags, plane) in [
        (&["--interval", "200ms"][..], "heartbeats"),
        (&["--dialect", "none", "--ping-interval", "200ms", "--ping-timeout", "200ms", "--evidence", "pong"], "pings"),
        (&["--dialect", "blog", "--interval", "200ms"], "a close without a code"),
        (&["--dialect", "none", "--profile", "ws-recipe", "--ping-interval", "500ms"], "a drop"),
    ] {
        let serve = Serve::start(flags);
        for fault in ["--no-pong", "--pong-delay=1m", "--pong-drop=100%"] {
            let ended = run(["connect", &serve.url, fault]);
            assert_eq!(ended.code, Some(4), "{plane}, {fault}: {} {}", ended.stdout, ended.stderr);
            let summary = ended.stdout.lines().last().unwrap();
            assert!(summary.contains(", 0 answered, ") && !summary.starts_with("0 pings"), "{plane}, {fault}: {summary}");
        }
    }
}

#[test]
fn a_server_that_answers_no_ping_of_ours_is_given_up_with_4() {
    // It never reads, so it never answers.
    let (url, server) = websocket_peer(|socket| {
        std::thread::sleep(Duration::from_secs(2));
        drop(socket);
    });
    let ended = run(["connect", &url, "--ping-interval", "200ms", "--ping-timeout", "300ms"]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("close 4408 peer-silent: "), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().last(), Some("0 pings, 0 answered, closed 4408"));
}

#[test]
fn a_feed_without_data_is_given_up_with_4() {
    let serve = Serve::start(&["--interval", "100ms"]);
    let ended = run(["connect", &serve.url, "--feed-timeout", "400ms"]);
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("close 4409 feed-stalled"), "{}", ended.stderr);
}

#[test]
fn a_close_by_the_peer_exits_with_4_where_it_is_for_a_heartbeat_and_with_5_otherwise() {
    for (code, reason, exit) in [
        (4408, "", 4),
        (1011, "", 4),
        (3012, "", 4),
        (1000, "ping timed out", 4),
        (4000, "Session Timeout", 4),
        (1000, "", 5),
        (1001, "going away", 5),
        (1008, "shipping stopped", 5),
    ] {
        let (url, server) = websocket_peer(move |mut socket| {
            socket.close(close(code, reason)).unwrap();
            read_all(&mut socket);
        });
        let ended = run(["connect", &url]);
        server.join().unwrap();
        assert_eq!(ended.code, Some(exit), "{code} {reason}");
        assert_eq!(ended.stdout.lines().last().unwrap(), format!("0 pings, 0 answered, closed {code}"));
    }
}

#[test]
fn a_loss_and_a_broken_protocol_exit_with_5() {
    let (url, server) = websocket_peer(drop);
    let ended = run(["connect", &url]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().last(), Some("0 pings, 0 answered, lost"));

    let (url, server) = websocket_peer(|mut socket| {
        // A reserved opcode.
        socket.get_mut().write_all(&[0x83, 0x00]).unwrap();
        assert_eq!(close_code(&read_all(&mut socket)), Some(1002));
    });
    let ended = run(["connect", &url]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
}

#[test]
fn a_lost_connection_is_made_again_where_that_was_asked_for() {
    let (url, server) = peer(2, |n, stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("{\"sub\":1}"));
        if n == 1 {
            socket.send(Message::text("again")).unwrap();
            read_all(&mut socket);
        }
    });
    let ended = run(["connect", &url, "--reconnect=3", "--subscribe", "{\"sub\":1}", "--count", "1"]);
    server.join().unwrap();
    let connected = format!("connected {url}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines, [connected.as_str(), connected.as_str(), "again", "0 pings, 0 answered, closed 1000"]);
    assert_eq!(ended.code, Some(5), "something was lost before");
    assert!(ended.stderr.contains("connecting again in "), "{}", ended.stderr);
}

#[test]
fn a_named_dialect_is_answered_from_the_first_heartbeat_on() {
    let serve = Serve::start(&["--dialect", "htx-contract-order", "--interval", "200ms"]);
    let ended = run(["connect", &serve.url, "--dialect", "htx-contract-order", "--count", "3"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().nth(1), Some("dialect=htx-contract-order"));
    assert_eq!(ended.stdout.lines().last(), Some("3 pings, 3 answered, closed 1000"));
}
