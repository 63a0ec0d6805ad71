//! Fine points of the application plane: what stands open while settings change, input lies unread or a writer is slow.

use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Action, ConnId, Input, Plane, Token, VerdictKind};
use wsbeat_core::hub::Hub;
use wsbeat_core::policy::{Application, Ask, Cadence, Death, Matching, Policy, Start, Transport};
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_tests::drive::{Drive, secs};

const PERIOD: Span = Span::from_secs(5);

fn asks(ask: Ask) -> Policy {
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    Policy { application: Some(application), ..Policy::off() }
}

/// Heartbeats at 5, 10, 15 s.
fn every_five(death: Death) -> Ask {
    Ask { start: Start::Interval, ..Ask::every(PERIOD, death) }
}

fn unanswered(d: &Drive) -> u32 {
    d.connection().status(Plane::Application).unanswered
}

#[test]
fn a_second_welcome_does_not_move_the_beats() {
    let mut d = Drive::open(asks(Ask { start: Start::Ready, ..every_five(Death::Never) }));
    d.at(2.0, Input::Ready).at(4.0, Input::Ready).run(12.0);
    assert_eq!(d.log(), "deliver 2, deliver 4, heartbeat 7, heartbeat 12");
}

#[test]
fn where_fewer_misses_are_allowed_no_more_stand_open_and_the_oldest_is_remembered() {
    let mut d = Drive::open(asks(every_five(Death::MissesBefore(9))));
    d.run(31.0);
    assert_eq!(unanswered(&d), 6);
    d.policy = asks(every_five(Death::MissesBefore(2)));
    d.input(Input::Reconfigured);
    assert_eq!(unanswered(&d), 2, "law 7");
    d.run(100.0);
    assert!(d.log().ends_with("heartbeat 30, close 4408 35, abort 40"), "{}", d.log());
}

