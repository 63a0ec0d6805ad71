//! What the laws say of one connection.

use super::{PingWatch, Watched};
use crate::connection::Phase;
use crate::event::{Fault, Input};
use crate::policy::{Ask, Counts, ListenFor, Policy, Profile, STALL_AFTER_MAX, Timing, Transport};
use crate::time::{Instant, Span};

/// The shortest close handshake (SPEC §4.1).
const CLOSE_TIMEOUT_SHORT: Span = Span::from_secs(1);

/// The transport plane, where all rules hold.
pub(super) fn strict(policy: &Policy) -> Option<&Transport> {
    policy.transport.as_ref().filter(|t| t.profile == Profile::Strict)
}

pub(super) fn transport_stall_after(policy: &Policy) -> Span {
    strict(policy).map_or(Span::MAX, |t| t.stall_after)
}

/// The lateness from which on no handshake is given up.
pub(super) fn handshake_stall_after(policy: &Policy) -> Span {
    STALL_AFTER_MAX.min(policy.limits.handshake_timeout)
}

/// The lateness from which on the application plane judges nobody.
pub(super) fn application_stall_after(policy: &Policy) -> Span {
    let Some(app) = &policy.application else {
        return Span::MAX;
    };
    match (&app.ask, &app.listen) {
        (Some(ask), _) if ask.counts == Counts::Queued => Span::MAX,
        (Some(ask), _) => ask.stall_after,
        (None, listen) => listen.map_or(STALL_AFTER_MAX, |l| STALL_AFTER_MAX.min(l.limit)),
    }
}

impl Watched {
    /// An input goes in.
    pub(super) fn hears(&mut self, policy: &Policy, now: Instant, input: Input) {
        match (self.phase, input) {
            (_, Input::Lost) | (Phase::Closing, Input::PeerClose(_)) => self.phase = Phase::Ended,
            (Phase::Handshake, Input::Opened) => {
                let pings = strict(policy).map_or(PingWatch::NEW, |t| PingWatch::opened(t, now));
                let mut beats = super::BeatWatch::opened(now);
                if let Some(ask) = policy.application.as_ref().and_then(|app| app.ask.as_ref()) {
                    beats.starts(ask, now, false);
                }
                *self = Watched { phase: Phase::Open, since: now, heard: now, fed_at: now, last_byte: now, pings, beats, ..*self };
            }
            (Phase::Handshake, Input::Unread) => self.unread_since = self.unread_since.min(now),
            (Phase::Handshake, Input::Bytes(n)) if n > 0 => self.hears_request(policy, now),
            (Phase::Open, input) => self.hears_open(policy, now, input),
            _ => {}
        }
    }

    /// The request is read. For as long as it lay unread its peer could not go on: that is no time of the peer's, and if the time
    /// was over meanwhile it is over now (R11).
    fn hears_request(&mut self, policy: &Policy, now: Instant) {
        if self.unread_since != Instant::NEVER {
            let since = self.since.after(now.since(self.unread_since));
            (self.since, self.unread_since) = (since.max(now.before(policy.limits.handshake_timeout)), Instant::NEVER);
        }
    }

    fn hears_open(&mut self, policy: &Policy, now: Instant, input: Input) {
        self.hears_life(policy, now, input);
        match input {
            Input::Pong(payload) => {
                if let Some(t) = strict(policy) {
                    self.pings.pong(t, payload, now);
                }
            }
            Input::PingFlushed(payload) => {
                if let Some(t) = strict(policy) {
                    self.pings.flushed(t, payload, now);
                }
            }
            Input::Wrote(n) if n > 0 => {
                self.pings.wrote(now);
                self.beats.wrote(now);
            }
            Input::Unread => {
                self.unread_since = self.unread_since.min(now);
                self.beats.lies_unread();
            }
            Input::Fault(Fault::Malformed) => self.malformed += 1,
            Input::Heartbeat(_) | Input::Data | Input::Ready | Input::Answer(_) => self.malformed = 0,
            Input::PeerClose(_) => self.last_byte = now,
            _ => {}
        }
        if let Some(ask) = policy.application.as_ref().and_then(|app| app.ask.as_ref()) {
            self.hears_asking(ask, now, input);
        }
    }

    fn hears_asking(&mut self, ask: &Ask, now: Instant, input: Input) {
        if matches!(input, Input::Heartbeat(_) | Input::Data | Input::Ready | Input::Answer(_)) {
            self.beats.put_off(ask, Timing::AfterIdle, now);
        }
        match input {
            Input::Answer(token) => self.beats.answer(ask, token, now),
            Input::HeartbeatFlushed(token) => self.beats.flushed(ask, token, now),
            Input::Sent => self.beats.put_off(ask, Timing::AfterSilence, now),
            Input::Ready => self.beats.starts(ask, now, true),
            _ => {}
        }
    }

    fn hears_life(&mut self, policy: &Policy, now: Instant, input: Input) {
        let frame = match input {
            Input::Bytes(n) if n > 0 => false,
            Input::Ping | Input::Pong(_) | Input::Heartbeat(_) | Input::Answer(_) | Input::Data | Input::Ready => true,
            Input::Fault(Fault::Malformed) => true,
            _ => return,
        };
        self.last_byte = now;
        self.beats.hears();
        if let Some(t) = strict(policy) {
            if frame { self.pings.frame(t, now) } else { self.pings.bytes(t, now) }
        }
        if !frame && self.unread_since != Instant::NEVER {
            self.is_read(policy, now);
        }
        if is_delivered(policy, input) {
            (self.fed_at, self.is_unfed) = (now, false);
        } else if matches!(input, Input::Heartbeat(_)) {
            self.hears_heartbeat(policy, now);
        }
        let listens = policy.application.and_then(|app| app.listen);
        if listens.is_some_and(|listen| counts(listen.evidence, input)) {
            self.heard = now;
        }
    }
}

