//! Connections as they are shown.

use std::net::SocketAddr;

use tokio::sync::oneshot;
use wsbeat_core::connection::{Phase, PlaneView, View};
use wsbeat_core::event::ConnId;
use wsbeat_core::time::{Instant, Now, Span};

/// All connections of a server, each as it was within the few turns that it took to look at them.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    /// The connections, by worker and slot. Handshakes are none yet.
    pub connections: Vec<ConnectionLook>,
    /// When the last of them was looked at, in Unix milliseconds.
    pub taken_ms: u64,
    /// The longest that one slice held the driver up.
    pub slice_max: Span,
}

impl Looks {
    /// Adds those of another worker.
    pub(super) fn add(&mut self, other: Looks) {
        self.connections.extend(other.connections);
        self.taken_ms = self.taken_ms.max(other.taken_ms);
        self.slice_max = self.slice_max.max(other.slice_max);
    }
}

/// A connection at a glance. Times are how long ago, or how soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLook {
    /// Its id.
    pub id: ConnId,
    /// The peer's address.
    pub peer: SocketAddr,
    /// Where it stands.
    pub phase: Phase,
    /// Since it opened.
    pub age: Span,
    /// Since its last byte came; the opening counts as one.
    pub last_byte: Span,
    /// The bytes that wait for the peer to read.
    pub queued_bytes: usize,
    /// Its pings; `None` where the plane is off.
    pub transport: Option<PlaneLook>,
    /// Its heartbeats; `None` where the plane is off.
    pub application: Option<PlaneLook>,
}

/// A plane of a connection at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneLook {
    /// Pings or heartbeats sent; `None` where a connection does not count them.
    pub sent: Option<u64>,
    /// How many stand unanswered.
    pub unanswered: u32,
    /// The smoothed round trip (RFC 6298), where one is kept.
    pub srtt: Option<Span>,
    /// Since the last answer came.
    pub last_answer: Option<Span>,
    /// Until the next one is due; `None` where none is.
    pub next_due: Option<Span>,
}

/// One connection, looked at more closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloserLook {
    /// The connection at a glance.
    pub glance: ConnectionLook,
    /// What the core says of it; its instants are those of the driver's clock.
    pub view: View,
    /// When it was looked at.
    pub now: Now,
}

impl ConnectionLook {
    /// The smoothed round trip of its pings, else of its heartbeats.
    #[must_use]
    pub fn srtt(&self) -> Option<Span> {
        let of = |plane: Option<PlaneLook>| plane.and_then(|plane| plane.srtt);
        of(self.transport).or_else(|| of(self.application))
    }

    /// Pings and heartbeats that stand unanswered.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        let of = |plane: Option<PlaneLook>| plane.map_or(0, |plane| u64::from(plane.unanswered));
        of(self.transport) + of(self.application)
    }
}

/// Something that the driver is asked to look at.
#[derive(Debug)]
pub(super) enum Look {
    /// All connections, a slice a turn.
    All(Box<List>),
    /// One.
    One(ConnId, oneshot::Sender<Option<Box<CloserLook>>>),
}

/// A list under way.
#[derive(Debug)]
pub(super) struct List {
    pub(super) looks: Looks,
    /// The slot that comes next.
    pub(super) next: usize,
    pub(super) asker: oneshot::Sender<Looks>,
}

impl PlaneLook {
    pub(super) fn of(plane: &PlaneView, now: Instant) -> Self {
        PlaneLook {
            sent: plane.sent,
            unanswered: plane.unanswered,
            srtt: plane.srtt,
            last_answer: plane.last_answer.map(|at| now.since(at)),
            next_due: plane.next_due.map(|at| at.since(now)),
        }
    }
}