#[test]
fn a_plane_that_was_off_begins_anew_and_its_tokens_go_on() {
    let mut d = Drive::open(asks(every_five(Death::MissesBefore(3))));
    d.run(5.0);
    d.at(6.0, Input::Answer(d.tokens()[0])).run(11.0);
    let (on, old) = (d.policy.clone(), d.tokens()[1]);
    d.policy = Policy::off();
    d.at(12.0, Input::Reconfigured).run(30.0);
    d.policy = on;
    d.at(30.0, Input::Reconfigured);
    let status = d.connection().status(Plane::Application);
    assert_eq!((status.unanswered, status.last_answer), (0, None));
    d.wall_zero_ms = 0;
    d.at(31.0, Input::Answer(old)).run(100.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, heartbeat 35, heartbeat 40, heartbeat 45, close 4408 50, abort 55");
    assert!(d.tokens().is_sorted_by(|a, b| a < b), "{:?}", d.tokens());
    assert_eq!(d.verdict().unwrap().last_answer, None);
}

#[test]
fn a_timeout_that_passed_while_input_lay_unread_passes_when_it_is_read() {
    let policy = asks(every_five(Death::Timeout(PERIOD.times(2))));
    let mut d = Drive::open(policy.clone());
    d.at(6.0, Input::Unread).at(23.0, Input::Bytes(1));
    assert_eq!(d.deadline(), secs(23.0));
    d.run(23.0);
    let v = d.verdict().unwrap();
    assert_eq!((v.deadline, v.written, v.kind), (secs(23.0), Some(secs(5.0)), VerdictKind::PeerSlow));
    // One that has not passed stays where it is.
    let mut d = Drive::open(policy.clone());
    d.at(6.0, Input::Unread).at(9.0, Input::Bytes(1)).run(14.999);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10");
    d.run(15.0);
    assert_eq!(d.verdict().unwrap().deadline, secs(15.0));
    // With nothing open there is nothing to pass.
    let mut d = Drive::open(policy);
    d.run(5.0);
    d.at(6.0, Input::Answer(d.tokens()[0])).at(7.0, Input::Unread).at(9.0, Input::Bytes(1)).run(19.999);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, heartbeat 15");
}

#[test]
fn jitter_moves_the_beats_both_ways_and_not_the_first() {
    let mut d = Drive::open(asks(Ask { jitter_ppm: 200_000, ..every_five(Death::Never) }));
    d.run(1_000.0);
    let off = d.actions.iter().zip(1..).map(|((at, _), k)| at.as_nanos() as i64 - 5_000_000_000 * k).collect::<Vec<_>>();
    assert_eq!((off[0], off.len() / 10), (0, 19));
    assert!(off.iter().all(|off| off.abs() <= 1_000_000_000), "{off:?}");
    let early = off.iter().filter(|off| **off < 0).count();
    assert!((60..140).contains(&early), "{early}");
}

#[test]
fn misses_are_looked_at_on_the_beat_whatever_else_is_due_before() {
    let pings = Transport { first: Some(Span::from_millis(14_700)), ..Transport::strict() };
    let mut d = Drive::open(Policy { transport: Some(pings), ..asks(every_five(Death::MissesBefore(2))) });
    d.run(16.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, ping 14.7, close 4408 15");
}

#[test]
fn the_oldest_of_many_misses_is_known_after_an_answer_to_one_in_between() {
    let mut d = Drive::open(asks(Ask { matching: Matching::Exact, ..every_five(Death::MissesBefore(8)) }));
    d.run(26.0);
    d.input(Input::Answer(d.tokens()[1]));
    assert_eq!(unanswered(&d), 3);
    d.run(100.0);
    let v = d.verdict().unwrap();
    assert_eq!((v.now, v.written, v.unanswered), (secs(55.0), Some(secs(15.0)), 8));
}

#[test]
fn what_was_written_after_a_stall_without_a_count_does_not_excuse_what_counts() {
    let mut d = Drive::open(asks(every_five(Death::MissesBefore(2))));
    d.run(6.0);
    d.writable = false;
    d.jump(40.0);
    let uncounted = d.tokens()[1];
    d.at(43.0, Input::Wrote(1)).at(44.0, Input::HeartbeatFlushed(uncounted));
    d.writable = true;
    d.run(100.0);
    // The one that counts is as old as the stall.
    assert_eq!(d.log(), "heartbeat 5, note 40, heartbeat 40, heartbeat 45, close 4408 50, abort 55");
    assert_eq!(d.verdict().unwrap().written, Some(secs(40.0)));
}

#[test]
fn connections_that_beat_together_share_the_token_of_each_beat() {
    let mut hub = Hub::new(1, 2);
    let policy = hub.register(asks(Ask { cadence: Cadence::Together, ..every_five(Death::Never) }));
    let now = |secs| Now::new(Instant::from_secs(secs), 1_000);
    for _ in 0..2 {
        let id = hub.accept(now(0), policy).unwrap();
        hub.input(now(0), id, Input::Opened, &mut |_, _| {});
    }
    let mut sent = vec![];
    for beat in [5, 10] {
        let _ = hub.advance(now(beat), 9, &mut |id: ConnId, action| {
            sent.push(action);
            assert_eq!(id.index as usize, (sent.len() - 1) % 2);
        });
        for id in hub.ids().collect::<Vec<_>>() {
            hub.input(now(beat), id, Input::HeartbeatFlushed(Token(999 + beat / 5)), &mut |_, _| {});
        }
    }
    assert_eq!(sent, [1_000, 1_000, 1_001, 1_001].map(|token| Action::Heartbeat(Token(token))));
}

#[test]
fn the_hub_tells_of_a_connection_what_the_connection_tells() {
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(asks(every_five(Death::Never)));
    let id = hub.accept(Now::default(), policy).unwrap();
    hub.input(Now::default(), id, Input::Opened, &mut |_, _| {});
    let _ = hub.advance(Now::new(Instant::from_secs(5), 0), 9, &mut |_, _| {});
    let connection = hub.connection(id).unwrap();
    assert_eq!((connection.status(Plane::Application).unanswered, connection.status(Plane::Transport).unanswered), (1, 0));
    assert!(format!("{connection:?}").contains("beats_unanswered: 1"), "{connection:?}");
}

#[test]
fn any_answer_answers_all_that_were_written_and_not_the_one_that_was_not() {
    let mut d = Drive::open(asks(Ask { matching: Matching::Any, ..every_five(Death::Timeout(PERIOD.times(9))) }));
    d.run(11.0);
    d.writable = false;
    d.run(16.0);
    assert_eq!(unanswered(&d), 3);
    d.input(Input::Answer(d.tokens()[0]));
    assert_eq!(unanswered(&d), 1);
}

/// R6 and law 12, where answers bear no token.
#[test]
fn an_answer_without_a_token_counts_for_the_heartbeat_that_it_overtook() {
    let deribit = Ask { matching: Matching::Any, ..every_five(Death::MissesBefore(1)) };
    let mut d = Drive::open(asks(deribit));
    d.writable = false;
    for beat in 1..=10 {
        d.run(5.0 * f64::from(beat));
        let token = d.tokens()[beat as usize - 1];
        d.input(Input::Answer(Token(0)));
        assert_eq!(unanswered(&d), 0);
        d.input(Input::HeartbeatFlushed(token));
    }
    assert_eq!((d.phase(), d.tokens().len()), (Phase::Open, 10), "{}", d.log());
}

#[test]
fn an_answer_without_a_token_does_not_stop_the_clock_of_the_writing() {
    let deribit = Ask { matching: Matching::Any, write_stall: PERIOD.times(2), ..every_five(Death::MissesBefore(1)) };
    let mut d = Drive::open(asks(deribit));
    d.writable = false;
    d.run(5.0);
    d.input(Input::Answer(Token(0))).run(30.0);
    assert_eq!(d.log(), "heartbeat 5, abort 15");
}

#[test]
fn each_beat_has_a_token_of_its_own_whoever_is_there() {
    let mut hub = Hub::new(1, 2);
    let policy = hub.register(asks(Ask { cadence: Cadence::Together, ..every_five(Death::Never) }));
    let now = |secs| Now::new(Instant::from_secs(secs), 1_000 * secs);
    let mut sent = vec![];
    for beat in [5, 10] {
        let id = hub.accept(now(beat - 1), policy).unwrap();
        hub.input(now(beat - 1), id, Input::Opened, &mut |_, _| {});
        let _ = hub.advance(now(beat), 9, &mut |_, action| sent.push(action));
        hub.input(now(beat), id, Input::Lost, &mut |_, _| {});
    }
    assert_eq!(sent, [5_000, 10_000].map(|token| Action::Heartbeat(Token(token))));
}
