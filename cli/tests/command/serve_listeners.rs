//! Several listeners in one process: each with its own policy, dialect and ways, all under one end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use crate::common::{Folder, Running, client_of, close_code, first_line, read_all, run, wsbeat};
use tungstenite::Message;

const THREE: &str = r#"
interval = "200ms"
close_code = 4000

[[listener]]
name = "htx"
listen = "127.0.0.1:0"

[[listener]]
name = "pings"
listen = ["127.0.0.1:0", "[::1]:0"]
dialect = "none"
ping_interval = "100ms"
on_message = "broadcast"

[[listener]]
name = "quiet"
listen = "127.0.0.1:0"
dialect = "none"
close_code = 4001
on_message = "ignore"
"#;

fn url(running: &mut Running) -> String {
    let line = first_line(running);
    line.strip_prefix("listening on ").expect(&line).to_owned()
}

#[test]
fn each_listener_has_its_own_dialect_policy_and_ways() {
    let folder = Folder::new("listeners");
    let file = folder.file("w.toml", THREE);
    let mut running = Running::start(wsbeat(["serve", "--config", &file]));
    let urls: Vec<String> = (0..4).map(|_| url(&mut running)).collect();
    assert!(urls[2].starts_with("ws://[::1]:"), "{urls:?}");
    assert!(client_of(&urls[0]).read().unwrap().is_binary(), "htx-spot-v1 beats in gzip");
    let mut pinged = client_of(&urls[1]);
    assert!(pinged.read().unwrap().is_ping());
    let mut quiet = client_of(&urls[3]);
    quiet.send(Message::text("nobody hears it")).unwrap();
    quiet.send(Message::Ping("x".into())).unwrap();
    assert!(quiet.read().unwrap().is_pong());
    pinged.send(Message::text("hello")).unwrap();
    let mut heard = pinged.read().unwrap();
    while heard.is_ping() {
        heard = pinged.read().unwrap();
    }
    assert_eq!(heard, Message::text("hello"));
    let silent = read_all(&mut client_of(&urls[0]));
    assert_eq!(close_code(&silent), Some(4000), "what stands above the tables holds for all of them");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains(" close 4000 peer-silent: ") && ended.stderr.contains(", listener htx"), "{}", ended.stderr);
}

#[test]
fn one_signal_drains_all_listeners_and_the_exit_code_is_one() {
    let folder = Folder::new("drain");
    let file = folder.file("w.toml", THREE);
    let mut running = Running::start(wsbeat(["serve", "--config", &file, "-v"]));
    let urls: Vec<String> = (0..4).map(|_| url(&mut running)).collect();
    let clients: Vec<_> = urls.iter().map(|url| client_of(url)).collect();
    let reading = std::thread::spawn(move || clients.into_iter().map(|mut one| close_code(&read_all(&mut one))).collect::<Vec<_>>());
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(reading.join().unwrap(), [Some(1001); 4]);
    assert!(ended.stderr.contains("draining: 4 connections open"), "{}", ended.stderr);
    assert!(ended.stderr.contains("drained: 4 connections served"), "{}", ended.stderr);
}

#[test]
fn the_listening_line_names_its_listener_in_json() {
    let folder = Folder::new("json");
    let file = folder.file("w.toml", THREE);
    let mut running = Running::start(wsbeat(["serve", "--config", &file, "--format", "json"]));
    let lines: Vec<serde_json::Value> = (0..4).map(|_| serde_json::from_str(&first_line(&mut running)).unwrap()).collect();
    let names: Vec<&str> = lines.iter().map(|line| line["listener"].as_str().unwrap()).collect();
    assert_eq!(names, ["htx", "pings", "pings", "quiet"]);
}

#[test]
fn no_two_connections_of_the_process_bear_the_same_number() {
    let folder = Folder::new("numbers");
    let file = folder.file("w.toml", THREE);
    let mut running = Running::start(wsbeat(["serve", "--config", &file, "-v", "--workers", "2"]));
    let urls: Vec<String> = (0..4).map(|_| url(&mut running)).collect();
    let clients: Vec<_> = urls.iter().cycle().take(24).map(|url| client_of(url)).collect();
    running.signal("TERM");
    drop(clients);
    let log = running.end().stderr;
    let numbers: Vec<&str> =
        log.lines().filter_map(|line| line.split(" conn=").nth(1)?.split_once(" open ").map(|(number, _)| number)).collect();
    let distinct: std::collections::BTreeSet<&str> = numbers.iter().copied().collect();
    assert_eq!((numbers.len(), distinct.len()), (24, 24), "{log}");
}

#[test]
fn nobody_listens_where_one_of_them_cannot() {
    let folder = Folder::new("taken");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text = format!("[[listener]]\nname = \"a\"\nlisten = \"127.0.0.1:0\"\n[[listener]]\nname = \"b\"\nlisten = \"{address}\"\n");
    let ended = run(["serve", "--config", &folder.file("w.toml", &text)]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("cannot listen at {address}")), "{}", ended.stderr);
}

#[test]
fn what_print_config_prints_of_several_is_a_file_that_gives_the_same() {
    let folder = Folder::new("printed");
    let file = folder.file("w.toml", THREE);
    let first = run(["serve", "--config", &file, "--print-config", "--set", "listener.htx.misses=4"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let again = folder.file("again.toml", &first.stdout);
    let second = run(["serve", "--config", &again, "--print-config"]);
    let values = |text: &str| -> Vec<String> { text.lines().map(|line| line.split("  #").next().unwrap().trim().to_owned()).collect() };
    assert_eq!(values(&first.stdout), values(&second.stdout), "{}", second.stderr);
    assert!(first.stdout.contains("misses = 4") && first.stdout.contains("# --set"), "{}", first.stdout);
}

#[test]
fn a_thousand_lines_about_verdicts_are_cut_and_counted() {
    let folder = Folder::new("limit");
    let text = "dialect = \"none\"\nlog_lines_per_s = 5\nlisten = \"127.0.0.1:0\"\nmax_message = \"1KiB\"\n";
    let mut running = Running::start(wsbeat(["serve", "--config", &folder.file("w.toml", text)]));
    let url = url(&mut running);
    for _ in 0..40 {
        let mut client = client_of(&url);
        client.send(Message::binary(vec![0; 2_000])).unwrap();
        assert_eq!(close_code(&read_all(&mut client)), Some(1009));
    }
    running.signal("TERM");
    let ended = running.end();
    let logged = ended.stderr.lines().filter(|line| line.contains(" close 1009 too-big: ")).count();
    let left_out: usize =
        ended.stderr.lines().filter_map(|line| line.split(" lines left out: ").next()?.rsplit(' ').next()?.parse::<usize>().ok()).sum();
    assert!(left_out > 0 && logged + left_out == 40, "{logged} + {left_out}: {}", ended.stderr);
    assert!(ended.stderr.contains("too-big ") && ended.stderr.contains("(log_lines_per_s = 5)"), "{}", ended.stderr);
}
