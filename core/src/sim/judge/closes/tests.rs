//! What is lawful and what is not, case by case.

use super::super::rules::tests::opened;
use super::*;
use crate::event::Token;
use crate::policy::{Ask, Death, Limits, Profile, Transport};

fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn asking(change: impl FnOnce(&mut Ask)) -> Policy {
    let mut ask = Ask::every(Span::from_secs(5), Death::MissesBefore(2));
    change(&mut ask);
    let app = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4000) };
    Policy { application: Some(app), ..Policy::off() }
}

fn verdict(kind: VerdictKind) -> Verdict {
    Verdict::plain(kind, Some(4408), "", at(0), at(0))
}

#[test]
fn a_close_has_its_cause() {
    let aged = Policy { limits: Limits { max_lifetime: Some(Span::from_secs(9)), ..Limits::default() }, ..Policy::off() };
    let refusing = asking(|ask| ask.unsolicited = Unsolicited::Refused);
    let fault = |fault| Some(Input::Fault(fault));
    let cases = [
        (Policy::off(), VerdictKind::FeedStalled, None, false),
        (Policy::off(), VerdictKind::TooManyPings, Some(Input::Ping), false),
        (Policy::off(), VerdictKind::Malformed, fault(Fault::Malformed), false),
        (Policy::off(), VerdictKind::Malformed, fault(Fault::TooBig), false),
        (Policy::off(), VerdictKind::TooBig, fault(Fault::TooBig), true),
        (Policy::off(), VerdictKind::TooBig, fault(Fault::Malformed), false),
        (refusing, VerdictKind::Protocol, Some(Input::Answer(Token(1))), true),
        (asking(|_| {}), VerdictKind::Protocol, Some(Input::Answer(Token(1))), false),
        (Policy::off(), VerdictKind::Protocol, Some(Input::Answer(Token(1))), false),
        (Policy::off(), VerdictKind::Protocol, fault(Fault::Protocol), true),
        (Policy::off(), VerdictKind::Protocol, fault(Fault::Utf8), true),
        (Policy::off(), VerdictKind::Protocol, fault(Fault::Handler), false),
        (Policy::off(), VerdictKind::Assembly, fault(Fault::Assembly), true),
        (Policy::off(), VerdictKind::Assembly, fault(Fault::Handler), false),
        (Policy::off(), VerdictKind::Handler, fault(Fault::Handler), true),
        (Policy::off(), VerdictKind::Handler, fault(Fault::Assembly), false),
        (aged, VerdictKind::Lifetime, None, true),
        (Policy::off(), VerdictKind::Lifetime, None, false),
        (Policy::off(), VerdictKind::Drain, Some(Input::Drain), true),
        (Policy::off(), VerdictKind::Drain, Some(Input::Lost), false),
        (Policy::off(), VerdictKind::User, Some(Input::UserClose(1000)), true),
        (Policy::off(), VerdictKind::User, Some(Input::PeerClose(1000)), false),
        (Policy::off(), VerdictKind::PeerClosed, Some(Input::PeerClose(1000)), true),
        (Policy::off(), VerdictKind::PeerClosed, Some(Input::UserClose(1000)), false),
        (Policy::off(), VerdictKind::WriteStalled, None, false),
        (Policy::off(), VerdictKind::Handshake, None, false),
        (Policy::off(), VerdictKind::CloseTimeout, None, false),
    ];
    for (policy, kind, input, has_cause) in cases {
        let step = Step { input, ..Step::NONE };
        let found = wrong_close(&policy, &opened(), &verdict(kind), &step, at(9));
        assert_eq!(found, (!has_cause).then_some("a close without its cause"), "{kind:?} {input:?}");
    }
}

