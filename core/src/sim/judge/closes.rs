//! What a close and an abort have to be: their cause, their time, their words.

use super::pings::HEARD;
use super::rules::{application_stall_after, handshake_stall_after, strict};
use super::{Step, Watched};
use crate::connection::Phase;
use crate::event::{Fault, Input, Plane, Verdict, VerdictKind};
use crate::policy::{Application, Policy, Unsolicited};
use crate::time::{Instant, Span};

const CAUSELESS: &str = "a close without its cause";
const SLEPT: &str = "R5: a peer is given up although the host had slept";
const UNREAD: &str = "R11: a peer is given up while its input is unread";

/// What is wrong with a close, if anything.
pub(super) fn wrong_close(policy: &Policy, watched: &Watched, verdict: &Verdict, step: &Step, now: Instant) -> Option<&'static str> {
    let caused = match verdict.kind {
        VerdictKind::PeerSilent | VerdictKind::PeerSlow => return wrong_silence(policy, watched, verdict, step, now),
        VerdictKind::FeedStalled => return wrong_feed(policy, watched, step, now),
        VerdictKind::TooManyPings => step.is_flood,
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
        VerdictKind::Lifetime => {
            let earliest = |life: Span| watched.since.after(life.minus(life.part(10)));
            policy.limits.max_lifetime.is_some_and(|life| now >= earliest(life))
        }
        VerdictKind::Drain => step.input == Some(Input::Drain),
        VerdictKind::User => matches!(step.input, Some(Input::UserClose(_))),
        VerdictKind::PeerClosed => matches!(step.input, Some(Input::PeerClose(_))),
        VerdictKind::WriteStalled | VerdictKind::Handshake | VerdictKind::CloseTimeout => false,
    };
    (!caused).then_some(CAUSELESS)
}

/// Heartbeats flow, and no data came for as long as may be.
fn wrong_feed(policy: &Policy, watched: &Watched, step: &Step, now: Instant) -> Option<&'static str> {
    if watched.unread_since != Instant::NEVER {
        return Some(UNREAD);
    }
    let over = watched.feed_stalls_at(policy);
    if step.stalled.max(now.since(over)) > application_stall_after(policy) {
        return Some(SLEPT);
    }
    (now < over).then_some(CAUSELESS)
}

fn wrong_silence(policy: &Policy, watched: &Watched, verdict: &Verdict, step: &Step, now: Instant) -> Option<&'static str> {
    if watched.unread_since != Instant::NEVER {
        return Some(UNREAD);
    }
    match verdict.plane {
        Plane::Transport => wrong_transport_silence(policy, watched, verdict, step, now),
        Plane::Application => wrong_application_silence(policy.application.as_ref(), watched, verdict, step, policy, now),
    }
}

fn wrong_transport_silence(policy: &Policy, watched: &Watched, verdict: &Verdict, step: &Step, now: Instant) -> Option<&'static str> {
    // The other profiles keep the known system's way: their vectors hold them to it.
    let t = strict(policy)?;
    if step.stalled > t.stall_after || watched.pings.is_too_late_to_judge(t, now) {
        return Some(SLEPT);
    }
    let may = watched.pings.may_be_given_up(t, now);
    if !may {
        return Some("law 12: a peer is given up although no ping stands unanswered for the timeout");
    }
    watched.pings.wrong_facts(verdict)
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
    let listened_for = app.listen.map_or(Instant::NEVER, |listen| watched.heard.after(listen.limit));
    let too_late = now.since(listened_for) > application_stall_after(policy)
        || app.ask.as_ref().is_some_and(|ask| watched.beats.is_too_late_to_judge(ask, now));
    if step.stalled > application_stall_after(policy) || too_late {
        return Some(SLEPT);
    }
    if now >= listened_for {
        let is_slow = watched.last_byte > watched.heard;
        return (app.ask.is_none() && is_slow != (verdict.kind == VerdictKind::PeerSlow)).then_some(HEARD);
    }
    match app.ask.as_ref().filter(|ask| watched.beats.may_be_given_up(ask, now)) {
        Some(_) => watched.beats.wrong_facts(verdict),
        None => Some("law 12: a peer is given up although it has answered in time"),
    }
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
        (Phase::Closing | Phase::Echoed, VerdictKind::CloseTimeout) => now >= watched.since.after(watched.closing_takes(policy)),
        (Phase::Open, VerdictKind::WriteStalled) => return wrong_stall(policy, watched, step, now),
        // Profiles that drop without a close frame.
        (Phase::Open, VerdictKind::PeerSilent | VerdictKind::PeerSlow) => strict(policy).is_none() && policy.transport.is_some(),
        _ => false,
    };
    (!caused).then_some("an abort without its cause")
}

