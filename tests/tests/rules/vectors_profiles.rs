//! The vectors of the profiles, in virtual time.

use std::time::Duration;

use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Action, Input, Note, Payload};
use wsbeat_core::policy::Profile;
use wsbeat_core::time::Span;
use wsbeat_tests::drive::{Drive, profile, s, secs};

#[test]
fn tornado_6_4_pings_5_10_and_closes_at_15_on_exact_ticks() {
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), s(10)));
    d.run(100.0);
    assert_eq!(d.log(), "ping 5, ping 10, close 15, abort 20");
    let v = d.verdict().unwrap();
    assert_eq!((v.code, v.written, v.unanswered), (None, Some(secs(5.0)), 2));
}

#[test]
fn tornado_6_4_closes_a_beat_earlier_where_ticks_are_late() {
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), s(10)));
    d.jump(5.001).jump(10.001);
    assert_eq!(d.log(), "ping 5.001, close 10.001");
}

#[test]
fn tornado_6_4_waits_three_intervals_or_half_a_minute_by_default() {
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), None));
    d.run(100.0);
    assert_eq!(d.log(), "ping 5, ping 10, ping 15, ping 20, ping 25, ping 30, close 35, abort 40");
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), None));
    for k in 1..=6 {
        d.jump(5.0 * f64::from(k) + 0.001);
    }
    assert_eq!(d.log(), "ping 5.001, ping 10.001, ping 15.001, ping 20.001, ping 25.001, close 30.001");
}

#[test]
fn tornado_6_4_counts_from_the_last_pong() {
    for k in 1..5 {
        let mut d = Drive::open(profile(Profile::Tornado64, s(5), s(10)));
        for ping in 1..=k {
            d.at(5.0 * f64::from(ping) + 2.0, Input::Pong(Payload::Empty));
        }
        d.run(100.0);
        let end = 5.0 * f64::from(k);
        assert!(d.log().ends_with(&format!("ping {}, ping {}, close {}, abort {}", end + 5.0, end + 10.0, end + 15.0, end + 20.0)));
    }
}

#[test]
fn tornado_6_4_has_its_own_guard_against_a_host_that_slept() {
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), s(10)));
    d.run(5.0).jump(40.0);
    assert_eq!(d.log(), "ping 5, ping 40");
}

#[test]
fn tornado_6_4_with_a_timeout_of_zero_closes_at_the_first_tick() {
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), Some(Duration::ZERO)));
    d.run(6.0);
    assert_eq!(d.log(), "close 5");
}

#[test]
fn tornado_6_4_takes_any_pong_also_a_user_pings_and_an_unsolicited_one() {
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), s(10)));
    d.at(4.0, Input::UserPing);
    for k in 1..20 {
        d.at(4.5 + 5.0 * f64::from(k), Input::Pong(Payload::Other));
    }
    assert_eq!(d.phase(), Phase::Open);
}

#[test]
fn tornado_6_5_closes_a_timeout_after_its_ping() {
    let mut d = Drive::open(profile(Profile::Tornado65, s(5), None));
    d.run(50.0);
    assert_eq!(d.log(), "ping 5, close 1000 10, abort 15");
    assert_eq!(d.verdict().unwrap().reason, "ping timed out");
    let mut d = Drive::open(profile(Profile::Tornado65, s(5), s(2)));
    d.run(50.0);
    assert_eq!(d.log(), "ping 5, close 1000 7, abort 12");
}

#[test]
fn tornado_6_5_cuts_a_timeout_longer_than_the_interval_with_a_note() {
    let mut d = Drive::open(profile(Profile::Tornado65, s(5), s(10)));
    d.run(50.0);
    assert_eq!(d.log(), "note 0, ping 5, close 1000 10, abort 15");
    let clamped = Note::Clamped { from: Span::from_secs(10), to: Span::from_secs(5) };
    assert_eq!(d.actions[0].1, Action::Note(clamped));
}

#[test]
fn tornado_6_5_keeps_an_interval_between_pings_with_a_good_peer() {
    for timeout in [None, s(2), s(10), Some(Duration::ZERO)] {
        let mut d = Drive::open(profile(Profile::Tornado65, s(5), timeout));
        for k in 1..=20 {
            d.at(5.0 * f64::from(k) + 0.25, Input::Pong(Payload::Empty));
        }
        let pings: Vec<f64> =
            d.actions.iter().filter(|(_, a)| matches!(a, Action::Ping(_))).map(|(at, _)| at.as_nanos() as f64 / 1e9).collect();
        let exact: Vec<f64> = (1..=20).map(|k| 5.0 * f64::from(k)).collect();
        assert_eq!(pings, exact, "timeout {timeout:?}");
    }
}

#[test]
fn tornado_6_5_with_a_timeout_of_zero_never_checks() {
    let mut d = Drive::open(profile(Profile::Tornado65, s(5), Some(Duration::ZERO)));
    d.run(500.0);
    assert_eq!((d.phase(), d.actions.len()), (Phase::Open, 100));
}

#[test]
fn websockets_pings_at_20_and_closes_at_40_with_1011() {
    let mut d = Drive::open(profile(Profile::Websockets, None, None));
    d.run(100.0);
    assert_eq!(d.log(), "ping 20, close 1011 40, abort 45");
    assert_eq!(d.verdict().unwrap().reason, "keepalive ping timeout");
    assert!(matches!(d.last_ping(), Payload::Four(_)));
}

#[test]
fn websockets_sends_a_ping_that_is_due_on_the_pong() {
    let mut d = Drive::open(profile(Profile::Websockets, s(5), s(20)));
    d.run(5.0);
    let pong = Input::Pong(d.last_ping());
    d.at(12.0, pong).run(13.0);
    assert_eq!(d.log(), "ping 5, ping 12");
    let pong = Input::Pong(d.last_ping());
    d.at(13.0, pong).run(17.0);
    assert_eq!(d.log(), "ping 5, ping 12, ping 17");
}

#[test]
fn ws_recipe_terminates_at_the_first_miss() {
    let mut d = Drive::open(profile(Profile::WsRecipe, None, None));
    d.run(100.0);
    assert_eq!(d.log(), "ping 30, abort 60");
    let mut d = Drive::open(profile(Profile::WsRecipe, None, None));
    d.at(59.0, Input::Pong(Payload::Empty)).run(100.0);
    assert_eq!(d.log(), "ping 30, ping 60, abort 90");
}

#[test]
fn uwebsockets_pings_shortly_before_the_idle_timeout_and_any_byte_counts() {
    let mut d = Drive::open(profile(Profile::UWebSockets, None, None));
    d.run(200.0);
    assert_eq!(d.log(), "ping 112, abort 120");
    let mut d = Drive::open(profile(Profile::UWebSockets, None, None));
    d.at(100.0, Input::Bytes(1)).at(213.0, Input::Bytes(1)).run(340.0);
    assert_eq!(d.log(), "ping 212, ping 325, abort 333");
}

#[test]
fn gorilla_chat_waits_for_pongs_alone() {
    let mut d = Drive::open(profile(Profile::GorillaChat, None, None));
    d.at(50.0, Input::Data).run(200.0);
    assert_eq!(d.log(), "deliver 50, ping 54, abort 60");
    let mut d = Drive::open(profile(Profile::GorillaChat, None, None));
    d.at(55.0, Input::Pong(Payload::Empty)).run(200.0);
    assert_eq!(d.log(), "ping 54, ping 108, abort 115");
}
