//! The profiles: the ways of known systems.

use wsbeat_core::event::{Input, Payload, Plane, Token, Verdict, VerdictKind};
use wsbeat_core::policy::{Profile, Transport};

use super::{End, Model, Ns, at, first_point_after, never, span};

impl Model {
    pub(super) fn profile_due(&self, t: Transport) -> Ns {
        let silence = self.profile_silence_at(t).filter(|_| !self.unread()).unwrap_or(never());
        silence.min(self.profile_ping_at(t).unwrap_or(never()))
    }

    pub(super) fn profile_end(&self, t: Transport) -> Option<End> {
        let deadline = self.profile_silence_at(t).filter(|at| *at <= self.now && !self.unread())?;
        let since = self.counts_from(t);
        let heard = self.heard_after(since.2);
        let kind = if heard { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent };
        let (code, reason) = match t.profile {
            Profile::Tornado65 => (Some(1000), "ping timed out"),
            Profile::Websockets => (Some(1011), "keepalive ping timeout"),
            _ => (None, ""),
        };
        let verdict = Verdict {
            plane: Plane::Transport,
            token: since.0.map(Token),
            written: since.0.map(|_| at(since.1)),
            unanswered: u32::try_from(self.since_pong().count()).unwrap_or(u32::MAX),
            last_answer: self.last_pong(t).map(|(ns, _)| at(ns)),
            deadline: at(deadline),
            ..self.plain(kind, code, reason)
        };
        let aborts = matches!(t.profile, Profile::WsRecipe | Profile::UWebSockets | Profile::GorillaChat);
        Some(if aborts { End::Abort(verdict) } else { End::Close(verdict) })
    }

    pub(super) fn profile_sends(&mut self, t: Transport) {
        let Some(_) = self.profile_ping_at(t).filter(|at| *at <= self.now) else { return };
        self.ping_visits.push(self.now);
        self.send_ping();
    }

    pub(super) fn profile_hears(&mut self, t: Transport, input: Input) {
        if let Input::Pong(payload) = input {
            if t.profile != Profile::Websockets {
                self.pings.iter_mut().for_each(|p| p.resolved = true);
                self.ping_answers.push(self.now);
                return;
            }
            let Some(place) = self.pings.iter().position(|p| p.payload == payload && !p.resolved) else { return };
            self.pings[..=place].iter_mut().for_each(|p| p.resolved = true);
            self.ping_answers.push(self.now);
            // One that is due on a pong goes out with it.
            if self.profile_ping_at(t).is_some_and(|at| at <= self.now) {
                self.profile_sends(t);
            }
        }
    }

    /// The last pong that counts, and its place.
    fn last_pong(&self, _t: Transport) -> Option<(Ns, usize)> {
        let at = *self.ping_answers.last()?;
        Some((at, self.last(|i| matches!(i, Input::Pong(_)))?.1))
    }

    /// The pings since the last pong that counted.
    fn since_pong(&self) -> impl Iterator<Item = &super::Sent> {
        self.pings.iter().filter(|p| !p.resolved)
    }

    /// The oldest unanswered ping, else the opening: its token, time and place.
    fn counts_from(&self, t: Transport) -> (Option<u64>, Ns, usize) {
        match self.since_pong().next() {
            Some(ping) => (Some(ping.token), ping.queued, ping.order),
            None => match self.last_pong(t) {
                Some((ns, order)) => (None, ns, order),
                None => (None, self.opened, 0),
            },
        }
    }

    /// When it gives the peer up, unless something comes before.
    fn profile_silence_at(&self, t: Transport) -> Option<Ns> {
        let (interval, timeout) = (span(t.interval), span(t.timeout));
        let last_ping = self.pings.last();
        match t.profile {
            Profile::Strict => None,
            Profile::Tornado64 => {
                let due = self.grid_point(t);
                let visit = due.max(self.now);
                let last_pong = self.ping_answers.last().copied().unwrap_or(self.opened);
                let pinged = last_ping.map_or(self.opened, |p| p.queued);
                (visit - pinged < 2 * interval && visit - last_pong > timeout).then_some(due)
            }
            Profile::Tornado65 if timeout == 0 => None,
            Profile::Tornado65 | Profile::Websockets => last_ping.filter(|p| !p.resolved).map(|p| p.queued + timeout),
            Profile::WsRecipe => last_ping.filter(|p| !p.resolved).map(|_| self.grid_point(t)),
            Profile::UWebSockets => Some(self.last_byte() + interval + timeout),
            Profile::GorillaChat => Some(self.ping_answers.last().copied().unwrap_or(self.opened) + timeout),
        }
    }

    /// When its next ping is due.
    fn profile_ping_at(&self, t: Transport) -> Option<Ns> {
        let interval = span(t.interval);
        let last_ping = self.pings.last();
        match t.profile {
            Profile::Strict => None,
            Profile::Tornado64 | Profile::WsRecipe | Profile::GorillaChat => Some(self.grid_point(t)),
            Profile::Tornado65 => Some(last_ping.map_or(self.opened, |p| p.queued) + interval),
            Profile::Websockets => match last_ping {
                None => Some(self.opened + interval),
                Some(p) if p.resolved => Some((p.queued + interval).max(*self.ping_answers.last()?)),
                Some(_) => None,
            },
            Profile::UWebSockets => {
                let idle_since = self.last_byte();
                let heard = self.last(|i| super::is_frame(i) || matches!(i, Input::Bytes(_))).map_or(0, |(_, order)| order);
                let pinged = last_ping.is_some_and(|p| p.order > heard);
                (!pinged).then_some(idle_since + interval)
            }
        }
    }

    fn grid_point(&self, t: Transport) -> Ns {
        let served = self.ping_visits.iter().copied().max().unwrap_or(self.opened);
        first_point_after(self.opened + span(t.interval), span(t.interval), served)
    }

    /// The form of payload that this profile sends.
    pub fn payload_is_right(&self, payload: Payload) -> bool {
        match self.policy.transport.map(|t| t.profile) {
            Some(Profile::Strict) => matches!(payload, Payload::Eight(_)),
            Some(Profile::Websockets) => matches!(payload, Payload::Four(_)),
            _ => payload == Payload::Empty,
        }
    }
}
