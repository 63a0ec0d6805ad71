//! Fine points of the profiles: unread input, pongs of the user's and late ones, and ticks that another plane asked for.

use wsbeat_core::event::{Action, Counter, Input, Payload, Plane};
use wsbeat_core::hub::{Hub, Next};
use wsbeat_core::policy::{Application, Ask, Death, Policy, Profile, Start};
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_tests::drive::{Drive, profile, s, secs};

/// With heartbeats every `period` ms besides, of which nobody dies.
fn and_beats(policy: Policy, period: u64) -> Policy {
    let ask = Ask { start: Start::Interval, ..Ask::every(Span::from_millis(period), Death::Never) };
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: None };
    Policy { application: Some(application), ..policy }
}

#[test]
fn a_deadline_that_passed_while_input_lay_unread_passes_when_it_is_read() {
    for (of, interval, timeout, pinged) in
        [(Profile::Tornado65, 5, 5, 5.0), (Profile::Websockets, 5, 5, 5.0), (Profile::GorillaChat, 54, 60, 54.0)]
    {
        let mut d = Drive::open(profile(of, s(interval), s(timeout)));
        d.at(pinged + 0.5, Input::Unread).at(80.0, Input::Bytes(1));
        assert_eq!(d.deadline(), secs(80.0), "{of:?}");
        d.run(80.0);
        assert_eq!(d.verdict().unwrap().deadline, secs(80.0), "{of:?}");
    }
}

#[test]
fn what_lay_unread_does_not_move_pings_that_nobody_waits_for() {
    for of in [Profile::Tornado65, Profile::Websockets] {
        let mut d = Drive::open(profile(of, s(20), s(1)));
        d.run(20.0);
        let ping = d.last_ping();
        d.at(20.5, Input::Pong(ping)).at(21.0, Input::Unread).at(30.0, Input::Bytes(1)).at(31.0, Input::Reconfigured);
        assert_eq!(d.deadline(), secs(40.0), "{of:?}");
    }
}

#[test]
fn a_pong_brings_the_next_ping_forward_to_now_at_the_earliest_where_one_was_waited_for() {
    let mut d = Drive::open(profile(Profile::Tornado65, s(5), s(5)));
    d.at(6.0, Input::Unread).at(13.0, Input::Pong(Payload::Empty));
    assert_eq!(d.deadline(), secs(13.0));
    // Where none was waited for, or by other rules, a late tick stays late.
    let mut late = Drive::open(profile(Profile::Tornado65, s(5), s(5)));
    late.at(6.0, Input::Pong(Payload::Empty)).now = secs(12.0);
    late.input(Input::Pong(Payload::Empty));
    assert_eq!(late.deadline(), secs(10.0));
    let mut late = Drive::open(profile(Profile::Tornado64, s(5), s(10)));
    late.run(6.0).now = secs(12.0);
    late.input(Input::Pong(Payload::Empty));
    assert_eq!(late.deadline(), secs(10.0));
}

#[test]
fn no_second_ping_goes_out_while_one_is_waited_for_whoever_asks() {
    for (of, interval, timeout, log) in
        [(Profile::Tornado65, 5, 5, "ping 5"), (Profile::Websockets, 5, 5, "ping 5"), (Profile::UWebSockets, 5, 8, "ping 5")]
    {
        let mut d = Drive::open(and_beats(profile(of, s(interval), s(timeout)), 1_000));
        d.at(5.5, Input::Unread).run(12.5);
        let pings = d.log().split(", ").filter(|line| line.starts_with("ping")).collect::<Vec<_>>().join(", ");
        assert_eq!(pings, log, "{of:?}");
    }
    let mut d = Drive::open(and_beats(profile(Profile::UWebSockets, s(112), s(8)), 1_000));
    d.run(119.5);
    assert_eq!(d.log().matches("ping").count(), 1);
}

#[test]
fn websockets_takes_only_the_pong_that_it_waits_for() {
    let mut d = Drive::open(profile(Profile::Websockets, None, None));
    d.run(20.0);
    d.at(21.0, Input::Pong(Payload::Four(1))).run(100.0);
    assert_eq!(d.log(), "ping 20, close 1011 40, abort 45");
}

