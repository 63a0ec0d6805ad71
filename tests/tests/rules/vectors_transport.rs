//! The vectors of the transport plane under `strict`, in virtual time.

use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Action, Counter, Input, Note, Payload, VerdictKind};
use wsbeat_core::policy::{Answers, Evidence, Plan, Policy, PolicyConfig, Profile};
use wsbeat_core::time::Span;
use wsbeat_tests::drive::{Drive, profile, s, secs};

fn strict() -> PolicyConfig {
    PolicyConfig { profile: Some(Profile::Strict), first_ping: s(15), ..PolicyConfig::default() }
}

fn check(config: PolicyConfig) -> Policy {
    config.check(Plan::default()).unwrap()
}

#[test]
fn strict_closes_a_peer_that_was_silent_from_the_start() {
    let mut d = Drive::open(check(strict()));
    d.run(100.0);
    assert_eq!(d.log(), "ping 15, close 4408 35, abort 40");
    let v = d.verdict().unwrap();
    assert_eq!((v.kind, v.reason, v.unanswered), (VerdictKind::PeerSilent, "heartbeat timeout", 1));
    assert_eq!((v.written, v.deadline, v.last_answer), (Some(secs(15.0)), secs(35.0), None));
}

#[test]
fn strict_lets_a_peer_live_that_answers_with_empty_pongs() {
    let mut d = Drive::open(check(strict()));
    for k in 0..50 {
        d.at(15.001 + 20.0 * f64::from(k), Input::Pong(Payload::Empty));
    }
    assert_eq!(d.phase(), Phase::Open);
    assert_eq!(d.actions.len(), 50);
}

#[test]
fn strict_lets_a_peer_live_that_sends_and_never_answers_and_counts_its_pings() {
    let mut d = Drive::open(check(strict()));
    for k in 1..100 {
        d.at(10.0 * f64::from(k), Input::Bytes(1));
    }
    assert_eq!(d.phase(), Phase::Open);
    assert!(d.connection().status(wsbeat_core::event::Plane::Transport).unanswered > 40);
}

#[test]
fn strict_counts_the_timeout_from_the_oldest_ping_after_the_last_byte() {
    let mut d = Drive::open(check(strict()));
    d.at(16.0, Input::Bytes(2)).at(36.0, Input::Bytes(2)).run(100.0);
    assert_eq!(d.log(), "ping 15, ping 35, ping 55, close 4408 75, abort 80");
}

#[test]
fn strict_aborts_where_the_transport_takes_no_byte_for_twice_the_timeout() {
    let mut d = Drive::open(check(strict()));
    d.at(15.1, Input::Bytes(10));
    let pong = Input::Pong(d.last_ping());
    d.input(pong).run(29.0);
    d.writable = false;
    d.run(200.0);
    assert_eq!(d.log(), "ping 15, ping 35, abort 75");
    assert_eq!(d.verdict().unwrap().kind, VerdictKind::WriteStalled);
}

#[test]
fn strict_sees_progress_in_a_byte_every_half_minute() {
    let mut d = Drive::open(check(strict()));
    d.at(15.1, Input::Pong(Payload::Empty));
    d.writable = false;
    for k in 1..30 {
        d.at(30.0 * f64::from(k), Input::Wrote(1));
    }
    assert_eq!(d.log(), "ping 15, ping 35");
}

#[test]
fn strict_saves_a_peer_whose_pong_comes_exactly_at_the_deadline() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ..strict() };
    let mut d = Drive::open(check(config));
    d.at(15.0, Input::Bytes(0)).run(15.0);
    let pong = Input::Pong(d.last_ping());
    d.at(35.0, pong).run(35.0);
    assert_eq!(d.log(), "ping 15, ping 35");
}

#[test]
fn strict_wants_the_right_pong_where_only_pongs_are_evidence() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ..strict() };
    let mut d = Drive::open(check(config.clone()));
    d.at(16.0, Input::Pong(Payload::Eight(1))).at(17.0, Input::Bytes(5)).at(18.0, Input::Data).run(60.0);
    assert_eq!(d.log(), "ping 15, deliver 18, close 4408 35, abort 40");
    assert_eq!(d.verdict().unwrap().kind, VerdictKind::PeerSlow);

    let mut d = Drive::open(check(PolicyConfig { answers: Some(Answers::Any), ..config }));
    d.at(16.0, Input::Pong(Payload::Eight(1))).run(36.0);
    assert_eq!(d.phase(), Phase::Open);
}

