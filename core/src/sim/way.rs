//! The way of an ask, written, carried, answered and carried back, and of what peers say by themselves.

use super::clients::Ask;
use super::fault::Fault;
use super::outside::{Outside, THINK_MAX};
use super::queue::What;
use crate::event::{ConnId, Payload, Token};
use crate::time::{Instant, Span};

impl Outside<'_> {
    /// Something goes to the peer that wants an answer.
    pub(super) fn ask(&mut self, id: ConnId, ask: Ask) {
        let Some(client) = self.clients.of(id) else {
            return;
        };
        let written = self.write(client, id, ask);
        let is_answered = self.is_read_by_peer(id, ask);
        if let Some(arrives) = self.answered_at(client, written) {
            if is_answered {
                self.comes(client, id, arrives, ask.answer(), ask.unread());
            }
            if self.is_stormy() {
                self.mischief(client, id, ask, arrives);
            }
        }
        if let Some(c) = self.clients.get(client) {
            c.previous = ask.number();
        }
    }

    /// When the transport takes it.
    fn write(&mut self, client: u32, id: ConnId, ask: Ask) -> Instant {
        let now = self.now.at;
        let mut at = self.clients.get(client).map_or(now, |c| c.writer).max(now);
        if self.befalls(Fault::WriteBlocked) {
            let wait = self.below(self.plan.write_stall.plus(self.plan.write_stall.part(2)));
            at = self.plan.clip(at.after(wait)).max(at);
        } else if self.befalls(Fault::SlowWriter) {
            let wait = self.below(self.plan.write_stall.times(2));
            at = self.plan.clip(at.after(wait)).max(at);
            let step = self.plan.write_stall.part(3);
            let steps = (1..6).map(|k| now.after(step.times(k)));
            steps.take_while(|progress| *progress < at).for_each(|progress| self.queue.push(progress, client, id, What::Progress));
        }
        if let Some(c) = self.clients.get(client) {
            c.writer = at;
        }
        if at > now || self.befalls(Fault::Overtake) {
            // News that the pong overtakes is a second late.
            let told = if at > now { at } else { at.after(Span::from_secs(1).min(self.plan.write_stall.part(2))) };
            self.queue.push(told, client, id, ask.written());
        } else {
            self.flushed.push((id, ask.flushed()));
        }
        at
    }

    /// Whether the peer reads it and answers it.
    fn is_read_by_peer(&mut self, id: ConnId, ask: Ask) -> bool {
        let Ask::Heartbeat(token) = ask else {
            return true;
        };
        if !self.wire.is_answered {
            return false;
        }
        let survives = self.wire.round_trip(token, self.now.wall_ms) == Some(self.wire.answers.read(token));
        if !survives {
            self.judge.found(id, "a heartbeat or its answer does not survive its bytes");
        }
        survives
    }

    /// When the answer to what was written at `written` arrives, if it ever does.
    pub(super) fn answered_at(&mut self, client: u32, written: Instant) -> Option<Instant> {
        if self.befalls(Fault::Dead) {
            self.clients.get(client)?.dies_at = self.now.at;
        }
        let network = if self.is_stormy() { self.network } else { self.calm };
        let c = self.clients.get(client)?;
        if c.dies_at <= written {
            return None;
        }
        let read = c.down.send(written, &network, &mut self.rng, &mut self.faults);
        let wakes = self.wakes(client, read);
        if wakes != Some(read) {
            self.faults.count(Fault::Freeze);
        }
        let at = wakes?;
        if at != read {
            self.faults.count(Fault::Thaw);
        }
        let think = self.below(THINK_MAX);
        Some(self.carried_up(client, at.after(think)))
    }

    /// When something that `client` sends at `at` arrives.
    fn carried_up(&mut self, client: u32, at: Instant) -> Instant {
        let mut leaves = at;
        if let Some((_, until)) = self.plan.cut_until(client, at) {
            self.faults.count(Fault::Partition);
            leaves = until;
        }
        let network = if self.is_stormy() { self.network } else { self.calm };
        let Some(c) = self.clients.get(client) else {
            return leaves;
        };
        c.up.send(leaves, &network, &mut self.rng, &mut self.faults)
    }

    /// Something arrives, in its turn or out of it, and is read at once or is left `unread` at first.
    fn comes(&mut self, client: u32, id: ConnId, arrives: Instant, read: What, unread: What) {
        let mut at = arrives;
        if self.befalls(Fault::Reorder) {
            let wait = self.below(self.plan.reach.part(2));
            at = self.plan.clip(at.after(wait)).max(at);
        }
        let is_unread = self.befalls(Fault::UnreadInput);
        self.queue.push(at, client, id, if is_unread { unread } else { read });
    }

    /// What was left unread is read later.
    pub(super) fn reads_later(&mut self, client: u32, id: ConnId, later: What) {
        let now = self.now.at;
        let wait = self.below(self.plan.reach);
        self.queue.push(self.plan.clip(now.after(wait)).max(now), client, id, later);
    }

    /// What else a peer and its network may do with an answer.
    fn mischief(&mut self, client: u32, id: ConnId, answer: Ask, at: Instant) {
        let previous = self.clients.get(client).map_or(0, |c| c.previous);
        let later = at.after(self.below(self.plan.reach));
        let draw = self.rng.next_u64();
        let code = if draw & 1 == 0 { 1000 } else { 1001 };
        let does = [
            (Fault::Forged, at.before(Span::from_nanos(1)), answer.with(draw).answer()),
            (Fault::Duplicate, later, answer.answer()),
            (Fault::Stale, later, answer.with(previous).answer()),
            (Fault::Unsolicited, later, unsolicited(answer, draw)),
            (Fault::CorruptGzip, at, What::Damaged(draw & !1)),
            (Fault::TruncatedGzip, at, What::Damaged(draw | 1)),
            (Fault::Bomb, at, What::Bomb),
            (Fault::PeerClose, later, What::PeerClose(code)),
            (Fault::Reset, later, What::Lost),
            (Fault::PingFlood, at, What::Flood),
        ];
        for (fault, at, what) in does {
            if self.befalls(fault) {
                self.queue.push(at.max(self.now.at), client, id, what);
            }
        }
    }

    // What peers do by themselves.

    pub(super) fn peer_begins(&mut self, client: u32, id: ConnId) {
        if let Some(period) = self.plan.peer_period {
            let first = self.below(period);
            self.queue.push(self.now.at.after(first), client, id, What::Asks);
        }
    }

    /// A peer that asks does, at `now`, and will again. Its time goes on while the host sleeps.
    pub(super) fn peer_asks(&mut self, client: u32, id: ConnId, now: Instant) {
        let Some(period) = self.plan.peer_period else {
            return;
        };
        let token = Token(self.now.wall_ms);
        let Some(read) = self.wire.heartbeat(token, self.now.wall_ms) else {
            return self.judge.found(id, "a heartbeat of the peer's does not survive its bytes");
        };
        if self.clients.get(client).is_none_or(|c| c.dies_at <= now) {
            return;
        }
        if self.befalls(Fault::Dead) {
            if let Some(c) = self.clients.get(client) {
                c.dies_at = now;
            }
            return;
        }
        match self.wakes(client, now) {
            Some(at) if at == now => {}
            later => {
                self.faults.count(Fault::Freeze);
                if let Some(at) = later {
                    self.faults.count(Fault::Thaw);
                    self.queue.push(at, client, id, What::Asks);
                }
                return;
            }
        }
        let arrives = self.carried_up(client, now);
        self.comes(client, id, arrives, What::Heartbeat(read), What::UnreadHeartbeat(read));
        if self.is_stormy() {
            self.mischief(client, id, Ask::Heartbeat(token), arrives);
        }
        self.queue.push(now.after(period), client, id, What::Asks);
    }
}

fn unsolicited(answer: Ask, draw: u64) -> What {
    match answer {
        Ask::Ping(_) => What::Pong(Payload::Empty),
        Ask::Heartbeat(_) => What::Answer(Token(draw >> 20)),
    }
}
