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
        let since = self.counts_from();
        let last_pong = self.last_pong(t).map_or(self.opened, |(ns, _)| ns);
        let heard = self.heard_after(since.2);
        let kind = if heard { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent };
        let (code, reason) = match t.profile {
            Profile::Tornado65 => (Some(1000), "ping timed out"),
            Profile::Websockets => (Some(1011), "keepalive ping timeout"),
            _ => (None, ""),
        };
        let verdict = Verdict {
            plane: Plane::Transport,
            token: since.0.filter(|_| t.profile == Profile::Websockets).map(Token),
            written: Some(at(since.1)),
            unanswered: u32::try_from(self.since_pong().count()).unwrap_or(u32::MAX),
            last_answer: self.last_pong(t).map(|(ns, _)| at(ns)),
            deadline: at(if t.profile == Profile::Tornado64 { last_pong + span(t.timeout) } else { deadline }),
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
        if t.profile == Profile::UWebSockets && (super::is_frame(&input) || matches!(input, Input::Bytes(_))) {
            self.pings.iter_mut().for_each(|p| p.resolved = true);
        }
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
    fn counts_from(&self) -> (Option<u64>, Ns, usize) {
        match self.since_pong().next() {
            Some(ping) => (Some(ping.token), ping.queued, ping.order),
            None => (None, self.opened, 0),
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
            Profile::Tornado65 | Profile::Websockets => {
                last_ping.filter(|p| !p.resolved).map(|p| self.lifted(p.queued + timeout, p.queued))
            }
            Profile::WsRecipe => last_ping.filter(|p| !p.resolved).map(|_| self.grid_point(t)),
            // Its timer starts anew with the ping that the idleness brought.
            Profile::UWebSockets => self.idle_ping().map(|p| self.lifted(p.queued + timeout, p.queued)),
            Profile::GorillaChat => {
                let last = self.ping_answers.last().copied().unwrap_or(self.opened);
                Some(self.lifted(last + timeout, last))
            }
        }
    }

    /// When its next ping is due.
    fn profile_ping_at(&self, t: Transport) -> Option<Ns> {
        let interval = span(t.interval);
        let last_ping = self.pings.last();
        let since_ping = last_ping.map_or(self.opened, |p| p.queued);
        match t.profile {
            Profile::Strict => None,
            Profile::Tornado64 | Profile::WsRecipe => Some(self.grid_point(t)),
            Profile::GorillaChat => Some(self.not_before_change(since_ping + interval, since_ping)),
            Profile::Tornado65 => match last_ping {
                Some(p) if !p.resolved && t.timeout.as_nanos() > 0 => None,
                Some(p) if t.timeout.as_nanos() > 0 => {
                    let pong = self.first_pong_after(p.order);
                    Some(self.not_before_change((p.queued + interval).max(pong.unwrap_or(0)), p.queued))
                }
                _ => Some(self.not_before_change(since_ping + interval, since_ping)),
            },
            Profile::Websockets => match last_ping {
                None => Some(self.not_before_change(self.opened + interval, self.opened)),
                Some(p) if p.resolved => {
                    let due = (p.queued + interval).max(*self.ping_answers.last()?);
                    Some(self.not_before_change(due, p.queued))
                }
                Some(_) => None,
            },
            Profile::UWebSockets => {
                let idle_since = self.last_byte();
                self.idle_ping().is_none().then(|| self.not_before_change(idle_since + interval, idle_since))
            }
        }
    }

    /// The ping that went out because nothing was heard, while nothing is.
    fn idle_ping(&self) -> Option<&super::Sent> {
        self.pings.last().filter(|p| !self.heard_after(p.order))
    }

    fn first_pong_after(&self, sent: usize) -> Option<Ns> {
        let pong = self.inputs.iter().find(|(_, order, i)| *order > sent && matches!(i, Input::Pong(_)));
        pong.map(|(at, _, _)| *at)
    }

    fn grid_point(&self, t: Transport) -> Ns {
        let served = self.ping_visits.iter().copied().max().unwrap_or(self.opened);
        first_point_after(self.opened + self.steps[0], span(t.interval), served)
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
