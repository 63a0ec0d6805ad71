//! The clients: a few bytes each.

use alloc::vec;
use alloc::vec::Vec;

use super::link::Way;
use crate::event::{ConnId, Payload, Token};
use crate::time::Instant;

/// What we ask of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Ping(Payload),
    Heartbeat(Token),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    conn: ConnId,
    pub(super) down: Way,
    pub(super) up: Way,
    /// Until when the transport towards it takes no byte.
    pub(super) writer: Instant,
    /// From then on its peer is dead.
    pub(super) dies_at: Instant,
    /// What it was asked last.
    pub(super) previous: u64,
}

const NOBODY: ConnId = ConnId { index: u32::MAX, generation: 0 };

#[derive(Debug)]
pub(super) struct Clients {
    all: Vec<Client>,
    /// Whose connection a slot has, or had last.
    owners: Vec<u32>,
}

impl Clients {
    pub(super) fn new(count: u32) -> Self {
        let client =
            Client { conn: NOBODY, down: Way::default(), up: Way::default(), writer: Instant::ZERO, dies_at: Instant::NEVER, previous: 0 };
        Clients { all: vec![client; count as usize], owners: Vec::with_capacity(count as usize) }
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&mut self, client: u32) -> Option<&mut Client> {
        self.all.get_mut(client as usize)
    }

    /// The connection of a client, if it has one.
    pub(super) fn conn(&self, client: u32) -> Option<ConnId> {
        self.all.get(client as usize).map(|c| c.conn).filter(|id| *id != NOBODY)
    }

    /// Whether its peer has died.
    pub(super) fn is_dead(&self, client: u32) -> bool {
        self.all.get(client as usize).is_some_and(|c| c.conn != NOBODY && c.dies_at != Instant::NEVER)
    }

    /// Whose connection this is.
    pub(super) fn of(&self, id: ConnId) -> Option<u32> {
        let client = *self.owners.get(id.index as usize)?;
        (self.conn(client) == Some(id)).then_some(client)
    }

    /// Whether another connection has the slot of this one now.
    pub(super) fn is_reused(&self, id: ConnId) -> bool {
        let owner = self.owners.get(id.index as usize).and_then(|client| self.conn(*client));
        owner.is_some_and(|now| now.index == id.index && now.generation != id.generation)
    }

    /// A client has a new connection, and all else begins anew.
    pub(super) fn connected(&mut self, client: u32, id: ConnId, now: Instant) {
        if id.index as usize >= self.owners.len() {
            self.owners.resize(id.index as usize + 1, client);
        }
        self.owners[id.index as usize] = client;
        if let Some(c) = self.get(client) {
            *c = Client { conn: id, down: Way::default(), up: Way::default(), writer: now, dies_at: Instant::NEVER, previous: c.previous };
        }
    }

    pub(super) fn disconnected(&mut self, client: u32) {
        if let Some(c) = self.get(client) {
            c.conn = NOBODY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_costs_a_few_bytes() {
        assert!(size_of::<Client>() <= 48, "{}", size_of::<Client>());
    }

    #[test]
    fn a_connection_is_its_clients_until_it_ends_and_its_slot_is_another_ones_then() {
        let id = |index, generation| ConnId { index, generation };
        let mut clients = Clients::new(2);
        assert_eq!((clients.len(), clients.conn(0), clients.of(id(0, 0)), clients.is_reused(id(0, 0))), (2, None, None, false));
        clients.connected(0, id(3, 0), Instant::ZERO);
        assert_eq!(
            (clients.conn(0), clients.of(id(3, 0)), clients.of(id(3, 1)), clients.of(id(9, 0))),
            (Some(id(3, 0)), Some(0), None, None)
        );
        assert!(!clients.is_reused(id(3, 0)));
        clients.disconnected(0);
        assert_eq!((clients.conn(0), clients.of(id(3, 0)), clients.is_reused(id(3, 0))), (None, None, false));
        clients.connected(1, id(3, 5), Instant::ZERO);
        assert_eq!((clients.of(id(3, 5)), clients.is_reused(id(3, 0)), clients.is_reused(id(3, 5))), (Some(1), true, false));
        // Who is no client has no connection.
        clients.connected(2, id(4, 6), Instant::ZERO);
        clients.disconnected(2);
        assert_eq!((clients.conn(2), clients.of(id(4, 6)), clients.get(2).is_none()), (None, None, true));
    }
}
