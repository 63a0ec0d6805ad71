//! Many clients in one loop: they answer pings and gzip heartbeats, echo, and note when heartbeats came.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::frames;
use super::servers::INTERVAL;

/// How many handshakes are under way at once.
const OPENING: usize = 128;
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// What is echoed and broadcast: 64 bytes.
const MESSAGE: [u8; 64] = [b'x'; 64];

struct Client {
    stream: TcpStream,
    open: bool,
    left: Vec<u8>,
    last_beat: Option<Instant>,
}

/// Many clients.
pub struct Clients {
    server: SocketAddr,
    poll: Poll,
    clients: Vec<Option<Client>>,
    open: usize,
    lost: usize,
    counted: u64,
    is_counting: bool,
    echoes: bool,
    late_ms: Vec<f64>,
    /// The heartbeat that came last, and its answer: all that beat together get the same.
    answer: (Vec<u8>, Vec<u8>),
    space: Vec<u8>,
}

impl Clients {
    /// None yet.
    pub fn new(port: u16) -> io::Result<Self> {
        Ok(Clients {
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            poll: Poll::new()?,
            clients: Vec::new(),
            open: 0,
            lost: 0,
            counted: 0,
            is_counting: false,
            echoes: false,
            late_ms: Vec::new(),
            answer: Default::default(),
            space: vec![0; 64 << 10],
        })
    }

    /// Opens connections until there are `count`.
    pub fn open(&mut self, count: usize, time: Duration) -> Result<(), String> {
        let end = Instant::now() + time;
        while self.open < count {
            while self.clients.len() < count && self.clients.len() - self.open < OPENING {
                self.connect().map_err(|error| format!("connection {}: {error}", self.clients.len()))?;
            }
            self.turn(Duration::from_millis(20));
            if self.lost > 0 || Instant::now() > end {
                return Err(format!("{} of {count} connections open, {} refused", self.open, self.lost));
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.server)?;
        stream.set_nodelay(true)?;
        let token = Token(self.clients.len());
        self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.clients.push(Some(Client { stream, open: false, left: Vec::new(), last_beat: None }));
        Ok(())
    }

    /// Answers whatever comes for `time`.
    pub fn serve(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left);
        }
    }

    /// Counts from now on.
    pub fn begin_counting(&mut self) {
        self.is_counting = true;
    }

    /// Heartbeats, echoes or deliveries since then.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// Connections that the server ended.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// How late that share of the heartbeats came, at most.
    pub fn late_ms(&mut self, share: f64) -> f64 {
        self.late_ms.sort_by(f64::total_cmp);
        let place = (self.late_ms.len() as f64 * share) as usize;
        self.late_ms.get(place.min(self.late_ms.len().saturating_sub(1))).copied().unwrap_or(0.0)
    }

    /// Every client sends a message, and another whenever one comes back.
    pub fn echo_all(&mut self) {
        self.echoes = true;
        (0..self.clients.len()).for_each(|index| self.send_message(index));
    }

    /// One client sends a message that goes to all.
    pub fn broadcast(&mut self) {
        self.send_message(0);
    }

    fn send_message(&mut self, index: usize) {
        let mut frame = Vec::new();
        frames::write(0x82, &MESSAGE, true, &mut frame);
        self.send(index, &frame);
    }

    /// The answers are short, and the kernel has room for them.
    fn send(&mut self, index: usize, bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) else { return };
        if client.stream.write(bytes).is_err() {
            self.lose(index);
        }
    }

    fn lose(&mut self, index: usize) {
        self.clients[index] = None;
        self.lost += 1;
    }

    fn turn(&mut self, time: Duration) {
        let mut events = Events::with_capacity(1_024);
        if self.poll.poll(&mut events, Some(time)).is_err() {
            return;
        }
        for event in &events {
            let index = event.token().0;
            let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) else { continue };
            if !client.open && event.is_writable() && client.left.is_empty() {
                // Once: what comes next is the answer.
                client.left.push(0);
                self.send(index, REQUEST.as_bytes());
            }
            if event.is_readable() {
                self.read(index);
            }
        }
    }

    fn read(&mut self, index: usize) {
        let mut space = std::mem::take(&mut self.space);
        while let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) {
            match client.stream.read(&mut space) {
                Ok(0) => self.lose(index),
                Ok(n) => {
                    self.received(index, &mut space[..n]);
                    if n < space.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.lose(index),
            }
        }
        self.space = space;
    }

    fn received(&mut self, index: usize, mut bytes: &mut [u8]) {
        let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) else { return };
        if !client.open {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return };
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return self.lose(index);
            }
            (client.open, client.left) = (true, Vec::new());
            self.open += 1;
            bytes = &mut bytes[end + 4..];
        }
        let mut left = std::mem::take(&mut client.left);
        frames::each(&mut left, bytes, |first, payload| self.frame(index, first, payload));
        if let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) {
            client.left = left;
        }
    }

    fn frame(&mut self, index: usize, first: u8, payload: &[u8]) {
        match first {
            0x89 => {
                self.beat(index);
                let mut pong = Vec::new();
                frames::write(0x8a, payload, true, &mut pong);
                self.send(index, &pong);
            }
            0x82 if payload.starts_with(&[0x1f, 0x8b]) => {
                self.beat(index);
                self.answer(index, payload);
            }
            0x81 | 0x82 => {
                self.counted += u64::from(self.is_counting);
                if self.echoes {
                    self.send_message(index);
                }
            }
            _ => self.lose(index),
        }
    }

    fn answer(&mut self, index: usize, heartbeat: &[u8]) {
        if self.answer.0 != heartbeat {
            let mut text = String::new();
            if GzDecoder::new(heartbeat).read_to_string(&mut text).is_err() {
                return self.lose(index);
            }
            let mut frame = Vec::new();
            frames::write(0x81, text.replace("ping", "pong").as_bytes(), true, &mut frame);
            self.answer = (heartbeat.to_vec(), frame);
        }
        let frame = std::mem::take(&mut self.answer.1);
        self.send(index, &frame);
        self.answer.1 = frame;
    }

    fn beat(&mut self, index: usize) {
        let now = Instant::now();
        let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) else { return };
        let before = client.last_beat.replace(now);
        if !self.is_counting {
            return;
        }
        self.counted += 1;
        if let Some(before) = before {
            self.late_ms.push((now - before).saturating_sub(INTERVAL).as_secs_f64() * 1_000.0);
        }
    }
}
