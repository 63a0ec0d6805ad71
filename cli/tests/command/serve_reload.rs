//! SIGHUP: the settings are read again while the server runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::common::{Folder, LogLines, PATIENCE, Running, client_of, close_code, first_line, read_all, run, wsbeat};
use tungstenite::Message;

struct Reloading {
    running: Running,
    folder: Folder,
    log: LogLines,
    url: String,
}

impl Reloading {
    fn start(text: &str) -> Self {
        let folder = Folder::new("reload");
        let file = folder.file("w.toml", text);
        let mut running = Running::start(wsbeat(["serve", "--config", &file, "-v"]));
        let line = first_line(&mut running);
        let url = line.strip_prefix("listening on ").expect(&line).to_owned();
        let log = LogLines::of(&mut running);
        Reloading { running, folder, log, url }
    }

    /// Writes the file anew, asks for a reload and waits for the line that has all of `words`.
    fn reload(&mut self, text: &str, words: &[&str]) -> String {
        self.folder.file("w.toml", text);
        self.running.signal("HUP");
        self.log.wait_for(words)
    }
}

const SLOW: &str = "listen = \"127.0.0.1:0\"\ninterval = \"1h\"\n";

#[test]
fn an_open_connection_comes_under_the_new_policy() {
    let patient = "listen = \"127.0.0.1:0\"\ninterval = \"300ms\"\nmisses = 255\n";
    let mut server = Reloading::start(patient);
    let mut client = client_of(&server.url);
    assert!(client.read().unwrap().is_binary());
    server.reload(&patient.replace("255", "1"), &["listener default: in force from now on: misses"]);
    let began = Instant::now();
    assert_eq!(close_code(&read_all(&mut client)), Some(4408));
    assert!(began.elapsed() < PATIENCE / 2);
    server.log.wait_for(&["peer-silent"]);
}

#[test]
fn what_is_done_with_messages_changes_for_open_connections() {
    let mut server = Reloading::start(SLOW);
    let mut client = client_of(&server.url);
    client.send(Message::text("a")).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("a"));
    server.reload(&format!("{SLOW}on_message = \"ignore\"\n"), &["in force from now on: on_message"]);
    client.send(Message::text("b")).unwrap();
    client.send(Message::Ping("x".into())).unwrap();
    assert!(client.read().unwrap().is_pong());
}

#[test]
fn limits_and_origins_change_for_open_connections_and_new_ones() {
    let mut server = Reloading::start(SLOW);
    let mut client = client_of(&server.url);
    client.send(Message::binary(vec![0; 2_000])).unwrap();
    assert_eq!(client.read().unwrap().len(), 2_000);
    let text = format!("{SLOW}max_message = \"1KiB\"\norigin = [\"https://app.example.com\"]\n");
    server.reload(&text, &["in force from now on: origin, max_message"]);
    let from_the_page = ["connect", &server.url, "-H", "Origin: https://app.example.com", "--for", "50ms"];
    assert_eq!(run(from_the_page).code, Some(0), "a page that was allowed meanwhile");
    client.send(Message::binary(vec![0; 2_000])).unwrap();
    assert_eq!(close_code(&read_all(&mut client)), Some(1009));
}

#[test]
fn a_server_that_tells_its_interval_tells_the_new_one() {
    let text = "listen = \"127.0.0.1:0\"\ndialect = \"engineio-4\"\ninterval = \"40s\"\n";
    let mut server = Reloading::start(text);
    let hello = |url: &str| client_of(url).read().unwrap().into_text().unwrap().to_string();
    assert!(hello(&server.url).contains("\"pingInterval\":40000"), "{}", hello(&server.url));
    server.reload(&text.replace("40s", "10s"), &["in force from now on: interval"]);
    assert!(hello(&server.url).contains("\"pingInterval\":10000"), "{}", hello(&server.url));
}

