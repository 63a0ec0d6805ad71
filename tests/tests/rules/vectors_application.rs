//! The vectors of the application plane, in virtual time: `blog`, `htx`, and what listens.

use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Action, Fault, Input, Token, VerdictKind};
use wsbeat_core::policy::{
    Answers, Application, Ask, Cadence, Counts, Death, Listen, ListenFor, Matching, Policy, Start, Timing, Unsolicited,
};
use wsbeat_core::time::Span;
use wsbeat_tests::drive::{Drive, secs};

const PERIOD: Span = Span::from_secs(5);

fn asks(ask: Ask) -> Policy {
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    Policy { application: Some(application), ..Policy::off() }
}

fn htx() -> Ask {
    Ask { start: Start::Interval, ..Ask::every(PERIOD, Death::MissesBefore(2)) }
}

fn blog() -> Policy {
    let ask =
        Ask { counts: Counts::Queued, cadence: Cadence::Together, matching: Matching::Newest, ..Ask::every(PERIOD, Death::MissesAfter(2)) };
    let mut policy = asks(ask);
    policy.application.as_mut().unwrap().close_code = None;
    policy
}

fn listens(limit: u64, evidence: ListenFor) -> Policy {
    let listen = Listen { limit: Span::from_secs(limit), evidence };
    let application = Application { ask: None, listen: Some(listen), answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    Policy { application: Some(application), ..Policy::off() }
}

/// Answers every heartbeat `rtt` seconds after its beat, the first of which is at `first`.
fn answering(policy: Policy, first: f64, rtt: f64, beats: u32) -> Drive {
    let mut d = Drive::open(policy);
    for k in 0..beats {
        let beat = first + 5.0 * f64::from(k);
        d.run(beat + rtt - 0.000_000_002);
        let Some(token) = d.tokens().get(k as usize).copied() else { break };
        d.at(beat + rtt, Input::Answer(token));
    }
    d
}

#[test]
fn blog_sends_three_heartbeats_to_a_silent_client_and_closes_with_an_empty_body() {
    let mut d = Drive::open(blog());
    d.run(100.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, heartbeat 15, close 15, abort 20");
}

#[test]
fn htx_sends_two_heartbeats_to_a_silent_client_and_closes_at_the_third_beat() {
    let mut d = Drive::open(asks(htx()));
    d.run(100.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, close 4408 15, abort 20");
    let v = d.verdict().unwrap();
    assert_eq!((v.kind, v.unanswered, v.reason), (VerdictKind::PeerSilent, 2, "heartbeat timeout"));
    assert_eq!((v.written, v.last_answer), (Some(secs(5.0)), None));
    assert_eq!(v.token, Some(d.tokens()[0]));
}

#[test]
fn tokens_are_wall_clock_milliseconds_and_always_rise() {
    let mut d = Drive::open(asks(Ask { death: Death::Never, ..htx() }));
    d.run(12.0);
    assert_eq!(d.tokens(), [Token(1_492_420_473_027), Token(1_492_420_478_027)]);
    d.wall_zero_ms = 0;
    d.run(17.0);
    assert_eq!(d.tokens()[2], Token(1_492_420_478_028), "the wall clock stepped back");
}

#[test]
fn a_client_that_is_silent_after_beat_k_is_closed_at_beat_k_plus_3() {
    for k in 1..6 {
        for policy in [blog(), asks(htx())] {
            let mut d = answering(policy, 5.0, 0.02, k);
            d.run(200.0);
            let v = d.verdict().unwrap();
            assert_eq!(v.now, secs(5.0 * f64::from(k + 3)));
        }
    }
}

#[test]
fn htx_lets_a_round_trip_of_9_9_s_live_and_not_one_of_10_1_s() {
    assert_eq!(answering(asks(htx()), 5.0, 9.9, 30).phase(), Phase::Open);
    let mut dies = answering(asks(htx()), 5.0, 10.1, 30);
    dies.run(400.0);
    assert_eq!(dies.verdict().unwrap().kind, VerdictKind::PeerSilent);
}

#[test]
fn answers_1_3_periods_late_live_under_htx_and_die_under_blog() {
    assert_eq!(answering(asks(htx()), 5.0, 6.5, 40).phase(), Phase::Open);
    let mut d = answering(blog(), 5.0, 6.5, 40);
    d.run(400.0);
    assert!(d.log().contains("close"), "{}", d.log());
    assert_eq!(answering(blog(), 5.0, 4.9, 40).phase(), Phase::Open);
}

#[test]
fn spread_beats_begin_within_a_period_and_differ_from_connection_to_connection() {
    let mut firsts = vec![];
    for serial in 0..300 {
        let d = Drive::open_at(asks(Ask::every(PERIOD, Death::MissesBefore(2))), secs(0.0), serial);
        assert!(d.deadline() > secs(0.0) && d.deadline() <= secs(5.0));
        firsts.push(d.deadline());
    }
    firsts.sort();
    firsts.dedup();
    // 300 draws from 256 slots: about 177 of them are taken.
    assert!(firsts.len() > 150, "{}", firsts.len());
}

#[test]
fn beats_together_fall_on_the_grid_of_the_clock_and_begin_after_the_opening() {
    let together = asks(Ask { cadence: Cadence::Together, ..htx() });
    let d = Drive::open_at(together.clone(), secs(12.3), 1);
    assert_eq!(d.deadline(), secs(15.0));
    let d = Drive::open_at(together, secs(15.0), 1);
    assert_eq!(d.deadline(), secs(20.0), "opened during a beat: the next one");
}

#[test]
fn a_beat_late_by_several_periods_is_one_heartbeat_and_one_count() {
    let mut d = Drive::open(blog());
    d.jump(17.0);
    assert_eq!(d.log(), "heartbeat 17");
    d.run(26.0);
    assert_eq!(d.log(), "heartbeat 17, heartbeat 20, heartbeat 25, close 25");
}

#[test]
fn htx_judges_nobody_after_a_stall_and_sends_the_due_heartbeat_without_a_count() {
    let mut d = Drive::open(asks(htx()));
    d.run(11.0).jump(40.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, note 40, heartbeat 40");
    let uncounted = d.tokens()[2];
    d.at(41.0, Input::Answer(uncounted));
    // Both unanswered count as written at 40: two periods less a tenth of one after that a beat may close.
    d.run(100.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, note 40, heartbeat 40, close 4408 50, abort 55");
}

fn refusing() -> Policy {
    asks(Ask {
        unsolicited: Unsolicited::Refused,
        matching: Matching::Any,
        start: Start::Interval,
        ..Ask::every(PERIOD, Death::Timeout(PERIOD.times(3)))
    })
}

#[test]
fn an_answer_that_nobody_asked_for_is_refused_where_the_dialect_calls_it_an_error() {
    let mut d = Drive::open(refusing());
    d.at(1.0, Input::Answer(Token(0))).run(20.0);
    assert_eq!(d.log(), "close 1002 1, abort 6");
    let mut d = Drive::open(refusing());
    d.at(6.0, Input::Answer(Token(0))).at(11.0, Input::Answer(Token(0))).at(12.0, Input::Answer(Token(0))).run(20.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, close 1002 12, abort 17");
    let v = d.verdict().unwrap();
    assert_eq!((v.kind, v.reason), (VerdictKind::Protocol, "unsolicited answer"));
}

#[test]
fn each_heartbeat_may_have_its_answer_however_they_lie_and_whether_it_counted_or_not() {
    let mut d = Drive::open(refusing());
    // Two stand open: the first answer is enough for both, and the second is no error.
    d.at(11.0, Input::Answer(Token(0))).at(11.5, Input::Answer(Token(0)));
    // The host sleeps: the heartbeat after it does not count, and is answered.
    d.run(14.0).jump(40.0);
    d.at(41.0, Input::Answer(Token(0))).run(44.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, note 40, heartbeat 40");
    assert_eq!(d.phase(), Phase::Open);
}

#[test]
fn a_heartbeat_that_is_not_written_yet_is_followed_by_none_and_is_no_miss() {
    let mut d = Drive::open(asks(htx()));
    d.writable = false;
    d.run(14.0);
    assert_eq!(d.log(), "heartbeat 5");
    d.writable = true;
    let first = d.tokens()[0];
    d.input(Input::HeartbeatFlushed(first)).run(100.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 15, close 4408 25, abort 30");
}

#[test]
fn a_heartbeat_that_stays_unwritten_for_l_periods_aborts_and_progress_starts_anew() {
    let mut d = Drive::open(asks(htx()));
    d.writable = false;
    d.run(100.0);
    assert_eq!(d.log(), "heartbeat 5, abort 15");
    assert_eq!(d.verdict().unwrap().kind, VerdictKind::WriteStalled);
    let mut d = Drive::open(asks(htx()));
    d.writable = false;
    d.at(12.0, Input::Wrote(1)).run(100.0);
    assert_eq!(d.log(), "heartbeat 5, abort 22");
}

#[test]
fn an_answer_that_overtakes_the_news_of_its_writing_counts() {
    let mut d = Drive::open(asks(htx()));
    d.writable = false;
    for k in 0..10 {
        d.run(5.0 + 5.0 * f64::from(k));
        let token = d.tokens()[k as usize];
        d.input(Input::Answer(token)).input(Input::HeartbeatFlushed(token));
    }
    assert_eq!(d.phase(), Phase::Open);
}

#[test]
fn an_answer_to_an_older_heartbeat_leaves_the_newer_ones_unanswered() {
    let mut d = Drive::open(asks(htx()));
    d.run(11.0);
    let tokens = d.tokens();
    d.input(Input::Answer(tokens[0]));
    assert_eq!(d.connection().status(wsbeat_core::event::Plane::Application).unanswered, 1);
    d.run(100.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, heartbeat 15, close 4408 20, abort 25");
}

#[test]
fn blog_takes_the_answer_to_the_newest_heartbeat_only() {
    let mut d = Drive::open(blog());
    d.run(11.0);
    let tokens = d.tokens();
    d.input(Input::Answer(tokens[0])).run(16.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, heartbeat 15, close 15");
}

#[test]
fn an_answer_that_nobody_asked_for_is_life_only_where_any_answer_is() {
    let own_clock = |answers| {
        let mut d = Drive::open(asks(Ask { answers, ..htx() }));
        for k in 0..20 {
            d.at(4.0 + 5.0 * f64::from(k), Input::Answer(Token(99)));
        }
        d
    };
    let mut d = own_clock(Answers::Matching);
    d.run(200.0);
    assert_eq!(d.verdict().unwrap().kind, VerdictKind::PeerSlow);
    assert_eq!(own_clock(Answers::Any).phase(), Phase::Open);
}

#[test]
fn death_by_timeout_counts_from_the_writing_of_the_oldest() {
    let ask = Ask { death: Death::Timeout(Span::from_secs(3)), matching: Matching::Exact, ..htx() };
    let mut d = Drive::open(asks(ask));
    d.at(6.0, Input::Answer(Token(1_492_420_473_027))).run(100.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, close 4408 13, abort 18");
}

#[test]
fn heartbeats_after_idleness_wait_for_it() {
    let ask = Ask { timing: Timing::AfterIdle, death: Death::Never, matching: Matching::Any, ..htx() };
    let mut d = Drive::open(asks(ask));
    d.at(4.0, Input::Data).run(9.5);
    assert_eq!(d.log(), "deliver 4, heartbeat 9");
    let ask = Ask { timing: Timing::AfterSilence, ..ask };
    let mut d = Drive::open(asks(ask));
    d.at(4.0, Input::Sent).at(6.0, Input::Data).run(14.5);
    assert_eq!(d.log(), "deliver 6, heartbeat 9, heartbeat 14");
}

#[test]
fn who_asks_after_a_welcome_waits_for_it() {
    let mut d = Drive::open(asks(Ask { start: Start::Ready, ..htx() }));
    d.run(50.0);
    assert_eq!(d.log(), "");
    d.input(Input::Ready).run(56.0);
    assert_eq!(d.log(), "deliver 50, heartbeat 55");
}

#[test]
fn who_listens_answers_and_gives_up_a_peer_that_stays_away() {
    let mut d = Drive::open(listens(15, ListenFor::Heartbeats));
    d.at(5.0, Input::Heartbeat(Token(1))).at(9.0, Input::Data).run(100.0);
    assert_eq!(d.log(), "answer 5, deliver 9, close 4408 20, abort 25");
    assert_eq!(d.verdict().unwrap().kind, VerdictKind::PeerSlow);
    let mut d = Drive::open(listens(15, ListenFor::Messages));
    d.at(9.0, Input::Data).at(10.0, Input::Ping).run(100.0);
    assert_eq!(d.log(), "deliver 9, close 4408 24, abort 29");
    let mut d = Drive::open(listens(15, ListenFor::Pings));
    d.at(9.0, Input::Ping).at(10.0, Input::Data).run(100.0);
    assert_eq!(d.log(), "deliver 10, close 4408 24, abort 29");
}

#[test]
fn who_listens_judges_nobody_after_a_stall() {
    let mut d = Drive::open(listens(15, ListenFor::Heartbeats));
    d.jump(60.0).run(70.0);
    assert_eq!((d.log().as_str(), d.phase()), ("note 60", Phase::Open));
    d.run(75.0);
    assert_eq!(d.log(), "note 60, close 4408 75");
}

#[test]
fn a_feed_without_data_while_heartbeats_flow_is_stalled() {
    let mut policy = listens(15, ListenFor::Heartbeats);
    policy.application.as_mut().unwrap().feed_timeout = Some(Span::from_secs(22));
    let mut d = Drive::open(policy);
    d.at(3.0, Input::Data);
    for k in 1..6 {
        d.at(5.0 * f64::from(k), Input::Heartbeat(Token(k as u64)));
    }
    d.run(30.0);
    let v = d.verdict().unwrap();
    assert_eq!((v.kind, v.code, v.reason, v.now), (VerdictKind::FeedStalled, Some(4409), "feed stalled", secs(25.0)));
}

#[test]
fn three_malformed_heartbeats_in_a_row_are_allowed_and_a_good_message_forgives() {
    let malformed = Input::Fault(Fault::Malformed);
    let mut d = Drive::open(listens(15, ListenFor::Bytes));
    d.input(malformed).input(malformed).input(malformed).input(Input::Data).input(malformed).input(malformed).input(malformed);
    assert_eq!(d.phase(), Phase::Open);
    d.input(malformed);
    assert_eq!(d.verdict().map(|v| (v.kind, v.code)), Some((VerdictKind::Malformed, Some(1007))));
}

#[test]
fn faults_close_with_their_codes() {
    for (fault, kind, code) in [
        (Fault::TooBig, VerdictKind::TooBig, 1009),
        (Fault::Protocol, VerdictKind::Protocol, 1002),
        (Fault::Utf8, VerdictKind::Protocol, 1007),
        (Fault::Assembly, VerdictKind::Assembly, 1008),
        (Fault::Handler, VerdictKind::Handler, 1011),
    ] {
        let mut d = Drive::open(Policy::off());
        d.input(Input::Fault(fault)).run(10.0);
        assert_eq!(d.verdict().map(|v| (v.kind, v.code)), Some((kind, Some(code))));
        assert_eq!(d.log(), format!("close {code} 0, abort 5"));
    }
}

#[test]
fn unread_input_defers_every_verdict_of_silence_until_the_next_read() {
    let mut d = Drive::open(asks(htx()));
    d.at(14.0, Input::Unread).run(19.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10");
    let token = d.tokens()[1];
    d.input(Input::Bytes(20)).input(Input::Answer(token)).run(20.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, heartbeat 20");
}

#[test]
fn both_planes_run_side_by_side_and_the_first_verdict_ends_it() {
    let mut policy = asks(htx());
    policy.transport = Policy::strict().transport.map(|t| wsbeat_core::policy::Transport { first: Some(Span::from_secs(12)), ..t });
    let mut d = Drive::open(policy);
    d.run(100.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, ping 12, close 4408 15, abort 20");
    let closes = d.actions.iter().filter(|(_, a)| matches!(a, Action::Close(_))).count();
    assert_eq!(closes, 1);
}

#[test]
fn with_the_plane_off_heartbeats_are_data() {
    let mut d = Drive::open(Policy::off());
    d.input(Input::Heartbeat(Token(1))).input(Input::Answer(Token(1)));
    assert_eq!(d.log(), "deliver 0, deliver 0");
}
