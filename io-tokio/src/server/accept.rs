//! Listening and accepting.

use std::fs::File;
use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};
use wsbeat_core::time::{Instant, Span};

use super::error::BindError;

/// The sockets that listen, and how accepting fares.
#[derive(Debug)]
pub(super) struct Acceptor {
    listeners: Vec<TcpListener>,
    /// Listeners that may have more.
    ready: Vec<bool>,
    /// Kept so that there is one to accept with, and drop, when there are no others.
    spare: Option<File>,
    backoff: Span,
    /// No accepting before.
    pub(super) resume_at: Instant,
}

const BACKOFF_MIN: Span = Span::from_millis(10);
const BACKOFF_MAX: Span = Span::from_secs(1);

/// What accepting gave.
#[derive(Debug)]
pub(super) enum Accepted {
    Connection(TcpStream, SocketAddr),
    /// No descriptor or no memory: [`Acceptor::resume_at`] says when to go on.
    Exhausted,
    /// A connection that was gone already, or another trouble that is over.
    Nothing,
    /// All are accepted.
    Drained,
}

impl Acceptor {
    /// Listens at each address; its token is `token_base` and its number.
    pub(super) fn listen(
        addresses: &[SocketAddr],
        backlog: u32,
        share: Share,
        registry: &Registry,
        token_base: usize,
    ) -> Result<(Self, Vec<SocketAddr>), BindError> {
        let (mut listeners, mut local_addrs) = (Vec::new(), Vec::new());
        for (number, address) in addresses.iter().enumerate() {
            let at = |source| BindError::Listen { address: *address, source };
            let mut listener = listener(*address, backlog, share).map_err(at)?;
            local_addrs.push(listener.local_addr().map_err(at)?);
            registry.register(&mut listener, Token(token_base + number), Interest::READABLE).map_err(at)?;
            listeners.push(listener);
        }
        let acceptor =
            Acceptor { ready: vec![false; listeners.len()], listeners, spare: spare(), backoff: BACKOFF_MIN, resume_at: Instant::ZERO };
        Ok((acceptor, local_addrs))
    }

    /// Listener `number` has connections.
    pub(super) fn readable(&mut self, number: usize) {
        if let Some(ready) = self.ready.get_mut(number) {
            *ready = true;
        }
    }

    /// Whether there may be something to accept at `now`.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        now >= self.resume_at && self.ready.contains(&true)
    }

    /// Accepts one.
    pub(super) fn accept(&mut self, now: Instant) -> Accepted {
        let Some(number) = self.ready.iter().position(|ready| *ready) else {
            return Accepted::Drained;
        };
        match self.listeners[number].accept() {
            Ok((stream, peer)) => {
                self.backoff = BACKOFF_MIN;
                Accepted::Connection(stream, peer)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.ready[number] = false;
                Accepted::Nothing
            }
            Err(e) if is_the_connections(&e) => Accepted::Nothing,
            Err(_) => {
                self.shed(number);
                self.resume_at = now.after(self.backoff);
                self.backoff = self.backoff.times(2).min(BACKOFF_MAX);
                Accepted::Exhausted
            }
        }
    }

    /// Ends one that waits, so that its peer hears at once and does not wait for us: the spare descriptor serves for it.
    fn shed(&mut self, number: usize) {
        self.spare = None;
        let _ = self.listeners[number].accept();
        self.spare = spare();
    }

    /// Listens no more.
    pub(super) fn close(&mut self) {
        self.listeners.clear();
        self.ready.clear();
        self.spare = None;
    }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Whether an error is of the connection that was to be accepted (accept(2)): the next one may be fine, at once. All
/// others are taken for want of descriptors or memory, so that none can make us spin.
fn is_the_connections(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable, PermissionDenied,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | HostUnreachable | Interrupted | NetworkDown | NetworkUnreachable | PermissionDenied
    )
}

/// Who listens at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// This worker and nobody else.
    Alone,
    /// This worker, which takes the address first, and those that join it.
    First,
    /// A further worker of the server that has the address.
    Joins,
}

fn listener(address: SocketAddr, backlog: u32, share: Share) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it on Linux: a call less for each connection.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    if share == Share::Joins {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    if share == Share::First {
        // Not before it is bound: then an address that another program shares is taken, as every other that somebody has.
        socket.set_reuse_port(true)?;
    }
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into()))
}
