//! What the laws ask for, not done before its eyes, or done twice; and what a verdict has to tell.

use super::*;

#[test]
fn law_14_what_is_due_is_sent() {
    for policy in [Policy::strict(), asking()] {
        Court::of(policy.clone()).tick(5, &[]).sweeps().finds(&[]);
        Court::of(policy).tick(21, &[]).sweeps().0.breaches.iter().for_each(|b| assert!([OWED, LATE].contains(&b.what), "{b:?}"));
    }
    let mut court = Court::of(Policy::strict());
    court.tick(21, &[]).sweeps().finds(&[OWED]);
    let mut court = Court::of(asking());
    court.tick(6, &[]).sweeps().finds(&[OWED]);
    let mut court = Court::of(Policy::strict());
    court.pinged().hears(16, Input::Bytes(1)).tick(36, &[ping(2)]).finds(&[OWED, "pings are not an interval apart"]);
}

#[test]
fn nothing_is_sent_before_its_time_or_on_a_plane_that_is_off() {
    Court::of(Policy::strict()).tick(9, &[ping(1)]).finds(&["the first ping is too early"]);
    Court::of(Policy::strict()).tick(10, &[ping(1)]).finds(&[]);
    Court::of(asking()).beats(5, 1).beats(7, 2).finds(&["heartbeats are not a period apart"]);
    Court::of(Policy::off()).tick(15, &[ping(1), Action::Heartbeat(Token(1))]).finds(&[OFF, OFF]);
}

#[test]
fn an_input_that_ends_its_connection_does() {
    let faults = [Fault::TooBig, Fault::Protocol, Fault::Utf8, Fault::Assembly, Fault::Handler].map(Input::Fault);
    for input in [Input::Drain, Input::UserClose(1000), Input::PeerClose(1000)].into_iter().chain(faults) {
        Court::of(Policy::off()).settles(1, input, &[]).finds(&[IGNORED]);
    }
    Court::of(Policy::off()).settles(1, Input::Fault(Fault::Malformed), &[]).finds(&[]);
    Court::of(Policy::off())
        .settles(1, Input::Drain, &[Action::Close(Verdict { reason: "going away", ..verdict(VerdictKind::Drain, Some(1001)) })])
        .finds(&[]);
    for input in [Input::Drain, Input::Data] {
        let mut court = Court(Judge::new(Policy::off(), Instant::NEVER));
        court.0.accepted(ONE, at(0));
        court.settles(1, input, &[]).finds(if input == Input::Drain { &[IGNORED] } else { &[] });
    }
}

#[test]
fn a_flood_of_pings_closes_and_fewer_do_not() {
    let closes = |pings: u32, actions: &[Action]| {
        let mut court = Court::of(Policy::off());
        for _ in 1..pings {
            court.settles(1, Input::Ping, &[]);
        }
        court.settles(1, Input::Ping, actions);
        court.0.breaches.first().map(|breach| breach.what)
    };
    let close = [Action::Close(Verdict { reason: "too many pings", ..verdict(VerdictKind::TooManyPings, Some(1008)) })];
    assert_eq!((closes(52, &[]), closes(53, &close)), (None, None));
    assert_eq!((closes(52, &close), closes(53, &[])), (Some("a close without its cause"), Some(IGNORED)));
}

#[test]
fn a_message_is_delivered_once_and_nothing_else_is() {
    let once = ["a message is delivered once, and nothing else is"];
    for (policy, input, is_message) in [
        (asking(), Input::Data, true),
        (asking(), Input::Ready, true),
        (asking(), Input::Answer(Token(1)), false),
        (Policy::off(), Input::Answer(Token(1)), true),
        (Policy::off(), Input::Heartbeat(Token(1)), true),
        (Policy::off(), Input::Bytes(1), false),
    ] {
        for (actions, is_one) in [(&[][..], false), (&[Action::Deliver], true), (&[Action::Deliver, Action::Deliver], false)] {
            let is_lawful = if is_message { is_one } else { actions.is_empty() };
            Court::of(policy.clone()).settles(1, input, actions).finds(if is_lawful { &[] } else { &once });
        }
    }
    Court::of(Policy::off())
        .settles(1, Input::UserPing, &[Action::UserPing])
        .settles(1, Input::Bytes(1), &[Action::UserPing])
        .finds(&["a ping of nobody's"]);
}

#[test]
fn r8_a_verdict_tells_which_ping_when_written_and_whether_anything_was_heard() {
    let found = |change: fn(&mut Verdict)| {
        let mut verdict = mute(15);
        change(&mut verdict);
        let mut court = Court::of(Policy::strict());
        court.pinged().tick(35, &[Action::Close(verdict)]);
        court.0.breaches.first().map(|breach| breach.what)
    };
    assert_eq!(found(|_| {}), None);
    assert_eq!(found(|v| v.unanswered = 2), Some("R8: a verdict tells another number of unanswered pings"));
    assert_eq!(found(|v| v.written = Some(at(14))), Some("R8: a verdict tells another time of writing"));
    assert_eq!(found(|v| v.token = None), Some("R8: a verdict tells of another ping"));
    assert_eq!(found(|v| v.kind = VerdictKind::PeerSlow), Some(pings::HEARD));
    assert_eq!(found(|v| v.code = Some(1000)), Some("R8: a close with another code or reason"));
}

#[test]
fn r8_the_same_of_heartbeats() {
    let found = |change: fn(&mut Verdict)| {
        let mut verdict = Verdict { plane: Plane::Application, token: Some(Token(1)), written: Some(at(5)), unanswered: 2, ..mute(5) };
        change(&mut verdict);
        let mut court = Court::of(asking());
        court.beats(5, 1).beats(10, 2).tick(15, &[Action::Close(verdict)]);
        court.0.breaches.first().map(|breach| breach.what)
    };
    assert_eq!(found(|_| {}), None);
    assert_eq!(found(|v| v.written = Some(at(10))), Some("R8: a verdict tells another time of writing"));
    assert_eq!(found(|v| v.token = Some(Token(2))), Some("R8: a verdict tells of another heartbeat"));
    assert_eq!(found(|v| v.kind = VerdictKind::PeerSlow), Some(pings::HEARD));
}

#[test]
fn r5_no_input_makes_a_tick_late() {
    let mut court = Court::of(Policy::strict());
    court.0.asked(at(15));
    court.hears(20, Input::Bytes(1));
    for promised in [at(15), at(20)] {
        court.0.asked(promised);
    }
    court.finds(&[]);
    court.0.asked(at(14));
    court.finds(&["R5: an input brings a deadline about that has passed"]);
}

#[test]
fn r5_the_time_of_misses_is_over_a_beat_behind_the_last_of_them() {
    for (late, is_wrong) in [(29, false), (31, true)] {
        let mut court = Court::of(asking());
        // The second has been out for long when the first is answered and a third makes it two again.
        court.beats(5, 1).beats(10, 2).hears(11, Input::Unread).hears(19, Input::Bytes(1)).hears(19, Input::Answer(Token(1)));
        court.beats(20, 3).0.asked(at(25));
        let verdict = Verdict {
            kind: VerdictKind::PeerSlow,
            plane: Plane::Application,
            unanswered: 2,
            token: Some(Token(2)),
            written: Some(at(10)),
            ..mute(10)
        };
        court.late_tick(late, &[Action::Close(verdict)]);
        court.finds(if is_wrong { &["R5: a peer is given up although the host had slept"] } else { &[] });
    }
}