#[test]
fn a_bad_file_is_refused_with_its_line_and_the_old_one_stays() {
    let mut server = Reloading::start("listen = \"127.0.0.1:0\"\ninterval = \"200ms\"\n");
    let line = server.reload("listen = \"127.0.0.1:0\"\ninterval = \"1h\"\nmisses = 0\n", &["refused", "w.toml:3: misses = 0: 1 to 255"]);
    assert!(line.contains("configuration refused, the old one stays in force: "), "{line}");
    assert_eq!(close_code(&read_all(&mut client_of(&server.url))), Some(4408), "the old interval is in force");
    server.reload("interval = = 3", &["refused", "w.toml:1: "]);
}

#[test]
fn what_cannot_change_is_named_and_stays() {
    let mut server = Reloading::start(SLOW);
    let text = "listen = \"127.0.0.1:1\"\ninterval = \"1h\"\nbacklog = 7\ndialect = \"none\"\n";
    server.reload(text, &["listener default: backlog needs a restart: the old value stays in force"]);
    server.log.wait_for(&["dialect needs a restart"]);
    server.log.wait_for(&["listen needs a restart"]);
    let mut client = client_of(&server.url);
    client.send(Message::text("a")).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("a"));
}

#[test]
fn what_holds_for_the_process_is_told_once() {
    let two = |head: &str| {
        let one = |name: &str| format!("[[listener]]\nname = \"{name}\"\nlisten = \"127.0.0.1:0\"\n");
        format!("{head}{}{}", one("a"), one("b"))
    };
    let mut server = Reloading::start(&two(""));
    let text = two("seed = 7\ndrain = \"3s\"\nmisses = 4\n");
    server.reload(&text, &["listener b: in force from now on: misses"]);
    let told = |word: &str| server.log.seen().iter().filter(|line| line.contains(word)).count();
    assert_eq!((told("seed needs a restart"), told("drain, misses"), told("from now on: misses")), (1, 1, 1), "{:?}", server.log.seen());
}

#[test]
fn listeners_that_come_and_go_are_named() {
    let one = |name: &str| format!("[[listener]]\nname = \"{name}\"\nlisten = \"127.0.0.1:0\"\n");
    let mut server = Reloading::start(&one("a"));
    server.reload(&one("b"), &["listener a needs a restart: it is gone"]);
    server.log.wait_for(&["listener b needs a restart: it is new"]);
}

#[test]
fn a_supervisor_is_told_of_readiness_reloads_life_and_the_end() {
    let folder = Folder::new("notify");
    let socket = folder.path("notify.sock");
    let told = UnixDatagram::bind(&socket).unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut bytes = [0; 512];
        let length = told.recv(&mut bytes).expect("the supervisor is told");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let wait_for = |word: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = next();
            if said.contains(word) {
                return said;
            }
            assert!(Instant::now() < deadline, "{word}: {said}");
        }
    };
    let mut command = wsbeat(["serve", "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "600000");
    let mut running = Running::start(command);
    first_line(&mut running);
    assert!(next().contains("READY=1"));
    wait_for("WATCHDOG=1");
    wait_for("WATCHDOG=1");
    running.signal("HUP");
    assert!(wait_for("RELOADING=1").contains("MONOTONIC_USEC="));
    wait_for("READY=1");
    running.signal("TERM");
    wait_for("STOPPING=1");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn the_watchdog_is_not_fed_while_the_process_stands_still() {
    let folder = Folder::new("watchdog");
    let socket = folder.path("notify.sock");
    let told = UnixDatagram::bind(&socket).unwrap();
    let mut command = wsbeat(["serve", "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "300000");
    let mut running = Running::start(command);
    first_line(&mut running);
    running.signal("STOP");
    std::thread::sleep(Duration::from_millis(200));
    told.set_nonblocking(true).unwrap();
    while told.recv(&mut [0; 512]).is_ok() {}
    std::thread::sleep(Duration::from_millis(600));
    assert!(told.recv(&mut [0; 512]).is_err(), "a process that stands still feeds nothing");
    running.signal("CONT");
}
