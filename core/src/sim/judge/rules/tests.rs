//! What is lawful and what is not, case by case.

use super::super::{BeatWatch, PingWatch};
use super::*;
use crate::event::Token;
use crate::policy::{Application, Death, Limits, Listen};

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
pub(in super::super) fn opened() -> Watched {
    Watched {
        generation: 0,
        phase: Phase::Open,
        since: at(0),
        heard: at(0),
        unread_since: Instant::NEVER,
        last_byte: at(0),
        fed_at: at(0),
        is_unfed: false,
        is_mute: false,
        malformed: 0,
        pings: PingWatch::NEW,
        beats: BeatWatch::opened(at(0)),
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
    assert_eq!(ends_by(&asking, &stuck), at(15));
    stuck.hears(&asking, at(14), Input::Wrote(1));
    assert_eq!(ends_by(&asking, &stuck), at(24));
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

#[test]
fn unread_input_keeps_nobody_whose_transport_takes_no_byte_or_who_is_too_old() {
    let aged = Policy { limits: Limits { max_lifetime: Some(Span::from_secs(100)), ..Limits::default() }, ..Policy::strict() };
    let mut watched = opened();
    watched.hears(&aged, at(8), Input::Unread);
    assert_eq!(ends_by(&aged, &watched), at(110));
    let sent = aged.transport.and_then(|t| watched.pings.sent(&t, crate::event::Payload::Eight(1), at(15), None));
    assert_eq!((sent, ends_by(&aged, &watched)), (None, at(55)));
}

#[test]
fn a_close_handshake_is_short_for_a_peer_that_the_pings_gave_up_and_that_was_mute_for_long() {
    let takes = |is_mute, last_byte| {
        let watched = Watched { phase: Phase::Closing, since: at(75), is_mute, last_byte: at(last_byte), ..opened() };
        (watched.closing_takes(&Policy::strict()), ends_by(&Policy::strict(), &watched))
    };
    let (long, short) = ((Span::from_secs(5), at(80)), (Span::from_secs(1), at(76)));
    assert_eq!((takes(true, 35), takes(true, 36), takes(false, 35)), (short, long, long));
}

#[test]
fn a_feed_stalls_where_heartbeats_flow_and_data_does_not() {
    let app = Application { ask: None, listen: None, answers_peer: true, feed_timeout: Some(Span::from_secs(9)), close_code: None };
    let policy = application(app);
    let stalls = |inputs: &[(u64, Input)]| {
        let mut watched = opened();
        inputs.iter().for_each(|(secs, input)| watched.hears(&policy, at(*secs), *input));
        watched.feed_stalls_at(&policy)
    };
    let heartbeat = Input::Heartbeat(Token(1));
    assert_eq!(stalls(&[]), Instant::NEVER);
    assert_eq!(stalls(&[(1, heartbeat)]), at(9));
    assert_eq!(stalls(&[(1, heartbeat), (2, Input::Data)]), Instant::NEVER);
    assert_eq!(stalls(&[(2, Input::Data), (3, heartbeat), (4, heartbeat)]), at(11));
    // What has been missing for long is missed from the heartbeat on; what lay unread, from its reading.
    assert_eq!(stalls(&[(50, heartbeat)]), at(50));
    assert_eq!(stalls(&[(1, heartbeat), (2, Input::Unread), (50, Input::Bytes(1))]), at(50));
}
