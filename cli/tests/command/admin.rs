//! `serve --admin`: where it listens, whom it wants a token of, and what it hears of the server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::common::{PATIENCE, Running, Serve, first_line, run, wsbeat};
use serde_json::Value;

/// The head and body that a request is answered with.
fn ask(url: &str, request: &str) -> (String, String) {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{request}\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn json(url: &str, target: &str) -> Value {
    let (head, body) = ask(url, &format!("GET {target} HTTP/1.1"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    serde_json::from_str(&body).unwrap()
}

/// A server with an admin address at a free port, and that.
fn serve(args: &[&str]) -> (Serve, String) {
    let mut serve = Serve::start(&[&["--admin", "127.0.0.1:0"], args].concat());
    let line = serve.line();
    let url = line.trim_end().strip_prefix("admin on ").expect(&line).to_owned();
    (serve, url)
}

#[test]
fn it_tells_what_runs() {
    let (serve, url) = serve(&["--interval", "3s", "--ping-interval", "7s"]);
    let client = serve.client();
    let summary = json(&url, "/api/summary");
    let listener = &summary["listeners"][0];
    assert_eq!((&listener["urls"][0], &listener["name"]), (&serve.url.as_str().into(), &"default".into()));
    assert_eq!((&listener["dialect"], &listener["interval_ms"]), (&"htx-spot-v1".into(), &3_000.into()));
    assert_eq!((&listener["profile"], &listener["ping_interval_ms"]), (&"strict".into(), &7_000.into()));
    assert_eq!((&summary["connections"], &summary["version"]), (&1.into(), &env!("CARGO_PKG_VERSION").into()));
    drop(client);
    assert_eq!(serve.stop().code, Some(0));
}

#[test]
fn it_hears_each_verdict_with_the_line_that_the_log_has() {
    let (serve, url) = serve(&["--interval", "100ms"]);
    let address = url.strip_prefix("http://").unwrap();
    let mut events = TcpStream::connect(address).unwrap();
    events.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(events, "GET /api/events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut client = serve.client();
    // It answers nothing, and is closed for it.
    while client.read().is_ok() {}
    let mut lines = BufReader::new(events).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "event: verdict"), "the stream goes on");
    let data: Value = serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&data["v"], &data["id"], &data["code"], &data["verdict"]), (&1.into(), &1.into(), &4408.into(), &"peer-silent".into()));
    let text = data["text"].as_str().unwrap().to_owned();
    let ended = serve.stop();
    assert!(text.starts_with("conn=1 close 4408 peer-silent: 2 unanswered") && ended.stderr.contains(&text), "{text}: {}", ended.stderr);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn the_admin_line_has_a_json_form() {
    let mut running = Running::start(wsbeat(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--format", "json"]));
    assert!(first_line(&mut running).contains("\"event\":\"listening\""));
    let admin: Value = serde_json::from_str(&first_line(&mut running)).unwrap();
    assert_eq!((&admin["v"], &admin["event"]), (&1.into(), &"admin".into()));
    assert!(admin["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
}

#[test]
fn an_address_that_others_reach_wants_a_token() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9100"] {
        let ended = run(["serve", "--listen", "127.0.0.1:0", "--admin", address]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(
            ended.stderr.contains(&format!("--admin: admin = {address}: only loopback goes without a token; set admin_token")),
            "{ended:?}"
        );
    }
    let mut serve = Serve::start(&["--admin", "0.0.0.0:0", "--admin-token", "sesame"]);
    let line = serve.line();
    let port = line.trim_end().strip_prefix("admin on http://0.0.0.0:").expect(&line);
    let url = format!("http://127.0.0.1:{port}");
    assert!(ask(&url, "GET /metrics HTTP/1.1").0.starts_with("HTTP/1.1 401 "));
    assert!(ask(&url, "GET /metrics HTTP/1.1\r\nAuthorization: Bearer sesame").0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_token_is_shown_nowhere() {
    let mut command = wsbeat(["serve", "--admin", "127.0.0.1:0", "--print-config"]);
    command.env("WSBEAT_ADMIN_TOKEN", "s3cret-t0ken");
    let ended = Running::start(command).end();
    assert!(ended.stdout.contains("WSBEAT_ADMIN_TOKEN, not shown") && !ended.stdout.contains("s3cret"), "{}", ended.stdout);
    let ended = run(["serve", "--admin", "127.0.0.1:0", "--admin-token", "s3cret t0ken"]);
    assert_eq!(ended.code, Some(2));
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn what_cannot_be_is_named_by_its_key() {
    for (set, expected) in [
        ("admin=nowhere", "admin = nowhere: an address is"),
        ("admin_max_streams=64", "admin_max_streams = 64: less than the connections at once"),
        ("admin_timeout=0s", "admin_timeout = 0: longer than 0s"),
        ("admin_host=a b", "admin_host = a b: write the name of a host"),
    ] {
        let ended = run(["serve", "--listen", "127.0.0.1:0", "--set", "admin=127.0.0.1:0", "--set", set]);
        let ended = if set.starts_with("admin=") { run(["serve", "--set", set]) } else { ended };
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
    }
}

#[test]
fn an_admin_address_that_is_taken_exits_with_3() {
    let (_serve, url) = serve(&[]);
    let ended = run(["serve", "--listen", "127.0.0.1:0", "--admin", url.strip_prefix("http://").unwrap()]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "nothing says that it is up: {ended:?}");
    assert!(ended.stderr.contains("cannot listen at 127.0.0.1:"), "{}", ended.stderr);
}

#[test]
fn a_drain_that_was_asked_for_here_is_not_cut_short_by_the_first_signal() {
    let (mut serve, url) = serve(&["-v", "--drain", "10s"]);
    let mut client = serve.client();
    let (head, body) = ask(&url, "POST /api/drain HTTP/1.1\r\nX-Wsbeat: 1");
    assert!(head.starts_with("HTTP/1.1 202 ") && body == r#"{"v":1,"began":true}"#, "{head} {body}");
    assert!(ask(&url, "GET /readyz HTTP/1.1").0.starts_with("HTTP/1.1 503 "));
    serve.running.signal("TERM");
    // The close comes, and the client may answer it in its time.
    while client.read().is_ok() {}
    let ended = serve.running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("draining, as asked at the admin address") && ended.stderr.contains("drained: "), "{}", ended.stderr);
}
