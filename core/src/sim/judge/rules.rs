//! What the laws say of one connection.

use super::{Step, Watched};
use crate::connection::Phase;
use crate::event::{Fault, Input, Plane, Verdict, VerdictKind};
use crate::policy::{Application, Counts, ListenFor, Policy, Profile, STALL_AFTER_MAX, Transport, Unsolicited};
use crate::time::{Instant, Span};

/// The shortest close handshake (SPEC §4.1).
const CLOSE_TIMEOUT_SHORT: Span = Span::from_secs(1);

const UNREAD: &str = "R11: a peer is given up while its input is unread";

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
                *self = Watched { phase: Phase::Open, since: now, heard: now, beats: super::BeatWatch::opened(now), ..*self };
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
                    self.pings.pong(t, payload);
                }
            }
            Input::Answer(token) => {
                if let Some(ask) = policy.application.as_ref().and_then(|a| a.ask.as_ref()) {
                    self.beats.answer(ask, token, now);
                }
            }
            Input::PingFlushed(payload) => self.pings.flushed(payload, now),
            Input::HeartbeatFlushed(token) => self.beats.flushed(token, now),
            Input::Wrote(n) if n > 0 => {
                self.pings.wrote(now);
                self.beats.wrote(now);
            }
            Input::Unread => self.unread_since = self.unread_since.min(now),
            Input::Fault(Fault::Malformed) => self.malformed += 1,
            Input::Heartbeat(_) | Input::Data => self.malformed = 0,
            _ => {}
        }
        if matches!(input, Input::Answer(_)) {
            self.malformed = 0;
        }
    }

    fn hears_life(&mut self, policy: &Policy, now: Instant, input: Input) {
        let frame = match input {
            Input::Bytes(n) if n > 0 => false,
            Input::Ping | Input::Pong(_) | Input::Heartbeat(_) | Input::Answer(_) | Input::Data => true,
            Input::Fault(Fault::Malformed) => true,
            _ => return,
        };
        if let Some(t) = strict(policy) {
            if frame { self.pings.frame(t) } else { self.pings.bytes(t) }
        }
        if !frame && self.unread_since != Instant::NEVER {
            self.is_read(policy, now);
        }
        let listens = policy.application.and_then(|app| app.listen);
        if listens.is_some_and(|listen| counts(listen.evidence, input)) {
            self.heard = now;
        }
    }
}

impl Watched {
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
        }
        self.unread_since = Instant::NEVER;
    }
}

fn counts(evidence: ListenFor, input: Input) -> bool {
    match evidence {
        ListenFor::Bytes => true,
        ListenFor::Messages => matches!(input, Input::Heartbeat(_) | Input::Answer(_) | Input::Data),
        ListenFor::Heartbeats => matches!(input, Input::Heartbeat(_)),
        ListenFor::Pings => input == Input::Ping,
    }
}

/// What is wrong with a close, if anything.
pub(super) fn wrong_close(policy: &Policy, watched: &Watched, verdict: &Verdict, step: &Step, now: Instant) -> Option<&'static str> {
    let caused = match verdict.kind {
        VerdictKind::PeerSilent | VerdictKind::PeerSlow => return wrong_silence(policy, watched, verdict, step, now),
        VerdictKind::FeedStalled => policy.application.is_some_and(|app| app.feed_timeout.is_some()),
        VerdictKind::TooManyPings => step.input == Some(Input::Ping),
        VerdictKind::Malformed => {
            step.input == Some(Input::Fault(Fault::Malformed)) && watched.malformed > u32::from(policy.limits.malformed_max)
        }
        VerdictKind::TooBig => step.input == Some(Input::Fault(Fault::TooBig)),
        VerdictKind::Protocol => match step.input {
            Some(Input::Answer(_)) => policy.application.and_then(|app| app.ask).is_some_and(|ask| ask.unsolicited == Unsolicited::Refused),
            input => matches!(input, Some(Input::Fault(Fault::Protocol | Fault::Utf8))),
        },
        VerdictKind::Assembly => step.input == Some(Input::Fault(Fault::Assembly)),
        VerdictKind::Handler => step.input == Some(Input::Fault(Fault::Handler)),
        VerdictKind::Lifetime => policy.limits.max_lifetime.is_some(),
        VerdictKind::Drain => step.input == Some(Input::Drain),
        VerdictKind::User => matches!(step.input, Some(Input::UserClose(_))),
        VerdictKind::PeerClosed => matches!(step.input, Some(Input::PeerClose(_))),
        VerdictKind::WriteStalled | VerdictKind::Handshake | VerdictKind::CloseTimeout => false,
    };
    (!caused).then_some("a close without its cause")
}