#[test]
fn strict_resolves_the_answered_ping_and_all_older_ones() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ping_interval: s(5), ping_timeout: s(30), ..strict() };
    let mut d = Drive::open(check(config));
    d.run(21.0);
    let pings: Vec<Payload> = d.actions.iter().filter_map(|(_, a)| if let Action::Ping(p) = a { Some(*p) } else { None }).collect();
    assert_eq!(pings.len(), 2);
    d.at(21.0, Input::Pong(pings[1])).at(22.0, Input::Pong(pings[0]));
    assert_eq!(d.connection().status(wsbeat_core::event::Plane::Transport).srtt, Some(Span::from_secs(1)));
    d.run(60.0);
    assert_eq!(d.verdict().unwrap().deadline, secs(55.0), "the ping of 25 is the oldest unanswered");
}

#[test]
fn strict_stops_pinging_at_four_undischarged_pings() {
    let config = PolicyConfig { ping_interval: s(5), ping_timeout: s(60), ..strict() };
    let mut d = Drive::open(check(config));
    d.run(200.0);
    assert_eq!(d.log(), "ping 15, ping 20, ping 25, ping 30, close 4408 75, abort 80");
}

#[test]
fn strict_draws_the_first_ping_from_the_second_half_of_the_interval() {
    let mut seen = vec![];
    for serial in 0..500 {
        let d = Drive::open_at(check(PolicyConfig { first_ping: None, ..strict() }), secs(0.0), serial);
        assert!(d.deadline() >= secs(10.0) && d.deadline() < secs(20.0), "{:?}", d.deadline());
        seen.push(d.deadline());
    }
    seen.sort();
    seen.dedup();
    // 128 slots lie in that half: of 500 draws nearly every one takes some.
    assert!(seen.len() > 115, "{}", seen.len());
}

#[test]
fn threat_21_a_stall_of_the_host_judges_nobody_and_starts_anew() {
    let mut d = Drive::open(check(strict()));
    d.run(16.0).jump(120.0);
    assert_eq!(d.log(), "ping 15, note 120, ping 120");
    assert!(matches!(d.actions[1].1, Action::Note(Note::Stalled { lateness }) if lateness == Span::from_secs(85)));
    // The grid stays: 135 is due; what was unanswered has a whole timeout from 120 on.
    d.run(200.0);
    assert_eq!(d.log(), "ping 15, note 120, ping 120, ping 135, close 4408 140, abort 141");
}

#[test]
fn a_short_close_timeout_is_for_peers_without_a_byte_in_twice_the_timeout() {
    let config = PolicyConfig { first_ping: s(25), ..strict() };
    let mut d = Drive::open(check(config));
    d.run(100.0);
    assert_eq!(d.log(), "ping 25, close 4408 45, abort 46");
}

#[test]
fn a_new_interval_goes_on_from_the_first_ping() {
    let mut d = Drive::open(check(strict()));
    d.at(20.0, Input::Bytes(1));
    d.policy = check(PolicyConfig { ping_interval: s(7), ..strict() });
    d.input(Input::Reconfigured).run(29.0);
    assert_eq!(d.log(), "ping 15, ping 22, ping 29");
}

#[test]
fn the_peers_close_is_echoed_and_only_the_end_of_the_stream_comes_before_the_deadline() {
    let mut d = Drive::open(check(strict()));
    d.at(3.0, Input::PeerClose(1000)).at(4.0, Input::PeerClose(1000)).run(50.0);
    assert_eq!(d.log(), "close 1000 3, abort 8");
    let mut d = Drive::open(check(strict()));
    d.at(3.0, Input::PeerClose(0)).at(4.0, Input::Lost).run(50.0);
    assert_eq!(d.log(), "close 3");
}

#[test]
fn after_our_close_nothing_extends_the_deadline_and_the_peers_close_ends_it() {
    let mut d = Drive::open(check(strict()));
    d.at(3.0, Input::UserClose(1000)).at(4.0, Input::Data).at(5.0, Input::Bytes(9)).run(50.0);
    assert_eq!(d.log(), "close 1000 3, abort 8");
    let mut d = Drive::open(check(strict()));
    d.at(3.0, Input::UserClose(1000)).at(4.0, Input::PeerClose(1000)).run(50.0);
    assert_eq!((d.log().as_str(), d.phase()), ("close 1000 3", Phase::Ended));
}

