//! A connection in the driver's table: little at rest, more in a box while something is under way.

use std::net::SocketAddr;

use mio::net::TcpStream;
use tungstenite::protocol::WebSocketContext;
use wsbeat_core::event::ConnId;
use wsbeat_core::time::Instant;

use super::addresses::{Address, Addresses};
use super::end::End;
use super::output::{Kind, Output};
use crate::dense::inbound::Walk;
use crate::dense::socket::Socket;
use crate::dense::tls::Tls;

/// What is done with what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A request's head is read.
    Handshake,
    /// Frames are read.
    Open,
    /// We sent a close frame: only the peer's matters.
    Closing,
    /// The close frame is out, and either the peer's was seen or its frames cannot be read: the rest is thrown away.
    Discarding,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) stream: TcpStream,
    pub(super) generation: u32,
    ip: u32,
    port: u16,
    is_long_ip: bool,
    pub(super) stage: Stage,
    /// The upgrade completed: the user was told of it.
    pub(super) opened: bool,
    /// It waits to be read again.
    pub(super) unread: bool,
    /// The kernel said that no more will come: read to the end.
    pub(super) read_closed: bool,
    /// Shut down writing once all is written.
    pub(super) shut_after: bool,
    /// Writing failed: it is over as soon as its turn comes.
    pub(super) broken: bool,
    /// A deadline for its message is in the heap.
    pub(super) assembly_armed: bool,
    pub(super) busy: Option<Box<Busy>>,
}

/// What only a connection has that is not at rest. After a stall thousands may be closing at once: what these have no use for is boxed.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// The request's head so far.
    pub(super) head: Vec<u8>,
    /// A message or frame of which not all has come.
    pub(super) partial: Option<Box<Partial>>,
    /// What the kernel did not take yet.
    pub(super) output: Option<Box<Output>>,
    /// TLS, on connections that have it, from the first to the last.
    pub(super) tls: Option<Box<Tls>>,
    /// Pings and heartbeats whose records the kernel has not taken whole (R6).
    pub(super) unwritten: Vec<Kind>,
    /// How it ends.
    pub(super) end: Option<End>,
    /// The bytes that were thrown away.
    pub(super) discarded_bytes: u32,
}

/// A message or frame of which not all has come.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) context: Box<WebSocketContext>,
    pub(super) walk: Walk,
    /// When its first byte came, by the clock of `World::presence`.
    pub(super) since: Instant,
}

impl Slot {
    pub(super) fn new(stream: TcpStream, tls: Option<Box<Tls>>, id: ConnId, address: Address, port: u16) -> Self {
        Slot {
            stream,
            generation: id.generation,
            ip: address.bits,
            port,
            is_long_ip: address.is_long,
            stage: Stage::Handshake,
            opened: false,
            unread: false,
            read_closed: false,
            shut_after: false,
            broken: false,
            assembly_armed: false,
            busy: tls.map(|tls| Box::new(Busy { tls: Some(tls), ..Busy::default() })),
        }
    }

    pub(super) fn address(&self) -> Address {
        Address { bits: self.ip, is_long: self.is_long_ip }
    }

    pub(super) fn peer(&self, addresses: &Addresses) -> SocketAddr {
        SocketAddr::new(addresses.get(self.address()), self.port)
    }

    pub(super) fn socket(&mut self) -> Socket<'_> {
        Socket { stream: &mut self.stream, tls: self.busy.as_mut().and_then(|b| b.tls.as_deref_mut()) }
    }

    /// TLS, where the connection has it.
    pub(super) fn tls(&mut self) -> Option<&mut Tls> {
        self.busy.as_mut()?.tls.as_deref_mut()
    }

    pub(super) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    pub(super) fn end(&mut self) -> &mut End {
        self.busy().end.get_or_insert_with(|| End { peer_code: 1006, ..End::default() })
    }

    /// Gives boxes back that nothing is under way in.
    pub(super) fn settle(&mut self) {
        if let Some(busy) = &mut self.busy {
            busy.output.take_if(|output| output.is_empty());
        }
        if self.busy.as_ref().is_some_and(|busy| busy.is_idle()) {
            self.busy = None;
        }
    }

    /// The bytes that wait for the peer.
    pub(super) fn queued_bytes(&self) -> usize {
        self.busy.as_ref().map_or(0, |busy| busy.queued_bytes() + busy.encrypted_bytes())
    }
}

impl Busy {
    /// The frames that wait.
    pub(super) fn output(&mut self) -> &mut Output {
        self.output.get_or_insert_default()
    }

    /// The bytes of these.
    pub(super) fn queued_bytes(&self) -> usize {
        self.output.as_ref().map_or(0, |output| output.bytes())
    }

    fn is_idle(&self) -> bool {
        self.head.is_empty() && self.partial.is_none() && self.output.is_none() && self.tls.is_none() && self.end.is_none()
    }

    /// What TLS has encrypted and the kernel did not take, in bytes.
    pub(super) fn encrypted_bytes(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.waiting_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_at_rest_is_small() {
        // mio adds a field for its own checks in debug builds, and what aligns it.
        assert!(size_of::<Option<Slot>>() <= 32 + 16 * usize::from(cfg!(debug_assertions)), "{}", size_of::<Option<Slot>>());
    }

    #[test]
    fn a_connection_that_closes_is_small_enough_for_thousands_at_once() {
        assert!(size_of::<Busy>() <= 216, "{}", size_of::<Busy>());
    }
}
