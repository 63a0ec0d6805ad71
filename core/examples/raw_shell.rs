//! A shell of one's own over the raw core: a client on a blocking socket, without a runtime. It pings the server five times a
//! second and gives it up when it falls silent. Its mask is zero; one that talks through proxies draws it at random.
//! `cargo run -p wsbeat-core --example raw_shell -- 127.0.0.1:8888`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example shows what it does; a shell has a clock")]
use std::io::{Error, ErrorKind, Read, Write};
use std::{net::TcpStream, time::Duration};
use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::event::{Action, Input, Payload};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig};
use wsbeat_core::{rng::Chance, time::Instant, time::Now};

struct Shell(TcpStream, std::time::Instant, Policy, Connection);

impl Shell {
    fn step(&mut self, input: Input) -> Result<Duration, Error> {
        let (mut actions, at) = (vec![], Instant::from_nanos(self.1.elapsed().as_nanos() as u64));
        let mut wait = Duration::from(self.3.step(&self.2, Now::new(at, 0), input, &mut |action| actions.push(action)).since(at));
        println!("{input:?} {actions:?}");
        for action in actions {
            if let Action::Ping(payload) = action {
                self.send(9, payload.bytes(&mut [0; 8]))?;
                wait = self.step(Input::PingFlushed(payload))?;
            } else if let Action::Close(verdict) = action {
                self.send(8, &verdict.code.map_or(vec![], |code| code.to_be_bytes().to_vec()))?;
            }
        }
        Ok(wait)
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) -> Result<(), Error> {
        self.0.write_all(&[&[0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat())
    }

    fn receive(&mut self, frame: &[u8]) -> Result<Duration, Error> {
        let (opcode, payload) = (frame[0] & 15, &frame[2..]);
        let input = match opcode {
            8 => Input::PeerClose(payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code))),
            9 => self.send(10, payload).map(|()| Input::Ping)?, // The shell answers, the core counts.
            10 => Input::Pong(Payload::parse(payload)),
            _ => Input::Data,
        };
        self.step(input)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("raw_shell HOST:PORT")?;
    let policy = PolicyConfig { ping_interval: Some(Duration::from_millis(200)), ..PolicyConfig::default() }.check(Plan::default())?;
    let peer = Connection::accepted(&policy, Now::default(), Chance::new(std::process::id().into(), 0));
    let mut shell = Shell(TcpStream::connect(&address)?, std::time::Instant::now(), policy, peer);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    write!(shell.0, "GET / HTTP/1.1\r\nHost: {address}\r\n{upgrade}\r\n\r\n")?;
    let (mut wait, mut heard, mut space) = (Duration::from_secs(10), vec![], [0; 4096]);
    while shell.3.phase() != Phase::Ended {
        shell.0.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        let read = shell.0.read(&mut space);
        wait = shell.step(match &read {
            Ok(n @ 1..) => Input::Bytes(*n as u32),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Input::Tick,
            _ => Input::Lost,
        })?;
        heard.extend_from_slice(&space[..read.unwrap_or(0)]);
        if let (Phase::Handshake, Some(end)) = (shell.3.phase(), heard.windows(4).position(|w| w == b"\r\n\r\n")) {
            assert!(heard.starts_with(b"HTTP/1.1 101"), "the server does not upgrade");
            heard.drain(..end + 4);
            wait = shell.step(Input::Opened)?;
        }
        while let (Phase::Open | Phase::Closing, [_, len @ 0..126, ..]) = (shell.3.phase(), heard.as_slice()) {
            let Some(frame) = heard.get(..2 + usize::from(*len)).map(<[u8]>::to_vec) else { break };
            heard.drain(..frame.len());
            wait = shell.receive(&frame)?;
        }
    }
    Ok(())
}
