//! `wsbeat serve` in front of a person: a terminal of its own, made by script(1).

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, Running, client_of, close_code, read_all, run, type_in};

/// What a status begins with: back to the begin of the line, and nothing in it.
const ERASE: &str = "\r\u{1b}[2K";

/// The command in a terminal.
struct Terminal {
    running: Running,
    bytes: Receiver<u8>,
}

impl Terminal {
    fn start(args: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("script");
        let line = format!("echo pid $$; exec {} {args}", env!("CARGO_BIN_EXE_wsbeat"));
        command.args(["-qfec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(variables.iter().copied());
        let mut running = Running::start(command);
        let stdout = running.child().stdout.take().unwrap();
        let (sender, bytes) = channel();
        std::thread::spawn(move || BufReader::new(stdout).bytes().map_while(Result::ok).all(|byte| sender.send(byte).is_ok()));
        Terminal { running, bytes }
    }

    /// What is on the terminal until `word` is.
    fn until(&self, word: &str) -> String {
        let (mut seen, deadline) = (Vec::new(), Instant::now() + PATIENCE);
        while !seen.ends_with(word.as_bytes()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let byte = self.bytes.recv_timeout(left);
            seen.push(byte.unwrap_or_else(|_| panic!("no {word} in {}", String::from_utf8_lossy(&seen))));
        }
        String::from_utf8(seen).unwrap()
    }

    /// Asks for the end as a person does; what was on the terminal after that, and the exit code.
    fn interrupt(mut self) -> (String, Option<i32>) {
        type_in(&mut self.running, "\u{3}");
        let ended = self.running.end();
        (String::from_utf8(self.bytes.iter().collect()).unwrap(), ended.code)
    }
}

#[test]
fn a_status_stands_below_the_lines_and_tears_none() {
    let terminal = Terminal::start("serve --listen 127.0.0.1:0 --interval 100ms", &[("NO_COLOR", "1")]);
    let head = terminal.until(ERASE);
    let url = head.lines().find_map(|line| line.strip_prefix("listening on ")).expect(&head).trim().to_owned();
    terminal.until("0 connections, 0 closed, 0 given up");
    assert_eq!(close_code(&read_all(&mut client_of(&url))), Some(4408));
    let seen = terminal.until("1 closed, 1 given up");
    let line = seen.split(ERASE).find(|part| part.contains("peer-silent")).expect(&seen);
    let (verdict, status) = line.split_once("\r\n").expect(line);
    assert!(verdict.contains(" conn=1 close 4408 peer-silent: ") && verdict.ends_with(" B"), "{line:?}");
    assert!(status.contains(" connections"), "the status is drawn again below it: {line:?}");
    let (rest, code) = terminal.interrupt();
    assert!(rest.ends_with(ERASE), "it does not stay: {rest:?}");
    assert_eq!(code, Some(0));
}

#[test]
fn colour_is_there_unless_it_is_unwanted() {
    for (variables, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let terminal = Terminal::start("serve --listen 127.0.0.1:0", variables);
        let seen = terminal.until("given up");
        assert_eq!(seen.contains("\u{1b}[2m"), coloured, "{seen:?}");
        assert_eq!(terminal.interrupt().1, Some(0));
    }
}

#[test]
fn there_is_none_where_nobody_could_read_it() {
    for (args, variables) in [
        ("serve --listen 127.0.0.1:0 --log-format json", &[][..]),
        ("serve --listen 127.0.0.1:0 2>/dev/null", &[]),
        ("serve --listen 127.0.0.1:0 -q", &[]),
        ("serve --listen 127.0.0.1:0", &[("TERM", "dumb")]),
    ] {
        let terminal = Terminal::start(args, variables);
        terminal.until("listening on ws://");
        std::thread::sleep(Duration::from_millis(1_200));
        let (rest, code) = terminal.interrupt();
        assert!(!rest.contains("connections") && code == Some(0), "{args}: {rest:?}");
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_server_and_is_no_reload() {
    let mut terminal = Terminal::start("serve --listen 127.0.0.1:0", &[]);
    let head = terminal.until(ERASE);
    let pid = head.lines().find_map(|line| line.strip_prefix("pid ")).expect(&head).trim().to_owned();
    let is_there = || Command::new("kill").args(["-0", &pid]).stderr(Stdio::null()).status().unwrap().success();
    assert!(is_there());
    terminal.running.signal("KILL");
    let deadline = Instant::now() + PATIENCE;
    while is_there() {
        assert!(Instant::now() < deadline, "it goes on without its terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn at_a_pipe_there_are_lines_and_nothing_else() {
    let mut command = crate::common::wsbeat(["serve", "--listen", "127.0.0.1:0"]);
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    let mut running = Running::start(command);
    let mut line = String::new();
    BufReader::new(running.child().stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    assert_eq!(run(["connect", &url, "--for", "1200ms"]).code, Some(0));
    running.signal("TERM");
    assert_eq!(running.end().stderr, "");
}
