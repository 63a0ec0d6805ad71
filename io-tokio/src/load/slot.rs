//! A client in the driver's table: little at rest, more in a box while something is under way.

use std::collections::VecDeque;

use mio::net::TcpStream;
use tungstenite::protocol::WebSocketContext;
use wsbeat_core::event::ConnId;
use wsbeat_core::time::Instant;

use super::report::Failure;
use crate::dense::inbound::Walk;
use crate::dense::socket::Socket;
use crate::dense::tls::Tls;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// TCP is under way.
    Connecting,
    /// The upgrade request is out, under TLS once that is agreed.
    Upgrading,
    /// Frames are read.
    Open,
    /// We sent a close frame.
    Closing,
}

/// A client.
pub(super) struct Slot {
    pub(super) stream: TcpStream,
    pub(super) generation: u32,
    pub(super) stage: Stage,
    /// It never answers.
    pub(super) is_silent: bool,
    /// When the newest ping, and the newest heartbeat, arrived; `NEVER` before the first.
    pub(super) asked: [Instant; 2],
    /// What only TLS has.
    pub(super) tls: Option<Box<Tls>>,
    pub(super) busy: Option<Box<Busy>>,
}

/// What only a connection has that is not at rest.
#[derive(Default)]
pub(super) struct Busy {
    /// The answer to the upgrade so far.
    pub(super) head: Vec<u8>,
    /// A message or frame of which not all has come.
    pub(super) partial: Option<(Box<WebSocketContext>, Walk)>,
    /// What the kernel did not take yet.
    pub(super) output: Vec<u8>,
    /// Where answers end in `output`, and when their questions came.
    pub(super) answers: VecDeque<(usize, Instant)>,
}

impl Busy {
    fn is_idle(&self) -> bool {
        self.head.is_empty() && self.partial.is_none() && self.output.is_empty()
    }
}

impl Slot {
    pub(super) fn new(stream: TcpStream, generation: u32, is_silent: bool, tls: Option<Box<Tls>>) -> Self {
        Slot { stream, generation, stage: Stage::Connecting, is_silent, asked: [Instant::NEVER; 2], tls, busy: None }
    }

    pub(super) fn socket(&mut self) -> Socket<'_> {
        Socket { stream: &mut self.stream, tls: self.tls.as_deref_mut() }
    }

    /// What is under way before it is open, as the failure that it would be.
    pub(super) fn step(&self) -> Failure {
        match (self.stage, &self.tls) {
            (Stage::Connecting, _) => Failure::Tcp,
            (_, Some(tls)) if tls.is_handshaking() || tls.failure().is_some() => Failure::Tls,
            _ => Failure::Upgrade,
        }
    }

    pub(super) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// Gives the box back when nothing is under way.
    pub(super) fn settle(&mut self) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_idle()) {
            self.busy = None;
        }
    }
}

/// An answer that is held back.
pub(super) struct Delayed {
    pub(super) due: Instant,
    pub(super) id: ConnId,
    pub(super) asked: Instant,
    pub(super) frame: Box<[u8]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_at_rest_is_small() {
        // mio adds eight bytes for its own checks in debug builds.
        assert!(size_of::<Option<Slot>>() <= 56, "{}", size_of::<Option<Slot>>());
    }
}
