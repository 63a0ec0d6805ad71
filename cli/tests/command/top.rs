//! `wsbeat top`: what a running server's admin address says, in lines and in a terminal.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use crate::common::{Folder, Running, client_of, first_line, read_all, run, wsbeat};

/// A server with an admin address: the process, where it listens, and the address.
struct Watched {
    running: Running,
    url: String,
    admin: String,
    _folder: Folder,
}

impl Watched {
    fn start(text: &str) -> Self {
        let folder = Folder::new("top");
        let file = folder.file("w.toml", &format!("admin = \"127.0.0.1:0\"\nlisten = \"127.0.0.1:0\"\n{text}"));
        let mut running = Running::start(wsbeat(["serve", "--config", &file, "-q"]));
        let mut line = |begin: &str| {
            let line = first_line(&mut running);
            line.strip_prefix(begin).expect(&line).to_owned()
        };
        let (url, admin) = (line("listening on "), line("admin on "));
        Watched { running, url, admin, _folder: folder }
    }
}

#[test]
fn what_is_there_is_printed_once_with_the_verdict_and_its_reason() {
    let server = Watched::start("interval = \"100ms\"\n");
    read_all(&mut client_of(&server.url));
    let _open = client_of(&server.url);
    let ended = run(["top", &server.admin, "--once"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for wanted in [
        "1 connections, 2 opened, 1 closed, 0 refused",
        "closed peer-silent 4408: 1",
        "listener default: ws://127.0.0.1:",
        "1 of 1 connections",
    ] {
        assert!(ended.stdout.contains(wanted), "{wanted}: {}", ended.stdout);
    }
    assert!(ended.stdout.contains("ago: conn=1 close 4408 peer-silent: 2 unanswered, last answer never"), "{}", ended.stdout);
}

#[test]
fn json_is_an_object_a_line_for_the_figures_each_verdict_and_each_connection() {
    let server = Watched::start("interval = \"100ms\"\n");
    read_all(&mut client_of(&server.url));
    let _open = client_of(&server.url);
    let ended = run(["top", &server.admin, "--once", "--format", "json"]);
    let lines: Vec<serde_json::Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["summary", "verdict", "connection"], "{}", ended.stdout);
    assert!(lines.iter().all(|line| line["v"] == 1));
    assert_eq!((&lines[0]["connections"], &lines[1]["verdict"]), (&1.into(), &"peer-silent".into()));
}

#[test]
fn without_once_json_goes_on_and_says_when_the_server_leaves() {
    let mut server = Watched::start("interval = \"1s\"\n");
    let mut running = Running::start(wsbeat(["top", &server.admin, "--format", "json", "--interval", "1s"]));
    for _ in 0..3 {
        assert!(first_line(&mut running).contains("\"event\":\"summary\""));
    }
    server.running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("ended the stream") || ended.stderr.contains(&server.admin), "{}", ended.stderr);
}

