//! The transport plane under `strict`.

use wsbeat_core::event::{Action, Input, Payload, Plane, Verdict, VerdictKind};
use wsbeat_core::policy::{Answers, Evidence, Profile, Transport};

use super::{End, Model, Ns, Sent, at, first_point_after, is_frame, never, span};

/// How many pings are known at once.
const PLACES: usize = 4;

impl Model {
    fn strict(&self) -> Option<Transport> {
        self.transport().filter(|t| t.profile == Profile::Strict)
    }

    pub(super) fn transport_late(&self, lateness: Ns) -> bool {
        self.strict().is_some_and(|t| lateness > span(t.stall_after))
    }

    pub(super) fn transport_due(&self) -> Ns {
        let Some(t) = self.transport() else { return never() };
        if t.profile != Profile::Strict {
            return self.profile_due(t);
        }
        let silence = self.silence_at(t).filter(|_| !self.unread()).unwrap_or(never());
        silence.min(self.ping_stall_at(t).unwrap_or(never())).min(self.next_ping_at(t))
    }

    pub(super) fn transport_end(&self) -> Option<End> {
        let t = self.transport()?;
        if t.profile != Profile::Strict {
            return self.profile_end(t);
        }
        if let Some(stalled) = self.ping_stall_at(t).filter(|at| *at <= self.now) {
            return Some(End::Abort(self.ping_verdict(VerdictKind::WriteStalled, None, "", stalled)));
        }
        let silent = self.silence_at(t).filter(|at| *at <= self.now && !self.unread())?;
        let heard = self.oldest_ping().and_then(|p| p.written).is_some_and(|(_, order)| self.heard_after(order));
        let kind = if heard { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent };
        Some(End::Close(self.ping_verdict(kind, Some(t.close_code), "heartbeat timeout", silent)))
    }

    pub(super) fn transport_sends(&mut self, late: bool) {
        let Some(t) = self.transport() else { return };
        if t.profile != Profile::Strict {
            return self.profile_sends(t);
        }
        let due = self.next_ping_at(t) <= self.now;
        let idle_at = self.last_byte() + span(t.interval);
        if due && !late && t.only_when_idle && self.now < idle_at {
            return self.idle_points.push(idle_at);
        }
        if due {
            self.ping_visits.push(self.now);
        }
        let blocked = self.unwritten_ping().is_some() || self.open_pings().count() >= PLACES;
        if (due || late) && !blocked {
            self.send_ping();
        }
    }

    pub(super) fn send_ping(&mut self) {
        let payload = self.payload.unwrap_or(Payload::Other);
        assert!(self.payload.is_some(), "the core sent no ping where one is due at {:?}", at(self.now));
        assert!(payload == Payload::Empty || self.pings.iter().all(|p| p.payload != payload), "{payload:?} was sent before");
        self.pings.push(self.sent(payload.token().0, payload));
        self.actions.push(Action::Ping(payload));
    }

    /// Something that is queued now.
    pub(super) fn sent(&self, token: u64, payload: Payload) -> Sent {
        let (queued, order) = (self.now, self.order);
        Sent { token, payload, queued, order, written: None, resolved: false, discharged: false, outside: false }
    }

    pub(super) fn ping_written(&mut self, payload: Payload) {
        let (now, order) = (self.now, self.order);
        let ping = self.pings.iter_mut().rev().find(|p| p.payload == payload && p.written.is_none());
        if let Some(ping) = ping {
            ping.written = Some((now, order));
        }
    }

    pub(super) fn transport_hears(&mut self, input: Input) {
        let Some(t) = self.transport() else { return };
        if t.profile != Profile::Strict {
            return self.profile_hears(t, input);
        }
        let matched = match input {
            Input::Pong(payload) => self.pong(t, payload),
            _ => false,
        };
        let alive = match t.evidence {
            Evidence::PongOnly => matched || matches!(input, Input::Pong(_)) && t.answers == Answers::Any,
            Evidence::AnyFrame => is_frame(&input),
            Evidence::AnyBytes => is_frame(&input) || matches!(input, Input::Bytes(_)),
        };
        if alive || matched {
            self.pings.iter_mut().filter(|p| p.written.is_some()).for_each(|p| p.discharged = true);
        }
    }

    /// Whether the pong matches a ping that is known; it answers that one and all older.
    fn pong(&mut self, t: Transport, payload: Payload) -> bool {
        let (now, order) = (self.now, self.order);
        let known = self.pings.len().saturating_sub(PLACES);
        let matches = |p: &Sent| !p.resolved && (p.payload == payload);
        let mut place = self.pings.iter().skip(known).position(matches).map(|i| i + known);
        let of_users = place.is_none() && !self.pings.iter().skip(known).any(|p| p.payload == payload) && self.user_pings > 0;
        if of_users {
            self.user_pings -= 1;
            return false;
        }
        if payload == Payload::Empty && t.tolerate_empty {
            place = self.pings.iter().skip(known).position(|p| !p.resolved).map(|i| i + known);
        }
        let Some(place) = place else { return false };
        self.ping_answers.push(now);
        let ping = &mut self.pings[place];
        ping.written.get_or_insert((now, order));
        self.pings[..=place].iter_mut().for_each(|p| p.resolved = true);
        true
    }

    fn open_pings(&self) -> impl Iterator<Item = &Sent> {
        self.pings.iter().filter(|p| !p.resolved && !p.discharged)
    }

    fn oldest_ping(&self) -> Option<&Sent> {
        self.open_pings().find(|p| p.written.is_some())
    }

    fn unwritten_ping(&self) -> Option<&Sent> {
        self.pings.last().filter(|p| p.written.is_none())
    }

    fn silence_at(&self, t: Transport) -> Option<Ns> {
        let written = self.oldest_ping()?.written?.0;
        Some(self.lifted(written + span(t.timeout), written))
    }

    fn ping_stall_at(&self, t: Transport) -> Option<Ns> {
        let from = self.stalled_since(self.unwritten_ping()?, 0);
        Some(self.lifted(from + span(t.write_stall), from))
    }

    fn next_ping_at(&self, t: Transport) -> Ns {
        let first = self.idle_points.last().copied().unwrap_or(self.opened + self.drawn.first_ping);
        let served = self.ping_visits.iter().copied().max();
        served.map_or(first, |at| first_point_after(first, span(t.interval), at))
    }

    fn ping_verdict(&self, kind: VerdictKind, code: Option<u16>, reason: &'static str, deadline: Ns) -> Verdict {
        let oldest = if kind == VerdictKind::WriteStalled { self.unwritten_ping() } else { self.open_pings().next() };
        let unwritten = self.open_pings().filter(|p| p.written.is_none()).count();
        let unanswered = self.open_pings().count() - if kind == VerdictKind::WriteStalled { 0 } else { unwritten };
        Verdict {
            plane: Plane::Transport,
            token: oldest.map(|p| wsbeat_core::event::Token(p.token)),
            written: oldest.and_then(|p| p.written).map(|(ns, _)| at(ns)),
            unanswered: u32::try_from(unanswered).unwrap_or(u32::MAX),
            last_answer: self.last_ping_answer().map(at),
            deadline: at(deadline),
            ..self.plain(kind, code, reason)
        }
    }

    fn last_ping_answer(&self) -> Option<Ns> {
        self.ping_answers.last().copied()
    }
}