#[test]
fn a_lifetime_ends_within_a_tenth_of_its_length() {
    for serial in 0..100 {
        let policy = check(PolicyConfig { max_lifetime: s(100), ..PolicyConfig::default() });
        let mut d = Drive::open_at(policy, secs(0.0), serial);
        assert!(d.deadline() >= secs(90.0) && d.deadline() < secs(110.0));
        d.run(120.0);
        let v = d.verdict().unwrap();
        assert_eq!((v.kind, v.code, v.reason), (VerdictKind::Lifetime, Some(1012), "please reconnect"));
    }
}

#[test]
fn a_flood_of_pings_is_closed_whatever_the_profile_and_a_ping_a_second_never() {
    for policy in [Policy::off(), check(strict()), profile(Profile::Tornado65, s(5), None)] {
        let mut d = Drive::open(policy.clone());
        for k in 0..100 {
            d.at(f64::from(k) / 100.0, Input::Ping);
        }
        let v = d.verdict().unwrap();
        assert_eq!((v.kind, v.code, v.reason), (VerdictKind::TooManyPings, Some(1008), "too many pings"));
        assert!(v.now < secs(1.0));
        let mut d = Drive::open(policy);
        for k in 0..4 {
            d.at(f64::from(k), Input::Ping);
        }
        assert_eq!(d.phase(), Phase::Open);
    }
}

#[test]
fn strict_counts_what_is_no_answer() {
    struct Counting(Vec<Counter>);
    impl wsbeat_core::event::Sink for Counting {
        fn action(&mut self, _: Action) {}
        fn count(&mut self, counter: Counter) {
            self.0.push(counter);
        }
    }
    use wsbeat_core::{connection::Connection, rng::Chance, time::Now};
    let policy = check(strict());
    let now = Now::new(secs(0.0), 0);
    let (mut c, mut out) = (Connection::accepted(&policy, now, Chance::new(1, 1)), Counting(vec![]));
    for input in [
        Input::Opened,
        Input::Pong(Payload::Empty),
        Input::Pong(Payload::Other),
        Input::UserPing,
        Input::Pong(Payload::Other),
        Input::Pong(Payload::Eight(9)),
    ] {
        let _ = c.step(&policy, now, input, &mut out);
    }
    assert_eq!(out.0, [Counter::PongsEmpty, Counter::PongsUnsolicited, Counter::PongsUser, Counter::PongsUnsolicited]);
}

#[test]
fn no_bytes_are_no_sign_of_life() {
    let mut d = Drive::open(check(strict()));
    d.at(16.0, Input::Bytes(0)).run(100.0);
    assert_eq!(d.log(), "ping 15, close 4408 35, abort 40");
    assert_eq!(d.verdict().unwrap().kind, VerdictKind::PeerSilent);
}

#[test]
fn only_who_was_given_up_for_silence_has_less_time_to_close() {
    let config = PolicyConfig { ping_interval: s(60), ping_timeout: s(5), first_ping: s(55), ..strict() };
    let mut d = Drive::open(check(config.clone()));
    d.at(50.0, Input::Drain).run(100.0);
    assert_eq!(d.log(), "close 1001 50, abort 55");
    let mut d = Drive::open(check(config));
    d.run(100.0);
    assert_eq!(d.log(), "ping 55, close 4408 60, abort 61");
}

#[test]
fn what_a_deadline_was_lifted_to_stays_where_the_timeout_grows() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ping_timeout: s(10), ..strict() };
    let mut d = Drive::open(check(config.clone()));
    d.at(16.0, Input::Unread).at(30.0, Input::Bytes(1));
    assert_eq!(d.deadline(), secs(30.0));
    d.policy = check(PolicyConfig { ping_timeout: s(14), ..config });
    d.input(Input::Reconfigured);
    assert_eq!(d.deadline(), secs(34.0), "as if the ping had been written at 20");
}

#[test]
fn jitter_moves_pings_both_ways_and_not_the_first() {
    let config = PolicyConfig { jitter_ppm: Some(100_000), ..strict() };
    let mut d = Drive::open(check(config));
    for k in 1..=400 {
        d.at(10.0 * f64::from(k), Input::Bytes(1));
    }
    let pings = d.actions.iter().map(|(at, _)| at.as_nanos() as i64);
    let off: Vec<i64> = pings.zip(0..).map(|(at, k)| at - 15_000_000_000 - 20_000_000_000 * k).collect();
    assert_eq!((off[0], off.len() / 10), (0, 20), "{off:?}");
    assert!(off.iter().all(|off| off.abs() <= 2_000_000_000), "{off:?}");
    let early = off.iter().filter(|off| **off < 0).count();
    assert!((60..140).contains(&early), "{early}");
}
