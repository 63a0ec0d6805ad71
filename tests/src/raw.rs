//! A WebSocket client that does what it is told, bytes on the wire included.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The handshake of an ordinary client.
pub const UPGRADE: &str = "GET /any HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// How long a test waits for what must come: far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// FIN, reserved bits and opcode.
    pub first: u8,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of a close frame; `None` where it is none, 0 where its body is empty.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match (self.first, self.payload.as_slice()) {
            (0x88, []) => Some(0),
            (0x88, [a, b, ..]) => Some(u16::from_be_bytes([*a, *b])),
            _ => None,
        }
    }
}

/// A client.
#[derive(Debug)]
pub struct Raw {
    line: Line,
    received: Vec<u8>,
}

/// What a client talks over.
#[derive(Debug)]
enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// TLS from a client's side.
pub type TlsStream = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

impl Line {
    fn tcp(&self) -> &TcpStream {
        match self {
            Line::Plain(stream) => stream,
            Line::Tls(tls) => &tls.sock,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Line::Plain(stream) => stream.write_all(bytes),
            Line::Tls(tls) => tls.write_all(bytes),
        }
    }

    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Line::Plain(stream) => stream.read(space),
            Line::Tls(tls) => tls.read(space),
        }
    }
}

impl Raw {
    /// Connects, and says nothing.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connects");
        stream.set_nodelay(true).expect("nodelay");
        Raw { line: Line::Plain(stream), received: Vec::new() }
    }

    /// Talks over TLS, whose handshake comes with the first bytes.
    #[must_use]
    pub fn over(tls: TlsStream) -> Self {
        Raw { line: Line::Tls(Box::new(tls)), received: Vec::new() }
    }

    /// Connects and upgrades.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        Raw::connect(address).upgraded()
    }

    /// Upgrades.
    #[must_use]
    pub fn upgraded(mut self) -> Self {
        self.write(UPGRADE.as_bytes());
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        self
    }

    /// The stream itself.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        self.line.tcp()
    }

    /// The state of TLS.
    #[must_use]
    pub fn tls(&mut self) -> &mut TlsStream {
        match &mut self.line {
            Line::Tls(tls) => tls,
            Line::Plain(_) => panic!("no TLS here"),
        }
    }

    /// Writes bytes; a peer that has gone is no failure.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.line.write(bytes);
    }

    /// Writes a frame, masked with zeros.
    pub fn frame(&mut self, first: u8, payload: &[u8]) {
        self.write(&masked(first, payload));
    }

    /// Writes a text message.
    pub fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes());
    }

    /// Writes a close frame.
    pub fn close(&mut self, code: u16) {
        self.frame(0x88, &code.to_be_bytes());
    }

    /// Ends our side of the stream.
    pub fn finish(&self) {
        let _ = self.stream().shutdown(Shutdown::Write);
    }

    /// Resets the connection.
    pub fn reset(self) {
        socket2::SockRef::from(self.stream()).set_linger(Some(Duration::ZERO)).expect("linger");
    }

    /// The head of the server's answer.
    #[must_use]
    pub fn head(&mut self) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.received.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = self.received.drain(..at + 4).collect();
                return String::from_utf8(head).expect("text");
            }
            assert!(self.more(end), "no head: {:?}", String::from_utf8_lossy(&self.received));
        }
    }

    /// Everything until the server ends the stream.
    #[must_use]
    pub fn rest(&mut self) -> Vec<u8> {
        let end = Instant::now() + PATIENCE;
        while self.more(end) {}
        assert!(Instant::now() < end, "the stream does not end");
        std::mem::take(&mut self.received)
    }

    /// The next frame; `None` at the end of the stream.
    #[must_use]
    pub fn next_frame(&mut self) -> Option<Frame> {
        let frame = self.next_within(PATIENCE);
        frame.unwrap_or_else(|| panic!("neither a frame nor an end within {PATIENCE:?}"))
    }

    /// The next frame, `Some(None)` at the end of the stream, `None` where nothing came in time.
    #[must_use]
    pub fn next_within(&mut self, time: Duration) -> Option<Option<Frame>> {
        let end = Instant::now() + time;
        loop {
            if let Some((frame, len)) = parse(&self.received) {
                self.received.drain(..len);
                return Some(Some(frame));
            }
            if !self.more(end) {
                return if Instant::now() < end { Some(None) } else { None };
            }
        }
    }

    /// The next message of the server's, as text.
    #[must_use]
    pub fn next_text(&mut self) -> String {
        let frame = self.next_frame().expect("a message");
        assert_eq!(frame.first, 0x81, "{frame:?}");
        String::from_utf8(frame.payload).expect("text")
    }

    /// The code of the close frame that comes next, whatever comes before it.
    #[must_use]
    pub fn close_code(&mut self) -> Option<u16> {
        loop {
            if let Some(code) = self.next_frame()?.close_code() {
                return Some(code);
            }
        }
    }

    fn more(&mut self, end: Instant) -> bool {
        let mut space = [0; 16 << 10];
        let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
            return false;
        };
        self.stream().set_read_timeout(Some(left)).expect("timeout");
        match self.line.read(&mut space) {
            Ok(n) => {
                self.received.extend_from_slice(&space[..n]);
                n > 0
            }
            Err(e) if matches!(e.kind(), ErrorKind::Interrupted) => true,
            Err(_) => false,
        }
    }
}

/// A client's frame, masked with zeros.
#[must_use]
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..126 => out.push(0x80 | n as u8),
        n @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}

fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, short) = (*bytes.first()?, *bytes.get(1)?);
    let (len, head) = match short {
        126 => (u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into(), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10),
        n => (usize::from(n), 2),
    };
    let payload = bytes.get(head..head + len)?.to_vec();
    Some((Frame { first, payload }, head + len))
}