#[test]
fn an_abort_has_its_cause() {
    let (limits, step) = (Policy::off().limits, Step::NONE);
    let drained = Step { input: Some(Input::Drain), ..step };
    let recipe = Policy { transport: Some(Transport { profile: Profile::WsRecipe, ..Transport::strict() }), ..Policy::off() };
    let cases = [
        (Policy::off(), Phase::Handshake, VerdictKind::Handshake, step, 5, true),
        (Policy::off(), Phase::Handshake, VerdictKind::Handshake, step, 4, false),
        (Policy::off(), Phase::Handshake, VerdictKind::Handshake, step, 11, false),
        (Policy::off(), Phase::Handshake, VerdictKind::Drain, drained, 1, true),
        (Policy::off(), Phase::Handshake, VerdictKind::Drain, step, 1, false),
        (Policy::off(), Phase::Closing, VerdictKind::CloseTimeout, step, 5, true),
        (Policy::off(), Phase::Closing, VerdictKind::CloseTimeout, step, 4, false),
        (Policy::off(), Phase::Echoed, VerdictKind::CloseTimeout, step, 5, true),
        (Policy::off(), Phase::Open, VerdictKind::CloseTimeout, step, 9, false),
        (Policy::off(), Phase::Open, VerdictKind::WriteStalled, step, 99, false),
        (recipe, Phase::Open, VerdictKind::PeerSilent, step, 60, true),
        (Policy::strict(), Phase::Open, VerdictKind::PeerSilent, step, 60, false),
        (Policy::off(), Phase::Open, VerdictKind::PeerSlow, step, 60, false),
    ];
    assert_eq!((limits.handshake_timeout, limits.close_timeout), (Span::from_secs(5), Span::from_secs(5)));
    for (policy, phase, kind, step, secs, has_cause) in cases {
        let watched = Watched { phase, ..opened() };
        let found = wrong_abort(&policy, &watched, &verdict(kind), &step, at(secs));
        assert_eq!(found, (!has_cause).then_some("an abort without its cause"), "{phase:?} {kind:?} at {secs}");
    }
}

#[test]
fn a_flood_is_what_the_judge_counted_as_one() {
    let step = Step { input: Some(Input::Ping), is_flood: true, phase: Phase::Open, ..Step::NONE };
    assert_eq!(wrong_close(&Policy::off(), &opened(), &verdict(VerdictKind::TooManyPings), &step, at(1)), None);
    assert!(has_to_end(&Policy::off(), &opened(), &step));
    assert!(!has_to_end(&Policy::off(), &opened(), &Step { is_flood: false, ..step }));
}

#[test]
fn a_connection_grows_as_old_as_its_lifetime_less_a_tenth_or_older() {
    let aged = Policy { limits: Limits { max_lifetime: Some(Span::from_secs(100)), ..Limits::default() }, ..Policy::off() };
    let found = |secs| wrong_close(&aged, &opened(), &verdict(VerdictKind::Lifetime), &Step::NONE, at(secs));
    assert_eq!((found(89), found(90)), (Some(CAUSELESS), None));
}

#[test]
fn a_stalled_feed_is_given_up_in_time_read_to_its_end_and_by_nobody_who_slept() {
    let app = Application { ask: None, listen: None, answers_peer: true, feed_timeout: Some(Span::from_secs(9)), close_code: None };
    let policy = Policy { application: Some(app), ..Policy::off() };
    let mut fed = opened();
    fed.hears(&policy, at(1), Input::Heartbeat(Token(1)));
    let found = |watched: &Watched, step: &Step, secs| wrong_close(&policy, watched, &verdict(VerdictKind::FeedStalled), step, at(secs));
    assert_eq!((found(&fed, &Step::NONE, 8), found(&fed, &Step::NONE, 9), found(&fed, &Step::NONE, 14)), (Some(CAUSELESS), None, None));
    assert_eq!(found(&fed, &Step::NONE, 15), Some(SLEPT));
    assert_eq!(found(&fed, &Step { stalled: Span::from_secs(6), ..Step::NONE }, 9), Some(SLEPT));
    assert_eq!(found(&Watched { unread_since: at(8), ..fed }, &Step::NONE, 9), Some(UNREAD));
}

#[test]
fn a_stalled_transport_is_given_up_in_time_and_by_nobody_who_slept() {
    let stall = verdict(VerdictKind::WriteStalled);
    let mut pinged = opened();
    let transport = Transport::strict();
    assert_eq!(pinged.pings.sent(&transport, crate::event::Payload::Eight(1), at(15), None), None);
    let mut beaten = opened();
    let policy = asking(|_| {});
    let sent = policy.application.and_then(|app| app.ask).and_then(|ask| beaten.beats.sent(&ask, Token(1), at(5), Span::ZERO, false));
    assert_eq!(sent, None);
    for (policy, watched, over) in [(Policy::strict(), pinged, 55), (policy, beaten, 15)] {
        let found = |secs| wrong_abort(&policy, &watched, &stall, &Step::NONE, at(secs));
        assert_eq!(found(over - 1), Some("an abort without its cause"));
        assert_eq!((found(over), found(over + 5), found(over + 6)), (None, None, Some(SLEPT)));
    }
}

