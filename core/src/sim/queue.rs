//! What will happen, in the order of time.

use alloc::collections::BinaryHeap;
use core::cmp::Ordering;

use crate::event::{ConnId, Payload, Token};
use crate::time::Instant;

/// Something that happens to a client, or to the host.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A client connects.
    Connects,
    /// A peer that asks does.
    Asks,
    /// A ping was written.
    PingWritten(Payload),
    /// A heartbeat was written.
    HeartbeatWritten(Token),
    /// The transport took a few bytes.
    Progress,
    /// A pong arrives.
    Pong(Payload),
    /// An answer arrives.
    Answer(Token),
    /// A pong arrives whose reading ends at a budget.
    UnreadPong(Payload),
    /// An answer arrives whose reading ends at a budget.
    UnreadAnswer(Token),
    /// What the peer sends by itself arrives.
    Heartbeat(Token),
    /// The same, and its reading ends at a budget.
    UnreadHeartbeat(Token),
    /// A message arrives that is no good gzip: the damage was drawn from this.
    Damaged(u64),
    /// A message arrives that inflates past every limit.
    Bomb,
    /// The peer's close frame arrives.
    PeerClose(u16),
    /// The stream ends.
    Lost,
    /// Sixty pings arrive.
    Flood,
    /// A while has passed: what befalls the host is drawn.
    Pulse,
    /// The judge looks at all connections.
    Sweep,
}

/// An event, and whom it befalls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) at: Instant,
    serial: u64,
    pub(super) client: u32,
    /// The connection that the client had when this was planned.
    pub(super) id: ConnId,
    pub(super) what: What,
}

/// Events by time; those of one instant in the order of their planning.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Event>,
    serial: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: Instant, client: u32, id: ConnId, what: What) {
        self.serial += 1;
        self.heap.push(Event { at, serial: self.serial, client, id, what });
    }

    pub(super) fn next_at(&self) -> Instant {
        self.heap.peek().map_or(Instant::NEVER, |event| event.at)
    }

    /// The next event, if it is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Event> {
        if self.next_at() > now {
            return None;
        }
        self.heap.pop()
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        // The greatest of the heap is the earliest in time.
        (other.at, other.serial).cmp(&(self.at, self.serial))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}
