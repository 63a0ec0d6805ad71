//! How connections begin.

use super::World;
use crate::event::{ConnId, Input};
use crate::sim::fault::Fault;
use crate::sim::judge::number;
use crate::sim::queue::What;
use crate::sim::seen::What as Shown;
use crate::time::Span;

impl World<'_> {
    pub(super) fn connect(&mut self, client: u32) {
        let now = self.out.now;
        let Ok(id) = self.hub.accept(now, self.policy) else {
            return self.out.connects_later(client, Span::from_secs(1));
        };
        self.out.judge.accepted(id, now.at);
        self.out.show(now, number(id), Shown::Accepted);
        self.out.connected(client, id);
        let completes = !self.out.befalls(Fault::Handshake);
        if self.out.befalls(Fault::UnreadHandshake) {
            let arrives = now.at.after(self.out.below(self.out.plan.handshake.part(2)));
            return self.out.queue.push(arrives, client, id, What::UnreadRequest { completes });
        }
        if completes {
            self.opened(client, id);
        }
    }

    /// The host has no time for more than the first byte.
    pub(super) fn unread_request(&mut self, client: u32, id: ConnId, completes: bool) {
        self.put(id, Input::Bytes(1));
        self.put(id, Input::Unread);
        let wait = self.out.below(self.out.plan.handshake.times(3));
        let now = self.out.now.at;
        let at = self.out.plan.clip(now.after(wait)).max(now);
        self.out.queue.push(now.after(at.since(now).part(2)), client, id, What::StillUnread);
        self.out.queue.push(at, client, id, What::Request { completes });
    }

    /// The rest is read. It is all that there is, or something remains to be said, as in a handshake of TLS: in all the peer
    /// takes less than the time that it has.
    pub(super) fn request(&mut self, client: u32, id: ConnId, completes: bool) {
        self.put(id, Input::Bytes(8));
        if !completes {
            return;
        }
        if self.out.rng.below(2) == 0 {
            return self.opened(client, id);
        }
        let opens = self.out.now.at.after(self.out.below(self.out.plan.handshake.part(2)));
        self.out.queue.push(opens, client, id, What::Opens);
    }

    pub(super) fn opened(&mut self, client: u32, id: ConnId) {
        self.put(id, Input::Opened);
        if self.starts_ready {
            self.arrives(id, Input::Ready);
        }
        self.out.peer_begins(client, id);
    }
}