#[test]
fn a_close_says_what_the_rules_say() {
    let told = |policy: &Policy, kind, plane, input, code, reason| {
        let step = Step { input, phase: Phase::Open, ..Step::NONE };
        let verdict = Verdict { plane, ..Verdict::plain(kind, code, reason, at(1), at(0)) };
        wrong_words(policy, &opened(), &verdict, &step, at(1)).is_none()
    };
    let (off, strict) = (Policy::off(), Policy::strict());
    let fault = |fault| Some(Input::Fault(fault));
    let cases = [
        (&strict, VerdictKind::PeerSilent, Plane::Transport, None, Some(4408), "heartbeat timeout"),
        (&asking(|_| {}), VerdictKind::PeerSlow, Plane::Application, None, Some(4000), "heartbeat timeout"),
        (&off, VerdictKind::FeedStalled, Plane::Application, None, Some(4409), "feed stalled"),
        (&off, VerdictKind::TooManyPings, Plane::Transport, Some(Input::Ping), Some(1008), "too many pings"),
        (&off, VerdictKind::Malformed, Plane::Transport, fault(Fault::Malformed), Some(1007), ""),
        (&off, VerdictKind::TooBig, Plane::Transport, fault(Fault::TooBig), Some(1009), ""),
        (&off, VerdictKind::Protocol, Plane::Transport, fault(Fault::Protocol), Some(1002), ""),
        (&off, VerdictKind::Protocol, Plane::Transport, fault(Fault::Utf8), Some(1007), ""),
        (&off, VerdictKind::Assembly, Plane::Transport, fault(Fault::Assembly), Some(1008), ""),
        (&off, VerdictKind::Handler, Plane::Transport, fault(Fault::Handler), Some(1011), ""),
        (&off, VerdictKind::Lifetime, Plane::Transport, None, Some(1012), "please reconnect"),
        (&off, VerdictKind::Drain, Plane::Transport, Some(Input::Drain), Some(1001), "going away"),
        (&off, VerdictKind::User, Plane::Transport, Some(Input::UserClose(3000)), Some(3000), ""),
        (&off, VerdictKind::User, Plane::Transport, Some(Input::UserClose(0)), None, ""),
        (&off, VerdictKind::PeerClosed, Plane::Transport, Some(Input::PeerClose(1000)), Some(1000), ""),
        (&off, VerdictKind::PeerClosed, Plane::Transport, Some(Input::PeerClose(1005)), Some(1002), ""),
        (&off, VerdictKind::PeerClosed, Plane::Transport, Some(Input::PeerClose(0)), None, ""),
        (&off, VerdictKind::CloseTimeout, Plane::Transport, None, None, ""),
    ];
    for (policy, kind, plane, input, code, reason) in cases {
        assert!(told(policy, kind, plane, input, code, reason), "{kind:?} {input:?}");
        assert!(!told(policy, kind, plane, input, Some(1234), reason), "{kind:?} {input:?}");
        let has_reason = code.is_some_and(|code| matches!(code, 4000 | 4408 | 4409 | 1001 | 1012) || kind == VerdictKind::TooManyPings);
        assert_eq!(told(policy, kind, plane, input, code, "because"), !has_reason, "{kind:?}");
    }
    let silent = asking(|_| {}).application.map(|app| Application { close_code: None, ..app });
    assert!(told(&Policy { application: silent, ..off }, VerdictKind::PeerSilent, Plane::Application, None, None, ""));
    assert!(told(&off, VerdictKind::PeerSilent, Plane::Transport, None, Some(1000), "a profile's own"));
    assert!(told(&off, VerdictKind::User, Plane::Transport, None, Some(1000), ""), "what nobody asked for has its own breach");
}

#[test]
fn a_verdict_tells_its_time_and_the_last_byte() {
    let found = |change: fn(&mut Verdict)| {
        let mut verdict = Verdict::plain(VerdictKind::CloseTimeout, None, "", at(9), at(0));
        change(&mut verdict);
        wrong_words(&Policy::off(), &opened(), &verdict, &Step::NONE, at(9))
    };
    assert_eq!(found(|_| {}), None);
    assert_eq!(found(|v| v.deadline = at(5)), None);
    assert_eq!(found(|v| v.now = at(8)), Some("R8: a verdict is of another time"));
    assert_eq!(found(|v| v.deadline = at(10)), Some("R8: a verdict is of another time"));
    assert_eq!(found(|v| v.last_byte = at(1)), Some("R8: a verdict tells another last byte"));
}
