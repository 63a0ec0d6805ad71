//! What is lawful and what is not, case by case.

use super::super::{BeatWatch, PingWatch};
use super::*;
use crate::event::Token;
use crate::policy::{Ask, Death, Limits, Listen};

fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn asking(change: impl FnOnce(&mut Ask)) -> Policy {
    let mut ask = Ask::every(Span::from_secs(5), Death::MissesBefore(2));
    change(&mut ask);
    application(Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: None })
}

fn listening(evidence: ListenFor) -> Policy {
    let listen = Some(Listen { limit: Span::from_secs(9), evidence });
    application(Application { ask: None, listen, answers_peer: true, feed_timeout: None, close_code: None })
}

fn application(application: Application) -> Policy {
    Policy { application: Some(application), ..Policy::off() }
}

/// What is known of a connection that was opened at 0.
fn opened() -> Watched {
    Watched {
        generation: 0,
        phase: Phase::Open,
        since: at(0),
        heard: at(0),
        unread_since: Instant::NEVER,
        malformed: 0,
        pings: PingWatch::NEW,
        beats: BeatWatch::opened(at(0)),
    }
}

fn verdict(kind: VerdictKind) -> Verdict {
    Verdict::plain(kind, Some(4408), "", at(0), at(0))
}

#[test]
fn a_close_has_its_cause() {
    let feed = |feed_timeout| application(Application { ask: None, listen: None, answers_peer: true, feed_timeout, close_code: None });
    let aged = Policy { limits: Limits { max_lifetime: Some(Span::from_secs(9)), ..Limits::default() }, ..Policy::off() };
    let refusing = asking(|ask| ask.unsolicited = Unsolicited::Refused);
    let fault = |fault| Some(Input::Fault(fault));
    let cases = [
        (feed(Some(Span::from_secs(9))), VerdictKind::FeedStalled, None, true),
        (feed(None), VerdictKind::FeedStalled, None, false),
        (Policy::off(), VerdictKind::TooManyPings, Some(Input::Ping), true),
        (Policy::off(), VerdictKind::TooManyPings, Some(Input::Data), false),
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
        let found = wrong_close(&policy, &opened(), &verdict(kind), &step, at(1));
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
        (Policy::off(), Phase::Closing, VerdictKind::CloseTimeout, step, 1, true),
        (Policy::off(), Phase::Closing, VerdictKind::CloseTimeout, step, 0, false),
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
fn who_is_listened_for_lives_by_what_is_listened_for() {
    let inputs = [Input::Bytes(1), Input::Ping, Input::Data, Input::Answer(Token(1)), Input::Heartbeat(Token(1))];
    for (evidence, heard) in [
        (ListenFor::Bytes, [true, true, true, true, true]),
        (ListenFor::Messages, [false, false, true, true, true]),
        (ListenFor::Heartbeats, [false, false, false, false, true]),
        (ListenFor::Pings, [false, true, false, false, false]),
    ] {
        let lives = inputs.map(|input| {
            let mut watched = opened();
            watched.hears(&listening(evidence), at(4), input);
            watched.heard == at(4)
        });
        assert_eq!(lives, heard, "{evidence:?}");
    }
}

#[test]
fn no_bytes_are_no_life_and_no_progress() {
    let policy = listening(ListenFor::Bytes);
    let mut watched = opened();
    watched.hears(&policy, at(4), Input::Bytes(0));
    assert_eq!(watched.heard, at(0));
    let asking = asking(|_| {});
    let mut stuck = opened();
    let ask = asking.application.and_then(|app| app.ask);
    assert_eq!(ask.and_then(|ask| stuck.beats.sent(&ask, Token(1), at(5), Span::ZERO, false)), None);
    stuck.hears(&asking, at(14), Input::Wrote(0));
    assert!(is_stuck(&asking, &stuck, at(15)));
    stuck.hears(&asking, at(14), Input::Wrote(1));
    assert!(!is_stuck(&asking, &stuck, at(15)));
}

#[test]
fn what_counts_from_its_queueing_knows_no_sleep_of_the_host() {
    assert_eq!(application_stall_after(&asking(|ask| ask.counts = Counts::Queued)), Span::MAX);
    assert_eq!(application_stall_after(&asking(|_| {})), Span::from_secs(5));
    assert_eq!(application_stall_after(&listening(ListenFor::Bytes)), Span::from_secs(5));
    assert_eq!((application_stall_after(&Policy::strict()), transport_stall_after(&Policy::strict())), (Span::MAX, Span::from_secs(5)));
}

#[test]
fn all_that_is_read_runs_out_when_it_is_read_and_not_before() {
    let policy = Policy { application: listening(ListenFor::Heartbeats).application, ..Policy::strict() };
    let mut watched = opened();
    watched.hears(&policy, at(8), Input::Unread);
    assert_eq!(ends_by(&policy, &watched), Instant::NEVER);
    watched.hears(&policy, at(60), Input::Bytes(1));
    assert_eq!(ends_by(&policy, &watched), at(60));
    // Where nobody asks and nobody is listened for, reading moves nothing.
    let mut watched = opened();
    watched.hears(&Policy::off(), at(8), Input::Unread);
    watched.hears(&Policy::off(), at(60), Input::Bytes(1));
    assert_eq!((watched.heard, watched.unread_since), (at(0), Instant::NEVER));
}
