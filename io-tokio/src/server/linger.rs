//! Sockets that were answered and refused: kept for a moment so that the peer can read why.
//!
//! Closing a socket with unread bytes resets it, and a reset may overtake the answer. So the answer is written out, writing is
//! shut down, what still comes is thrown away, and the socket goes when the peer closes, or after a time and a size.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use wsbeat_core::time::{Instant, Span};

use crate::dense::socket::Socket;
use crate::dense::tls::Tls;

/// How long a peer has to read the answer and close.
const LINGER: Span = Span::from_secs(2);
/// How many linger at once; over it the oldest goes.
const LINGERING_MAX: usize = 256;

/// Sockets that were answered and refused.
#[derive(Debug)]
pub(super) struct Linger {
    sockets: VecDeque<Lingering>,
    /// The number of the oldest one: the others follow without gaps.
    first: usize,
    token_base: usize,
    discard_bytes_max: u32,
}

#[derive(Debug)]
struct Lingering {
    /// `None` once it is over; its place goes when it is the oldest.
    stream: Option<TcpStream>,
    tls: Option<Box<Tls>>,
    until: Instant,
    discarded_bytes: u32,
    /// What there was no room for yet.
    rest: Vec<u8>,
    /// All is written, and our side ended.
    is_written: bool,
}

/// Numbers come again after so many.
const NUMBERS: usize = 1 << 20;

impl Linger {
    /// Tokens are `token_base` and the million behind it.
    pub(super) fn new(token_base: usize, discard_bytes_max: u32) -> Self {
        Linger { sockets: VecDeque::new(), first: 0, token_base, discard_bytes_max }
    }

    /// Another limit from now on.
    pub(super) fn set_discard_bytes_max(&mut self, bytes_max: u32) {
        self.discard_bytes_max = bytes_max;
    }

    /// Sends `answer` over `stream`, with `tls` where it has that, and keeps the socket for a moment. `known` tells whether
    /// the poll knows it already.
    pub(super) fn answer(
        &mut self,
        stream: TcpStream,
        tls: Option<Box<Tls>>,
        registry: &Registry,
        answer: &[u8],
        now: Instant,
        known: Known,
    ) {
        let (stream, rest, until) = (Some(stream), answer.to_vec(), now.after(LINGER));
        let mut lingering = Lingering { stream, tls, until, discarded_bytes: 0, rest, is_written: false };
        lingering.write();
        let Some(stream) = &mut lingering.stream else { return };
        if self.sockets.len() >= LINGERING_MAX {
            self.pop();
        }
        let token = Token(self.token_base + (self.first + self.sockets.len()) % NUMBERS);
        let interest = if lingering.is_written { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        let registered = match known {
            Known::Yes => registry.reregister(stream, token, interest),
            Known::No => registry.register(stream, token, interest),
        };
        if registered.is_err() {
            return;
        }
        self.sockets.push_back(lingering);
    }

    /// Writes on, and throws away what came for `token`.
    pub(super) fn ready(&mut self, token: usize, space: &mut [u8]) {
        let number = token - self.token_base;
        let place = (number + NUMBERS - self.first % NUMBERS) % NUMBERS;
        if let Some(lingering) = self.sockets.get_mut(place) {
            lingering.write();
            lingering.discard(space, self.discard_bytes_max);
        }
        self.trim();
    }

    /// Drops those whose time is over. Returns when to come again.
    pub(super) fn expire(&mut self, now: Instant) -> Instant {
        while self.sockets.front().is_some_and(|l| l.until <= now) {
            self.pop();
        }
        self.sockets.front().map_or(Instant::NEVER, |l| l.until)
    }

    fn trim(&mut self) {
        while self.sockets.front().is_some_and(|l| l.stream.is_none()) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        self.sockets.pop_front();
        self.first = (self.first + 1) % NUMBERS;
    }
}

impl Lingering {
    /// Writes what there is room for; behind the last byte our side ends.
    fn write(&mut self) {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_written) else { return };
        let mut socket = Socket { stream, tls: self.tls.as_deref_mut() };
        while !self.rest.is_empty() {
            match socket.write(&self.rest) {
                Ok(n) if n > 0 => drop(self.rest.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    self.stream = None;
                    return;
                }
            }
        }
        self.is_written = socket.finish();
    }

    fn discard(&mut self, space: &mut [u8], bytes_max: u32) {
        let Some(stream) = &mut self.stream else { return };
        loop {
            match stream.read(space) {
                Ok(0) => break,
                Ok(n) => self.discarded_bytes = self.discarded_bytes.saturating_add(n as u32),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            }
            if self.discarded_bytes > bytes_max {
                break;
            }
        }
        self.stream = None;
    }
}

/// Whether the poll knows a socket already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}