/// R6: it stood unwritten, and the transport took no byte, for as long as may be.
fn wrong_stall(policy: &Policy, watched: &Watched, step: &Step, now: Instant) -> Option<&'static str> {
    let ask = policy.application.as_ref().and_then(|app| app.ask.as_ref());
    let slept = |since: Instant, stall_after: Span| step.stalled.max(now.since(since)) > stall_after;
    let ping = strict(policy).filter(|t| watched.pings.is_stuck(t, now));
    let beat = ask.filter(|ask| watched.beats.is_stuck(ask, now));
    match (ping, beat) {
        (Some(t), _) => slept(watched.pings.stuck_by(t), t.stall_after).then_some(SLEPT),
        (None, Some(ask)) => slept(watched.beats.stuck_by(ask), application_stall_after(policy)).then_some(SLEPT),
        (None, None) => Some("an abort without its cause"),
    }
}

/// What is wrong with what a verdict says of itself, whatever its cause, if anything (R8, RFC 6455 §7.4).
pub(super) fn wrong_words(policy: &Policy, watched: &Watched, verdict: &Verdict, step: &Step, now: Instant) -> Option<&'static str> {
    // Whoever ends a handshake from outside does not wait for its end.
    if verdict.now != now || verdict.deadline > now && step.input.is_none() {
        return Some("R8: a verdict is of another time");
    }
    if verdict.last_byte != watched.last_byte {
        return Some("R8: a verdict tells another last byte");
    }
    let (code, reason) = words(policy, verdict, step)?;
    (verdict.code != code || reason.is_some_and(|reason| verdict.reason != reason)).then_some("R8: a close with another code or reason")
}

/// The code that this verdict closes with, and its reason, where a rule names one.
fn words(policy: &Policy, verdict: &Verdict, step: &Step) -> Option<(Option<u16>, Option<&'static str>)> {
    let coded = |code, reason| Some((Some(code), reason));
    match verdict.kind {
        VerdictKind::PeerSilent | VerdictKind::PeerSlow => match verdict.plane {
            // Profiles keep their own.
            Plane::Transport => strict(policy).and_then(|t| coded(t.close_code, Some("heartbeat timeout"))),
            Plane::Application => {
                let code = policy.application.as_ref()?.close_code;
                Some((code, Some(if code.is_some() { "heartbeat timeout" } else { "" })))
            }
        },
        VerdictKind::FeedStalled => coded(4409, Some("feed stalled")),
        VerdictKind::TooManyPings | VerdictKind::Assembly => {
            coded(1008, (verdict.kind == VerdictKind::TooManyPings).then_some("too many pings"))
        }
        VerdictKind::Malformed => coded(1007, None),
        VerdictKind::TooBig => coded(1009, None),
        VerdictKind::Protocol => coded(if step.input == Some(Input::Fault(Fault::Utf8)) { 1007 } else { 1002 }, None),
        VerdictKind::Handler => coded(1011, None),
        VerdictKind::Lifetime => coded(1012, Some("please reconnect")),
        VerdictKind::Drain if step.phase == Phase::Open => coded(1001, Some("going away")),
        VerdictKind::PeerClosed | VerdictKind::User => match step.input? {
            Input::UserClose(0) | Input::PeerClose(0) => Some((None, None)),
            Input::UserClose(code) | Input::PeerClose(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => coded(code, None),
            _ => coded(1002, None),
        },
        VerdictKind::Drain | VerdictKind::WriteStalled | VerdictKind::Handshake | VerdictKind::CloseTimeout => Some((None, None)),
    }
}

/// Whether the input of this step has to end the connection, whatever else there is.
pub(super) fn has_to_end(policy: &Policy, watched: &Watched, step: &Step) -> bool {
    match step.input {
        Some(Input::Drain | Input::UserClose(_)) => true,
        _ if step.phase != Phase::Open => false,
        Some(Input::Fault(Fault::Malformed)) => watched.malformed > u32::from(policy.limits.malformed_max),
        Some(Input::PeerClose(_) | Input::Fault(_)) => true,
        _ => step.is_flood,
    }
}

#[cfg(test)]
mod tests;