/// What is counted of pongs: matched, of the user's, unsolicited; and how many round trips there were.
fn pongs(of: Profile, what: impl Fn(Payload) -> Vec<Input>) -> [u64; 4] {
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(profile(of, s(5), s(5)));
    let id = hub.accept(Now::default(), policy).unwrap();
    hub.input(Now::default(), id, Input::Opened, &mut |_, _| {});
    let now = Now::new(Instant::from_secs(5), 0);
    let mut ping = Payload::Other;
    let _ = hub.advance(now, 9, &mut |_, action| {
        if let Action::Ping(payload) = action {
            ping = payload;
        }
    });
    hub.input(now, id, Input::PingFlushed(ping), &mut |_, _| {});
    for input in what(ping) {
        hub.input(now, id, input, &mut |_, _| {});
    }
    let stats = hub.stats();
    let [matched, users, unsolicited] = [Counter::PongsMatched, Counter::PongsUser, Counter::PongsUnsolicited].map(|c| stats.get(c));
    [matched, users, unsolicited, stats.rtt(Plane::Transport).count()]
}

#[test]
fn a_pong_is_counted_once_as_what_it_is() {
    for of in [Profile::Tornado64, Profile::Tornado65, Profile::UWebSockets, Profile::Websockets] {
        let twice = pongs(of, |ping| vec![Input::Pong(ping), Input::Pong(ping)]);
        assert_eq!(twice, [1, 0, 1, 1], "{of:?}: the second answers nothing");
        let stranger = Payload::Four(9);
        let users = pongs(of, |_| vec![Input::UserPing, Input::Pong(stranger)]);
        assert_eq!(users, [0, 1, 0, 0], "{of:?}: one of the user's is no round trip");
        let after = pongs(of, |ping| vec![Input::Pong(ping), Input::UserPing, Input::Pong(stranger), Input::Pong(stranger)]);
        assert_eq!(after, [1, 1, 1, 1], "{of:?}");
    }
}

#[test]
fn with_the_plane_off_a_pong_is_the_users_or_unsolicited() {
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(Policy::off());
    let id = hub.accept(Now::default(), policy).unwrap();
    for input in [Input::Opened, Input::UserPing, Input::Pong(Payload::Other), Input::Pong(Payload::Other)] {
        hub.input(Now::default(), id, input, &mut |_, _| {});
    }
    assert_eq!([Counter::PongsUser, Counter::PongsUnsolicited].map(|c| hub.stats().get(c)), [1, 1]);
}

#[test]
fn a_pong_that_brings_the_next_ping_forward_is_seen_by_the_hub() {
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(profile(Profile::Websockets, s(20), s(40)));
    let id = hub.accept(Now::default(), policy).unwrap();
    hub.input(Now::default(), id, Input::Opened, &mut |_, _| {});
    let now = |secs| Now::new(Instant::from_secs(secs), 0);
    let mut ping = Payload::Other;
    for secs in [5, 20] {
        let _ = hub.advance(now(secs), 9, &mut |_, action| {
            if let Action::Ping(payload) = action {
                ping = payload;
            }
        });
    }
    hub.input(now(20), id, Input::PingFlushed(ping), &mut |_, _| {});
    assert_eq!(hub.next_due(), Next::At(Instant::from_secs(60)));
    hub.input(now(21), id, Input::Pong(ping), &mut |_, action| panic!("{action:?}"));
    assert_eq!(hub.next_due(), Next::At(Instant::from_secs(40)));
}

#[test]
fn the_four_bytes_of_websockets_are_others_each_time() {
    let mut d = Drive::open(profile(Profile::Websockets, None, None));
    let mut payloads = vec![];
    for k in 1..=50 {
        d.run(20.0 * f64::from(k));
        payloads.push(d.last_ping());
        d.input(Input::Pong(d.last_ping()));
    }
    payloads.sort_by_key(|payload| payload.token());
    payloads.dedup();
    assert_eq!(payloads.len(), 50, "{payloads:?}");
    assert!(payloads.iter().all(|payload| matches!(payload, Payload::Four(_))));
}

#[test]
fn tornado_6_4_excuses_a_tick_that_comes_two_intervals_after_its_last_ping() {
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), s(10)));
    d.jump(5.0).jump(15.0);
    assert_eq!(d.log(), "ping 5, ping 15");
    let mut d = Drive::open(profile(Profile::Tornado64, s(5), s(10)));
    d.jump(5.0).jump(14.999);
    assert_eq!(d.log(), "ping 5, close 14.999");
}
