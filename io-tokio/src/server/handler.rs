//! What the user of a server writes: callbacks.

use std::net::SocketAddr;

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{ConnId, Note, Plane, Token, Verdict};
use wsbeat_core::time::Span;

use super::control::{CloseReason, PingPayload};
use super::end::End;
use super::error::SendError;
use super::handle::Handle;
use super::world::World;

/// From how many bytes on the sending of a message is timed: it is no work of the callback's.
const LONG_BYTES: usize = 16 << 10;

/// The user's side of a server: callbacks, all of which do nothing unless written.
///
/// They run on the server's driver, between reading and sending, and must be short: one that takes longer than 1 ms is counted
/// and logged with its name; what the server itself takes for a message of 16 KiB and more, or for a broadcast, is not held
/// against it. Longer work goes elsewhere and comes back through a [`Handle`]. A panic in a callback
/// closes that connection with 1011 and is counted; the others live.
///
/// Called for each connection in this order: [`open`](Handler::open); any number of the others;
/// [`verdict`](Handler::verdict) where one was given; [`close`](Handler::close).
/// A connection whose upgrade never completed is only seen by `verdict`.
pub trait Handler: Send + 'static {
    /// Which of the callbacks that come with every ping and heartbeat it has a use for; default all. A callback costs a
    /// hundred nanoseconds around it, as it is timed and guarded: one that does nothing is better not called.
    fn wants(&self) -> Wants {
        Wants::ALL
    }

    /// The upgrade is complete.
    fn open(&mut self, _ctx: &mut Context<'_>, _request: &Request<'_>) {}

    /// A whole message arrived that is no heartbeat; inflated where the dialect compresses this direction.
    fn message(&mut self, _ctx: &mut Context<'_>, _message: Message<'_>) {}

    /// A ping of the peer's arrived; it is answered already. At most 125 bytes.
    fn ping(&mut self, _ctx: &mut Context<'_>, _payload: &[u8]) {}

    /// A pong arrived, to a ping of ours, of the user's or to none. At most 125 bytes.
    fn pong(&mut self, _ctx: &mut Context<'_>, _payload: &[u8]) {}

    /// The connection was closed or given up: why, with `queued_bytes` waiting for the peer to read. Given for every close
    /// frame we send (the echo of the peer's too) and every connection we drop.
    fn verdict(&mut self, _ctx: &mut Context<'_>, _verdict: &Verdict, _queued_bytes: usize) {}

    /// The connection is over: the last callback of an opened connection. Nothing can be sent to it any more.
    fn close(&mut self, _ctx: &mut Context<'_>, _end: &End) {}

    /// Something worth knowing happened.
    fn note(&mut self, _ctx: &mut Context<'_>, _note: &Note) {}

    /// An answer matched: `rtt` passed from the writing of the ping or heartbeat `token` to its answer.
    fn rtt(&mut self, _ctx: &mut Context<'_>, _plane: Plane, _token: Token, _rtt: Span) {}
}

/// The frequent callbacks of a [`Handler`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// [`Handler::ping`].
    pub ping: bool,
    /// [`Handler::pong`]. Without it nobody hears of the pongs to pings of the user's.
    pub pong: bool,
    /// [`Handler::rtt`].
    pub rtt: bool,
}

impl Wants {
    /// All of them.
    pub const ALL: Wants = Wants { ping: true, pong: true, rtt: true };
    /// None of them.
    pub const NONE: Wants = Wants { ping: false, pong: false, rtt: false };
}

/// The request that a connection was upgraded from. The text is the peer's: escape it before it is shown or logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The target as sent: path and query.
    pub target: &'a str,
    /// The `Host` header.
    pub host: &'a str,
    /// The `Origin` header: the web page that connects; absent where it is no browser.
    pub origin: Option<&'a str>,
    /// The `User-Agent` header.
    pub user_agent: Option<&'a str>,
    /// The subprotocol that was agreed.
    pub subprotocol: Option<&'a str>,
}

/// The server as a callback sees it, and the connection that it was called for.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) world: &'a mut World,
    pub(super) id: ConnId,
    pub(super) peer: SocketAddr,
}

impl Context<'_> {
    /// The connection that the callback is for.
    #[must_use]
    pub fn id(&self) -> ConnId {
        self.id
    }

    /// The peer's address; an IPv4 address that came over an IPv6 socket is given as IPv4.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends a message to this connection.
    ///
    /// # Errors
    /// The connection is closing, or too much waits for it. Nothing of the message was sent then.
    pub fn send(&mut self, message: Message<'_>) -> Result<(), SendError> {
        let id = self.id;
        if is_long(message) { self.world.at_length(|world| world.send(id, message)) } else { self.world.send(id, message) }
    }

    /// Sends a message to another connection, whichever worker has it.
    ///
    /// # Errors
    /// As [`send`](Context::send), and where another worker has it and is behind.
    pub fn send_to(&mut self, id: ConnId, message: Message<'_>) -> Result<(), SendError> {
        if is_long(message) { self.world.at_length(|world| world.send_to(id, message)) } else { self.world.send_to(id, message) }
    }

    /// Sends a ping of the user's; its pong comes to [`Handler::pong`].
    ///
    /// # Errors
    /// As [`send`](Context::send).
    pub fn ping(&mut self, payload: &PingPayload) -> Result<(), SendError> {
        self.world.ping(self.id, payload)
    }

    /// Closes this connection: what was sent before goes out, then the close frame. A second close does nothing.
    pub fn close(&mut self, reason: &CloseReason) {
        self.world.close(self.id, reason);
    }

    /// Sends a message to every open connection of every worker, encoded once. Returns how many of this worker's took it;
    /// those with too much waiting are left out and counted. What one connection's callbacks broadcast arrives everywhere in
    /// that order.
    pub fn broadcast(&mut self, message: Message<'_>) -> usize {
        self.world.at_length(|world| world.broadcast(message))
    }

    /// How many connections are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.world.workers.open()
    }

    /// The bytes that wait for this peer to read.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.world.queued_bytes(self.id)
    }

    /// A handle for other tasks and threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.world.handle()
    }
}

fn is_long(message: Message<'_>) -> bool {
    let bytes = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
    };
    bytes >= LONG_BYTES
}