impl Watched {
    /// Heartbeats flow: from now on data has to flow as well. What has been missing for long is missed from now.
    fn hears_heartbeat(&mut self, policy: &Policy, now: Instant) {
        if !self.is_unfed && now > self.fed_at {
            self.is_unfed = true;
            self.misses_data(policy, now);
        }
    }

    fn misses_data(&mut self, policy: &Policy, now: Instant) {
        if let Some(timeout) = policy.application.and_then(|app| app.feed_timeout) {
            self.fed_at = self.fed_at.max(now.before(timeout));
        }
    }

    /// The host slept on the application plane (R5).
    pub(super) fn slept(&mut self, now: Instant) {
        self.beats.rebase(now);
        (self.heard, self.fed_at, self.is_unfed) = (now, now, false);
    }

    /// When the feed counts as stalled.
    pub(super) fn feed_stalls_at(&self, policy: &Policy) -> Instant {
        let timeout = policy.application.and_then(|app| app.feed_timeout).filter(|_| self.is_unfed);
        timeout.map_or(Instant::NEVER, |timeout| self.fed_at.after(timeout))
    }

    /// How long the close handshake takes: less where the plane of pings gave up a peer of which no byte had come for twice the
    /// timeout (SPEC §4.1).
    pub(super) fn closing_takes(&self, policy: &Policy) -> Span {
        let dead = strict(policy).is_some_and(|t| self.is_mute && self.since.since(self.last_byte) >= t.timeout.times(2));
        let limit = policy.limits.close_timeout;
        if dead { limit.min(CLOSE_TIMEOUT_SHORT) } else { limit }
    }

    /// All that had arrived is read: what ran out meanwhile runs out now.
    fn is_read(&mut self, policy: &Policy, now: Instant) {
        if let Some(t) = strict(policy) {
            self.pings.lift(t, now);
        }
        if let Some(app) = &policy.application {
            if let Some(ask) = &app.ask {
                self.beats.is_read(ask, now, now.since(self.unread_since));
            }
            self.heard = app.listen.map_or(self.heard, |listen| self.heard.max(now.before(listen.limit)));
            self.misses_data(policy, now);
        }
        self.unread_since = Instant::NEVER;
    }
}

fn counts(evidence: ListenFor, input: Input) -> bool {
    match evidence {
        ListenFor::Bytes => true,
        ListenFor::Messages => matches!(input, Input::Heartbeat(_) | Input::Answer(_) | Input::Data | Input::Ready),
        ListenFor::Heartbeats => matches!(input, Input::Heartbeat(_)),
        ListenFor::Pings => input == Input::Ping,
    }
}

/// Whether `input` is a message for the user.
pub(super) fn is_delivered(policy: &Policy, input: Input) -> bool {
    match input {
        Input::Data | Input::Ready => true,
        Input::Heartbeat(_) => policy.application.is_none(),
        Input::Answer(_) => policy.application.and_then(|app| app.ask).is_none(),
        _ => false,
    }
}

/// Until when something has to end a connection that does nothing.
pub(super) fn ends_by(policy: &Policy, watched: &Watched) -> Instant {
    let is_unread = watched.unread_since != Instant::NEVER;
    match watched.phase {
        Phase::Handshake if !is_unread => watched.since.after(policy.limits.handshake_timeout),
        Phase::Ended | Phase::Handshake => Instant::NEVER,
        Phase::Closing | Phase::Echoed => watched.since.after(watched.closing_takes(policy)),
        Phase::Open if is_unread => open_ends_by(policy, watched),
        Phase::Open => open_ends_by(policy, watched).min(silent_by(policy, watched)),
    }
}

/// By what the peer does not say it is not kept: its age, and a transport that takes no byte.
fn open_ends_by(policy: &Policy, watched: &Watched) -> Instant {
    let ask = policy.application.as_ref().and_then(|app| app.ask.as_ref());
    let aged = policy.limits.max_lifetime.map_or(Instant::NEVER, |life| watched.since.after(life).after(life.part(10)));
    let stuck = strict(policy).map_or(Instant::NEVER, |t| watched.pings.stuck_by(t));
    aged.min(stuck).min(ask.map_or(Instant::NEVER, |ask| watched.beats.stuck_by(ask)))
}

fn silent_by(policy: &Policy, watched: &Watched) -> Instant {
    let transport = strict(policy).map_or(Instant::NEVER, |t| watched.pings.silent_by(t));
    let Some(app) = &policy.application else {
        return transport;
    };
    let asked = app.ask.as_ref().map_or(Instant::NEVER, |ask| watched.beats.silent_by(ask));
    let listened = app.listen.map_or(Instant::NEVER, |listen| watched.heard.after(listen.limit));
    transport.min(asked).min(listened).min(watched.feed_stalls_at(policy))
}

/// Law 14: by when the next ping or heartbeat has to be sent.
pub(super) fn owed_by(policy: &Policy, watched: &Watched) -> Instant {
    if watched.phase != Phase::Open {
        return Instant::NEVER;
    }
    let ask = policy.application.as_ref().and_then(|app| app.ask.as_ref());
    let ping = strict(policy).map_or(Instant::NEVER, |t| watched.pings.owed_by(t, watched.last_byte));
    ping.min(ask.map_or(Instant::NEVER, |ask| watched.beats.owed_by(ask)))
}

#[cfg(test)]
pub(super) mod tests;
