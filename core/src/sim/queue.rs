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
    /// The request of a handshake arrives whose reading ends at a budget; whether its peer will complete it.
    UnreadRequest { completes: bool },
    /// The host looks, and has no time for it still.
    StillUnread,
    /// It is read.
    Request { completes: bool },
    /// The handshake is complete.
    Opens,
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn what_comes_at_one_instant_comes_in_the_order_of_its_planning() {
        let nobody = ConnId { index: u32::MAX, generation: 0 };
        let mut queue = Queue::default();
        for (secs, client) in [(2, 1), (1, 2), (2, 3), (1, 4)] {
            queue.push(Instant::from_secs(secs), client, nobody, What::Lost);
        }
        assert!(queue.pop_due(Instant::ZERO).is_none());
        let (first, second) = (queue.pop_due(Instant::from_secs(9)), queue.pop_due(Instant::from_secs(9)));
        assert_eq!((first.map(|e| e.client), second.map(|e| e.client)), (Some(2), Some(4)));
        assert!(first == first && first != second);
        let rest: Vec<u32> = core::iter::from_fn(|| queue.pop_due(Instant::from_secs(2))).map(|e| e.client).collect();
        assert_eq!((rest, queue.next_at()), (alloc::vec![1, 3], Instant::NEVER));
    }
}
