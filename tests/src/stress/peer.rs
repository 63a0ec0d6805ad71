//! One peer: what it is, what it reads, and what it says.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use flate2::read::GzDecoder;
use mio::net::TcpStream;

use crate::raw::{UPGRADE, masked};

/// What a peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Answers everything at once.
    Honest,
    /// Answers everything late, but in time.
    Late,
    /// Says nothing after its handshake.
    Mute,
    /// Sends more than it should.
    Flood(Flood),
}

/// How a peer floods. Those that break no rule answer beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flood {
    /// Pings, far over the rate.
    Pings,
    /// A message that does not end.
    Continuations,
    /// Tiny messages, each of which is echoed.
    Messages,
    /// Pongs that nobody asked for.
    Pongs,
    /// Messages to be echoed, of which it reads nothing.
    Deaf,
    /// Frames that are none.
    Garbage,
}

impl Flood {
    pub(super) const ALL: [Flood; 6] = [Flood::Pings, Flood::Continuations, Flood::Messages, Flood::Pongs, Flood::Deaf, Flood::Garbage];

    fn frame(self) -> Vec<u8> {
        match self {
            Flood::Pings => masked(0x89, b"flood"),
            Flood::Continuations => masked(0x00, b""),
            Flood::Messages => masked(0x82, b"x"),
            Flood::Pongs => masked(0x8a, b"forged"),
            Flood::Deaf => masked(0x82, &[0; 4_000]),
            Flood::Garbage => masked(0x83, b"x"),
        }
    }
}

impl Role {
    /// Whether the server has no reason to close it.
    pub(super) const fn is_healthy(self) -> bool {
        matches!(self, Role::Honest | Role::Late | Role::Flood(Flood::Messages | Flood::Pongs))
    }

    pub(super) const fn is_flood(self) -> bool {
        matches!(self, Role::Flood(_))
    }

    const fn answers(self) -> bool {
        self.is_healthy()
    }

    const fn reads(self) -> bool {
        !matches!(self, Role::Flood(Flood::Deaf))
    }
}

/// A connection to the server.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    pub(super) role: Role,
    /// Told apart from an older one at the same place.
    pub(super) serial: u64,
    /// When its handshake was complete.
    pub(super) opened: Option<Instant>,
    /// When its last heartbeat came.
    pub(super) beat: Option<Instant>,
    /// It has said that it leaves.
    pub(super) leaves: bool,
    /// Its message that does not end has begun.
    has_begun: bool,
    received: Vec<u8>,
    unsent: Vec<u8>,
}

/// What a peer heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Its handshake is complete.
    Opened,
    /// A ping, to be answered with this.
    Ping(Vec<u8>),
    /// A heartbeat, to be answered with this.
    Heartbeat(Vec<u8>),
    /// The server closes.
    Closed(u16),
    /// The stream has ended, or the handshake was refused.
    Over,
}

impl Peer {
    pub(super) fn new(stream: TcpStream, role: Role, serial: u64) -> Self {
        Peer { stream, role, serial, opened: None, beat: None, leaves: false, has_begun: false, received: Vec::new(), unsent: Vec::new() }
    }

    /// Says what comes first.
    pub(super) fn begin(&mut self) {
        self.say(UPGRADE.as_bytes());
    }

    /// Leaves in order.
    pub(super) fn leave(&mut self) {
        self.leaves = true;
        self.say(&masked(0x88, &1000u16.to_be_bytes()));
    }

    /// Sends, as far as the kernel takes it.
    pub(super) fn say(&mut self, bytes: &[u8]) -> bool {
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends what waits. False where the server is gone.
    pub(super) fn flush(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected),
            }
        }
        self.unsent = Vec::new();
        true
    }

    /// Sends as much of its flood as `bytes` hold, unless the last portion still waits. False where the server is gone.
    pub(super) fn flood(&mut self, bytes: usize) -> bool {
        let Role::Flood(flood) = self.role else { return true };
        if self.opened.is_none() || !self.unsent.is_empty() {
            return true;
        }
        let frame = flood.frame();
        let mut portion = frame.repeat((bytes / frame.len()).max(1));
        if flood == Flood::Continuations && !self.has_begun {
            self.has_begun = true;
            portion.splice(0..0, masked(0x01, b""));
        }
        self.say(&portion)
    }

    /// Reads what has arrived.
    pub(super) fn read(&mut self, space: &mut [u8], heard: &mut Vec<Heard>) {
        if self.opened.is_some() && !self.role.reads() {
            return;
        }
        let is_over = loop {
            match self.stream.read(space) {
                Ok(0) => break true,
                Ok(n) => self.received.extend_from_slice(&space[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break true,
            }
        };
        let used = self.parse(heard);
        if is_over {
            heard.push(Heard::Over);
        }
        self.received.drain(..used);
        if self.received.is_empty() {
            self.received = Vec::new();
        }
    }

    fn parse(&mut self, heard: &mut Vec<Heard>) -> usize {
        let mut used = 0;
        if self.opened.is_none() {
            let Some(end) = self.received.windows(4).position(|w| w == b"\r\n\r\n") else { return 0 };
            if !self.received.starts_with(b"HTTP/1.1 101 ") {
                heard.push(Heard::Over);
                return self.received.len();
            }
            heard.push(Heard::Opened);
            used = end + 4;
        }
        while let Some((first, payload, len)) = frame(&self.received[used..]) {
            used += len;
            match first {
                0x88 => heard.push(Heard::Closed(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)))),
                0x89 if self.role.answers() => heard.push(Heard::Ping(masked(0x8a, payload))),
                0x82 if self.role.answers() => heard.extend(heartbeat(payload)),
                _ => {}
            }
        }
        used
    }
}

/// The first byte, the payload and the length of the frame that `bytes` begin with.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (len, head) = match *bytes.get(1)? {
        126 => (usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize, 10),
        short => (usize::from(short), 2),
    };
    Some((bytes[0], bytes.get(head..head + len)?, head + len))
}

/// What a heartbeat in `htx-spot-v1` is answered with.
fn heartbeat(payload: &[u8]) -> Option<Heard> {
    let mut text = String::new();
    let inflated: io::Result<usize> = GzDecoder::new(payload).read_to_string(&mut text);
    inflated.ok()?;
    let token: u64 = text.strip_prefix("{\"ping\":")?.strip_suffix('}')?.parse().ok()?;
    Some(Heard::Heartbeat(masked(0x81, format!("{{\"pong\":{token}}}").as_bytes())))
}