#[test]
fn connections_are_sorted_searched_and_cut() {
    let server = Watched::start("dialect = \"none\"\n");
    let _open: Vec<_> = (0..5).map(|_| client_of(&server.url)).collect();
    let list = |args: &[&str]| -> Vec<u64> {
        let ended = run(["top", &server.admin, "--once", "--format", "json"].iter().chain(args));
        let lines = ended.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["event"] == "connection").map(|line| line["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(list(&["--sort", "id", "--order", "desc", "--limit", "2"]), [5, 4]);
    assert!(list(&["--search", "no such peer"]).is_empty());
}

#[test]
fn a_server_that_is_away_refuses_or_is_none_ends_with_3_and_the_reason() {
    let gone = run(["top", "127.0.0.1:1", "--once"]);
    assert_eq!(gone.code, Some(3));
    assert!(gone.stderr.starts_with("error: http://127.0.0.1:1: "), "{}", gone.stderr);
    let server = Watched::start("admin_token = \"secret\"\n");
    let refused = run(["top", &server.admin, "--once"]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("HTTP status 401: "), "{}", refused.stderr);
    assert_eq!(run(["top", &server.admin, "--once", "--admin-token", "secret"]).code, Some(0));
    let mut command = wsbeat(["top", &server.admin, "--once"]);
    command.env("WSBEAT_ADMIN_TOKEN", "secret");
    assert_eq!(Running::start(command).end().code, Some(0));
    let page = run(["top", &server.url.replace("ws://", "http://"), "--once"]);
    assert_eq!(page.code, Some(3));
    assert!(page.stderr.contains("is this an admin address?"), "{}", page.stderr);
    assert_eq!(run(["top", "https://127.0.0.1:1", "--once"]).code, Some(2));
}

/// A terminal of its own, by tmux: what is on it, as a person sees it.
#[cfg(target_os = "linux")]
mod in_a_terminal {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::common::PATIENCE;

    struct Tmux(String);

    impl Tmux {
        /// `None` where there is no tmux.
        fn start(name: &str, size: (u16, u16), command: &str) -> Option<Self> {
            let tmux = Tmux(format!("wsbeat-{name}-{}", std::process::id()));
            let (columns, rows) = (size.0.to_string(), size.1.to_string());
            let started = Command::new("tmux")
                .args(["-L", &tmux.0, "-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, command])
                .status();
            match started {
                Ok(status) => assert!(status.success()),
                Err(_) => {
                    eprintln!("no tmux: the live view was not looked at");
                    return None;
                }
            }
            Some(tmux)
        }

        fn keys(&self, keys: &[&str]) {
            assert!(Command::new("tmux").args(["-L", &self.0, "send-keys"]).args(keys).status().unwrap().success());
        }

        /// What is on the screen; with `-e` in `options` its attributes too.
        fn screen(&self, options: &[&str]) -> String {
            let output = Command::new("tmux").args(["-L", &self.0, "capture-pane", "-p"]).args(options).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        }

        fn wait_for(&self, word: &str) -> String {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let screen = self.screen(&[]);
                if screen.contains(word) {
                    return screen;
                }
                assert!(Instant::now() < deadline, "{word}: {screen}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    impl Drop for Tmux {
        fn drop(&mut self) {
            let _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
        }
    }

    #[test]
    fn the_live_view_shows_connections_and_verdicts_and_says_when_the_server_is_away_and_back() {
        let mut server = Watched::start("interval = \"200ms\"\nmisses = 100\n");
        let command = format!("{} top {} --interval 200ms; echo left with $?; sleep 60", env!("CARGO_BIN_EXE_wsbeat"), server.admin);
        let Some(tmux) = Tmux::start("live", (120, 30), &command) else { return };
        let _open = client_of(&server.url);
        let screen = tmux.wait_for("1 of 1 connections by id up");
        assert!(screen.contains("1 connections, 1 opened, 0 closed, 0 refused") && screen.contains("heartbeats/s"), "{screen}");
        let mut second = client_of(&server.url);
        second.send(tungstenite::Message::Binary(vec![0; 2 << 20].into())).ok();
        read_all(&mut second);
        tmux.wait_for("close 1009 too-big");
        tmux.wait_for("1 too-big 1009");
        tmux.keys(&["s", "r"]);
        tmux.wait_for("connections by age down");
        tmux.keys(&["/", "z", "z", "Enter"]);
        tmux.wait_for("0 of 0 connections by age down, with \"zz\"");
        server.running.signal("STOP");
        tmux.wait_for("no answer for");
        server.running.signal("CONT");
        tmux.keys(&["Escape"]);
        tmux.wait_for("1 of 1 connections");
        server.running.signal("KILL");
        tmux.wait_for("trying again");
        tmux.keys(&["q"]);
        tmux.wait_for("left with 0");
    }

    #[test]
    fn colours_are_there_unless_they_are_unwanted() {
        let server = Watched::start("interval = \"100ms\"\nmisses = 200\n");
        let _open = client_of(&server.url);
        for (name, before, after, coloured) in [
            ("plain", "NO_COLOR=1", "", false),
            ("never", "env -u NO_COLOR", "--color never", false),
            ("colour", "env -u NO_COLOR", "", true),
        ] {
            let command = format!("{before} {} top {} --interval 200ms {after}", env!("CARGO_BIN_EXE_wsbeat"), server.admin);
            let Some(tmux) = Tmux::start(name, (120, 30), &command) else { return };
            tmux.wait_for("1 of 1 connections");
            // By then the connection has left two unanswered, and its line stands out.
            std::thread::sleep(Duration::from_millis(1_000));
            let attributes = tmux.screen(&["-e"]);
            let has_colour = attributes.split("\u{1b}[").skip(1).any(|part| part.starts_with("38;") || part.starts_with("32m"));
            assert_eq!(has_colour, coloured, "{name}: {attributes:?}");
        }
    }

    #[test]
    fn a_small_terminal_shows_the_connections_first() {
        let server = Watched::start("dialect = \"none\"\n");
        let command = format!("{} top {}", env!("CARGO_BIN_EXE_wsbeat"), server.admin);
        let Some(tmux) = Tmux::start("small", (70, 10), &command) else { return };
        let _open = client_of(&server.url);
        let screen = tmux.wait_for("1 of 1 connections");
        assert!(screen.contains("127.0.0.1:") && !screen.contains("latest verdicts"), "{screen}");
    }
}
