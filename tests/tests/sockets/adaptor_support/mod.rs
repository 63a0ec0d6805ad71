//! A peer that does nothing by itself, over a pipe in virtual time.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its part")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role as FrameRole, WebSocketConfig};
use wsbeat_core::dialect::Role;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::clock::Clock;
use wsbeat_tokio::heartbeat::{Builder, Event, Heartbeat, Metered};

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The wall clock of the tests at their beginning.
pub const WALL_MS: u64 = 1_492_420_468_027;

pub type Piped = Heartbeat<WebSocketStream<Metered<DuplexStream>>>;

/// A whole frame, unmasked, and when it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub at_s: f64,
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code and reason of a close frame.
    pub fn close(&self) -> (u16, String) {
        assert_eq!(self.opcode, CLOSE, "{self:?}");
        let code = u16::from_be_bytes([self.payload[0], self.payload[1]]);
        (code, String::from_utf8(self.payload[2..].to_vec()).unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }
}

/// The other end of the pipe, frame by frame.
pub struct Peer {
    pub pipe: DuplexStream,
    pub begun: Instant,
    /// What we are to the peer: a client masks.
    pub we_are: Role,
}

impl Peer {
    /// The next frame; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 2];
        self.pipe.read_exact(&mut head).await.ok()?;
        let at_s = self.begun.elapsed().as_secs_f64();
        let len = match head[1] & 0x7F {
            126 => usize::from(self.pipe.read_u16().await.ok()?),
            127 => usize::try_from(self.pipe.read_u64().await.ok()?).unwrap(),
            n => usize::from(n),
        };
        assert_eq!(head[1] & 0x80 != 0, self.we_are == Role::Client, "clients mask and servers do not");
        let mut mask = [0; 4];
        if self.we_are == Role::Client {
            self.pipe.read_exact(&mut mask).await.ok()?;
        }
        let mut payload = vec![0; len];
        self.pipe.read_exact(&mut payload).await.ok()?;
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        Some(Frame { at_s, opcode: head[0] & 0x0F, payload })
    }

    /// Every frame until the end of the stream, and when that was.
    pub async fn rest(&mut self) -> (Vec<Frame>, f64) {
        let mut frames = vec![];
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        (frames, self.begun.elapsed().as_secs_f64())
    }

    pub async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.send_raw(&self.frame(0x80 | opcode, payload)).await;
    }

    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.pipe.write_all(bytes).await.unwrap();
    }

    pub async fn close(&mut self, code: u16, reason: &str) {
        self.send(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat()).await;
    }

    /// A frame as this peer would write it, its first byte as given.
    pub fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        let masked = if self.we_are == Role::Server { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            n @ 0..=125 => frame.push(masked | u8::try_from(n).unwrap()),
            n => {
                frame.push(masked | 126);
                frame.extend(u16::try_from(n).unwrap().to_be_bytes());
            }
        }
        if self.we_are == Role::Server {
            // A mask of zeros changes nothing.
            frame.extend([0; 4]);
        }
        frame.extend(payload);
        frame
    }
}

pub fn secs(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

/// The `strict` plane with its first ping at 15 s.
pub fn strict() -> PolicyConfig {
    PolicyConfig { ping_interval: Some(secs(20.0)), first_ping: Some(secs(15.0)), ..PolicyConfig::default() }
}

/// An adaptor and its peer over a pipe that holds `capacity` bytes in each direction.
pub async fn pair(builder: Builder, role: Role, capacity: usize) -> (Piped, Peer) {
    let (near, far) = tokio::io::duplex(capacity);
    let metered = Metered::new(near);
    let meter = metered.meter();
    let frame_role = match role {
        Role::Server => FrameRole::Server,
        Role::Client => FrameRole::Client,
    };
    let config = WebSocketConfig::default().max_message_size(Some(1 << 16)).max_frame_size(Some(1 << 16));
    let stream = WebSocketStream::from_raw_socket(metered, frame_role, Some(config)).await;
    let clock = Clock::with_wall(WALL_MS);
    let adaptor = builder.meter(meter).seed(1).clock(clock).build(stream).unwrap();
    let peer = Peer { pipe: far, begun: Instant::now(), we_are: role };
    (adaptor, peer)
}

/// A client's adaptor with `config` and no dialect.
pub async fn client(config: PolicyConfig) -> (Piped, Peer) {
    pair(Builder::new(Role::Client).policy(config), Role::Client, 1 << 16).await
}

/// Polls an adaptor to its end and collects what happened.
pub async fn events(mut adaptor: Piped) -> (Vec<Event>, Piped) {
    let mut events = vec![];
    while let Some(event) = adaptor.next_event().await {
        events.push(event);
    }
    (events, adaptor)
}

/// As [`events`], for `span` at most.
pub async fn events_for(adaptor: &mut Piped, span: Duration) -> Vec<Event> {
    let mut events = vec![];
    let end = Instant::now() + span;
    while let Ok(Some(event)) = tokio::time::timeout_at(end, adaptor.next_event()).await {
        events.push(event);
    }
    events
}

/// When frames of this opcode came, in seconds rounded to a tenth.
pub fn times(frames: &[Frame], opcode: u8) -> Vec<f64> {
    let of = frames.iter().filter(|f| f.opcode == opcode);
    of.map(|f| (f.at_s * 10.0).round() / 10.0).collect()
}
