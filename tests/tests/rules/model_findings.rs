//! What the naive model found: each a rule that the core once broke, smallest case first.

use wsbeat_core::event::{Action, Input, Token, VerdictKind};
use wsbeat_core::policy::{
    Answers, Application, Ask, Cadence, Counts, Death, Listen, ListenFor, Matching, Policy, Profile, Start, TokenKind, Transport,
};
use wsbeat_core::time::{Instant, Span};
use wsbeat_tests::drive::{Drive, profile, s};

const S: Span = Span::from_secs(1);

fn asking(ask: Ask) -> Policy {
    let application = Application { ask: Some(ask), listen: None, answers_peer: false, feed_timeout: None, close_code: Some(4408) };
    Policy { application: Some(application), ..Policy::off() }
}

fn listening(listen: Option<Listen>, feed_timeout: Option<Span>) -> Policy {
    let application = Application { ask: None, listen, answers_peer: false, feed_timeout, close_code: Some(4408) };
    Policy { application: Some(application), ..Policy::off() }
}

fn blog() -> Policy {
    let every = Ask::every(S.times(5), Death::MissesAfter(2));
    asking(Ask { counts: Counts::Queued, cadence: Cadence::Together, matching: Matching::Newest, ..every })
}

fn own_grid(death: Death) -> Ask {
    Ask { start: Start::Interval, ..Ask::every(S.times(5), death) }
}

#[test]
fn the_blog_does_not_judge_while_something_is_unread() {
    let mut d = Drive::open(blog());
    d.at(12.0, Input::Unread).run(16.0);
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, heartbeat 15", "R11 holds for all");
    d.at(17.0, Input::Bytes(1)).run(20.0);
    assert!(d.log().ends_with("heartbeat 20, close 4408 20"), "{}", d.log());
}

#[test]
fn the_blogs_verdict_names_the_beat_as_its_deadline() {
    let mut d = Drive::open(blog());
    d.run(14.0).jump(15.5);
    assert_eq!(d.verdict().expect("a close").deadline, Instant::from_secs(15), "R8");
}

#[test]
fn under_answers_any_an_answer_to_an_older_heartbeat_answers_all_that_were_written() {
    let mut d = Drive::open(asking(Ask { answers: Answers::Any, ..own_grid(Death::MissesBefore(2)) }));
    d.run(10.0);
    let first = d.tokens()[0];
    d.at(11.0, Input::Answer(first)).run(15.0);
    d.run(20.0);
    // Both were discharged at 11: the beats at 15 and 20 send, that at 25 closes.
    assert_eq!(d.log(), "heartbeat 5, heartbeat 10, heartbeat 15, heartbeat 20");
}

#[test]
fn an_answer_that_overtakes_its_own_flush_counts_where_any_answer_matches() {
    let mut d = Drive::open(asking(Ask { matching: Matching::Any, ..own_grid(Death::Timeout(S.times(4))) }));
    d.writable = false;
    d.run(5.0);
    let token = d.tokens()[0];
    d.at(6.0, Input::Answer(token)).at(7.0, Input::HeartbeatFlushed(token)).run(12.0);
    assert_eq!(d.verdict(), None, "R6");
}

#[test]
fn heartbeats_of_the_peers_do_not_reset_lateness() {
    let mut d = Drive::open(listening(Some(Listen { limit: S.times(10), evidence: ListenFor::Pings }), None));
    d.now = Instant::from_secs(13);
    d.input(Input::Heartbeat(Token(1))).jump(16.0);
    assert!(matches!(d.actions[0].1, Action::Note(_)), "six seconds after the deadline the host slept (R5): {}", d.log());
}

#[test]
fn a_verdict_after_a_stall_does_not_tell_of_a_heartbeat_that_never_came() {
    let mut d = Drive::open(listening(Some(Listen { limit: S, evidence: ListenFor::Heartbeats }), None));
    d.jump(3.0).run(4.0);
    assert_eq!(d.verdict().expect("a close").last_answer, None, "R8");
}

#[test]
fn a_feed_without_data_is_judged_after_what_was_unread_is_read() {
    let mut d = Drive::open(listening(None, Some(S.times(3))));
    d.at(1.0, Input::Heartbeat(Token(1))).at(2.0, Input::Unread).at(9.0, Input::Bytes(1)).run(9.0);
    assert_eq!(d.verdict().expect("a close").kind, VerdictKind::FeedStalled);
}

#[test]
fn a_verdict_after_unread_tells_when_the_ping_was_written() {
    let strict = Transport {
        first: Some(S.times(5)),
        timeout: S.times(2),
        evidence: wsbeat_core::policy::Evidence::PongOnly,
        ..Transport::strict()
    };
    let mut d = Drive::open(Policy { transport: Some(strict), ..Policy::off() });
    d.at(6.0, Input::Unread).at(10.0, Input::Bytes(1)).run(10.0);
    assert_eq!(d.verdict().expect("a close").written, Some(Instant::from_secs(5)), "R8");
}

#[test]
fn websockets_pings_at_sent_plus_interval_whatever_was_unread() {
    let mut d = Drive::open(profile(Profile::Websockets, s(20), s(2)));
    d.run(20.0);
    let ping = d.last_ping();
    d.at(20.5, Input::Unread).at(30.0, Input::Bytes(1)).input(Input::Pong(ping)).run(45.0);
    assert_eq!(d.log().split(", ").take(2).collect::<Vec<_>>(), ["ping 20", "ping 40"], "§9");
}

#[test]
fn tokens_of_a_connection_that_stands_alone_increase_under_together() {
    let mut d = Drive::open(asking(Ask { cadence: Cadence::Together, token: TokenKind::Counter, ..own_grid(Death::Never) }));
    d.run(15.0);
    assert_eq!(d.tokens(), [Token(1), Token(2), Token(3)], "§2");
}

#[test]
fn beats_together_stay_at_multiples_of_the_period_after_ready() {
    let mut d = Drive::open(asking(Ask { cadence: Cadence::Together, start: Start::Ready, ..own_grid(Death::Never) }));
    d.at(7.0, Input::Ready).run(15.0);
    assert_eq!(d.log(), "deliver 7, heartbeat 10, heartbeat 15", "§9");
}