fn wrong_silence(policy: &Policy, watched: &Watched, verdict: &Verdict, step: &Step, now: Instant) -> Option<&'static str> {
    if watched.unread_since != Instant::NEVER {
        return Some(UNREAD);
    }
    match verdict.plane {
        Plane::Transport => wrong_transport_silence(policy, watched, step, now),
        Plane::Application => wrong_application_silence(policy.application.as_ref(), watched, verdict, step, policy, now),
    }
}

fn wrong_transport_silence(policy: &Policy, watched: &Watched, step: &Step, now: Instant) -> Option<&'static str> {
    // The other profiles keep the known system's way: their vectors hold them to it.
    let t = strict(policy)?;
    if step.stalled > t.stall_after || watched.pings.is_too_late_to_judge(t, now) {
        return Some("R5: a peer is given up although the host had slept");
    }
    let may = watched.pings.may_be_given_up(t, now);
    (!may).then_some("law 12: a peer is given up although no ping stands unanswered for the timeout")
}

fn wrong_application_silence(
    app: Option<&Application>,
    watched: &Watched,
    verdict: &Verdict,
    step: &Step,
    policy: &Policy,
    now: Instant,
) -> Option<&'static str> {
    let Some(app) = app else {
        return Some("a verdict of a plane that is off");
    };
    if step.stalled > application_stall_after(policy) {
        return Some("R5: a peer is given up although the host had slept");
    }
    if app.listen.is_some_and(|listen| now >= watched.heard.after(listen.limit)) {
        return None;
    }
    let asked = app.ask.as_ref().filter(|ask| watched.beats.may_be_given_up(ask, now));
    if asked.is_none() {
        return Some("law 12: a peer is given up although it has answered in time");
    }
    let told = verdict.unanswered == u32::from(watched.beats.unanswered());
    (!told).then_some("R8: a verdict tells another number of unanswered heartbeats")
}

/// What is wrong with an abort, if anything.
pub(super) fn wrong_abort(policy: &Policy, watched: &Watched, verdict: &Verdict, step: &Step, now: Instant) -> Option<&'static str> {
    let limits = &policy.limits;
    let caused = match (watched.phase, verdict.kind) {
        (Phase::Handshake, VerdictKind::Handshake) if watched.unread_since != Instant::NEVER => return Some(UNREAD),
        // A wake-up may have been promised early: the hub was late by no less than this.
        (Phase::Handshake, VerdictKind::Handshake) => {
            let ended = watched.since.after(limits.handshake_timeout);
            now >= ended && now.since(ended) <= handshake_stall_after(policy)
        }
        (Phase::Handshake, VerdictKind::Drain) => step.input == Some(Input::Drain),
        (Phase::Closing | Phase::Echoed, VerdictKind::CloseTimeout) => {
            now >= watched.since.after(limits.close_timeout.min(CLOSE_TIMEOUT_SHORT))
        }
        (Phase::Open, VerdictKind::WriteStalled) => is_stuck(policy, watched, now),
        // Profiles that drop without a close frame.
        (Phase::Open, VerdictKind::PeerSilent | VerdictKind::PeerSlow) => strict(policy).is_none() && policy.transport.is_some(),
        _ => false,
    };
    (!caused).then_some("an abort without its cause")
}

fn is_stuck(policy: &Policy, watched: &Watched, now: Instant) -> bool {
    let ask = policy.application.as_ref().and_then(|app| app.ask.as_ref());
    strict(policy).is_some_and(|t| watched.pings.is_stuck(t, now)) || ask.is_some_and(|ask| watched.beats.is_stuck(ask, now))
}

/// Until when something has to end a connection that does nothing.
pub(super) fn ends_by(policy: &Policy, watched: &Watched) -> Instant {
    match watched.phase {
        Phase::Ended => Instant::NEVER,
        Phase::Handshake | Phase::Open if watched.unread_since != Instant::NEVER => Instant::NEVER,
        Phase::Handshake => watched.since.after(policy.limits.handshake_timeout),
        Phase::Closing | Phase::Echoed => watched.since.after(policy.limits.close_timeout),
        Phase::Open => {
            let transport = strict(policy).map_or(Instant::NEVER, |t| watched.pings.ends_by(t));
            let Some(app) = &policy.application else {
                return transport;
            };
            let asked = app.ask.as_ref().map_or(Instant::NEVER, |ask| watched.beats.ends_by(ask));
            let listened = app.listen.map_or(Instant::NEVER, |listen| watched.heard.after(listen.limit));
            transport.min(asked).min(listened)
        }
    }
}

#[cfg(test)]
mod tests;
