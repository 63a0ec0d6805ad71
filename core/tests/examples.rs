//! The examples run, against real peers, and say what they are there to show.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

fn example(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.extend(["examples", name]);
    path.set_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is not built: run `cargo test` without --test, or `cargo build --examples`", path.display());
    Command::new(path)
}

/// A server by hand: it upgrades, answers `pongs` pings, and is silent from then on. What it read last is given back.
fn serve(listener: &TcpListener, pongs: u32) -> Vec<u8> {
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut reader = BufReader::new(peer.try_clone().unwrap());
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    peer.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").unwrap();
    let mut answered = 0;
    loop {
        let mut head = [0; 6];
        reader.read_exact(&mut head).unwrap();
        let mut payload = vec![0; usize::from(head[1] & 0x7f)];
        reader.read_exact(&mut payload).unwrap();
        match head[0] {
            0x89 if answered < pongs => {
                peer.write_all(&[&[0x8a, 8], payload.as_slice()].concat()).unwrap();
                answered += 1;
            }
            0x89 => {}
            _ => return [&head[..2], &payload].concat(),
        }
    }
}

#[test]
fn a_shell_of_ones_own_pings_a_server_and_gives_it_up_when_it_falls_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let child = example("raw_shell").arg(address).stdout(Stdio::piped()).spawn().unwrap();
    let last = serve(&listener, 3);
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{text}");
    assert_eq!(text.matches("Pong(Eight(").count(), 3, "{text}");
    assert!(text.contains("Tick [Close(Verdict { kind: PeerSilent"), "{text}");
    assert_eq!(last[0], 0x88, "a close frame ends it");
}

#[test]
fn a_shell_of_ones_own_is_as_short_as_it_says() {
    let text = include_str!("../examples/raw_shell.rs");
    let is_code = |line: &&str| !line.is_empty() && !["//!", "#![", "use "].iter().any(|start| line.starts_with(start));
    let lines = text.lines().filter(is_code).count();
    assert!(lines <= 60, "{lines} lines");
}

#[cfg(feature = "sim")]
#[test]
fn a_policy_is_checked_in_virtual_time() {
    let run = |policy: Option<&str>| {
        let mut command = example("virtual_time");
        if let Some(text) = policy {
            let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("policy.toml");
            std::fs::write(&path, text).unwrap();
            command.arg(path);
        }
        command.output().unwrap()
    };
    let good = run(None);
    let text = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(good.status.success(), "{text}");
    assert!(text.starts_with("in a hurry: ") && !text.starts_with("in a hurry: 0 "), "{text}");
    assert!(text.contains("this policy: 0 that lived given up, 22 dead found"), "{text}");
    assert!(text.contains("false kills 0") && text.contains("verdict peer-silent") && text.contains("laws broken 0"), "{text}");
    let wrong = run(Some("ping_interwal = '20s'"));
    assert!(!wrong.status.success());
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(told.contains("nearest known one is \\\"ping_interval\\\""), "{told}");
}
