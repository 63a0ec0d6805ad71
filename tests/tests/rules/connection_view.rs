//! Looking into a connection shows what stands, and changes nothing.

use wsbeat_core::connection::{PlaneView, View};
use wsbeat_core::event::{Action, Input, Token};
use wsbeat_core::hub::{Hub, Next};
use wsbeat_core::policy::{Application, Ask, Cadence, Death, Plan, Policy, PolicyConfig, Profile, TokenKind};
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_tests::drive::{Drive, s, secs};

fn strict() -> PolicyConfig {
    PolicyConfig { profile: Some(Profile::Strict), first_ping: s(15), ..PolicyConfig::default() }
}

fn pings_only() -> Policy {
    strict().check(Plan::default()).unwrap()
}

fn asks(token: TokenKind) -> Application {
    let ask = Ask { cadence: Cadence::Together, token, ..Ask::every(Span::from_secs(5), Death::MissesBefore(2)) };
    Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) }
}

fn both_planes() -> Policy {
    strict().check(Plan { application: Some(asks(TokenKind::Timestamp)), ..Plan::default() }).unwrap()
}

fn view(d: &Drive) -> View {
    d.connection().view(&d.policy)
}

fn transport(d: &Drive) -> PlaneView {
    view(d).transport.unwrap()
}

/// (written, answered) of what is remembered, oldest first.
fn recent(plane: PlaneView) -> Vec<(Option<Instant>, bool)> {
    plane.recent.into_iter().flatten().map(|asked| (asked.written, asked.answered)).collect()
}

#[test]
fn a_plane_that_is_off_is_not_shown() {
    let d = Drive::open(Policy::off());
    let v = view(&d);
    assert_eq!((v.transport, v.application), (None, None));
    assert_eq!((v.phase, v.opened, v.last_byte), (d.phase(), Instant::ZERO, Instant::ZERO));
}

#[test]
fn a_plane_that_has_sent_nothing_shows_when_it_will() {
    let d = Drive::open(both_planes());
    let v = view(&d);
    let (pings, beats) = (v.transport.unwrap(), v.application.unwrap());
    assert_eq!((pings.next_due, beats.next_due), (Some(secs(15.0)), Some(secs(5.0))));
    assert_eq!((pings.sent, pings.unanswered, pings.last_answer, pings.srtt), (Some(0), 0, None, None));
    assert_eq!((recent(pings), recent(beats)), (vec![], vec![]));
}

#[test]
fn pings_are_shown_oldest_first_with_what_became_of_them() {
    let mut d = Drive::open(pings_only());
    d.at(16.0, Input::Bytes(1)).at(36.0, Input::Bytes(1));
    let first = d.actions.iter().find_map(|(_, a)| if let Action::Ping(p) = a { Some(*p) } else { None }).unwrap();
    d.input(Input::Pong(first));
    let shown = transport(&d);
    assert_eq!((shown.sent, shown.unanswered), (Some(2), 1));
    assert_eq!((shown.last_answer, shown.srtt), (Some(secs(36.0)), Some(Span::from_secs(21))));
    assert_eq!(shown.recent[0].map(|asked| (asked.token, asked.answered)), Some((first.token(), true)));
    assert_eq!(recent(shown)[1], (Some(secs(35.0)), false));
    d.input(Input::Pong(d.last_ping()));
    assert!(recent(transport(&d)).iter().all(|(_, answered)| *answered));
}

#[test]
fn a_ping_that_is_not_written_yet_has_no_time() {
    let mut d = Drive::open(pings_only());
    d.writable = false;
    d.run(16.0);
    assert_eq!(recent(transport(&d)), [(None, false)]);
    let ping = d.last_ping();
    d.input(Input::PingFlushed(ping));
    assert_eq!(recent(transport(&d)), [(Some(secs(16.0)), false)]);
}

#[test]
fn four_are_remembered_at_most() {
    let mut d = Drive::open(pings_only());
    for k in 1..40 {
        d.at(10.0 * f64::from(k), Input::Bytes(1));
    }
    let times = [315.0, 335.0, 355.0, 375.0].map(|at| (Some(secs(at)), false));
    assert_eq!(recent(transport(&d)), times);
    assert_eq!((transport(&d).sent, transport(&d).unanswered), (Some(19), 19));
}

#[test]
fn heartbeats_are_shown_by_their_tokens() {
    let mut d = Drive::open(both_planes());
    d.run(11.0);
    let tokens = d.tokens();
    let beats = |d: &Drive| view(d).application.unwrap();
    assert_eq!((beats(&d).unanswered, beats(&d).sent, beats(&d).next_due), (2, None, Some(secs(15.0))));
    assert_eq!(beats(&d).recent.into_iter().flatten().map(|asked| asked.token).collect::<Vec<_>>(), tokens);
    assert_eq!(recent(beats(&d)), [(Some(secs(5.0)), false), (Some(secs(10.0)), false)]);
    d.input(Input::Answer(tokens[0]));
    assert_eq!((beats(&d).unanswered, beats(&d).last_answer), (1, Some(secs(11.0))));
    assert_eq!(recent(beats(&d)).iter().map(|(_, answered)| *answered).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn heartbeats_that_are_numbered_are_counted() {
    let plan = Plan { application: Some(asks(TokenKind::Counter)), ..Plan::default() };
    let mut d = Drive::open(PolicyConfig::default().check(plan).unwrap());
    d.run(11.0);
    assert_eq!(view(&d).application.unwrap().sent, Some(2));
    assert_eq!(view(&d).application.unwrap().recent[1].map(|asked| asked.token), Some(Token(2)));
}

#[test]
fn what_is_closing_asks_no_more() {
    let mut d = Drive::open(both_planes());
    d.input(Input::Drain);
    assert_eq!((transport(&d).next_due, view(&d).application.unwrap().next_due), (None, None));
}

#[test]
fn the_hub_shows_its_connections_and_none_that_has_ended() {
    let mut hub = Hub::new(7, 4);
    let policy = hub.register(both_planes());
    let id = hub.accept(Now::default(), policy).unwrap();
    hub.input(Now::default(), id, Input::Opened, &mut |_, _| {});
    let shown = hub.view(id).unwrap();
    assert_eq!(shown, hub.connection(id).unwrap().view(&both_planes()));
    assert_eq!(shown.application.unwrap().next_due, Some(secs(5.0)));
    hub.input(Now::default(), id, Input::Lost, &mut |_, _| {});
    assert_eq!(hub.view(id), None);
}

/// Worker `first` of three: the numbers that its connections get, each ended before the next.
fn numbers(first: u32, count: usize) -> Vec<u32> {
    let mut hub = Hub::new(7, 1).numbered(first, 3);
    let policy = hub.register(Policy::off());
    let one = |_| {
        let id = hub.accept(Now::default(), policy).unwrap();
        hub.input(Now::default(), id, Input::Lost, &mut |_, _| {});
        id.generation
    };
    (0..count).map(one).collect()
}

#[test]
fn hubs_that_number_in_turn_never_give_the_same_number() {
    assert_eq!(numbers(1, 3), [1, 4, 7]);
    let mut all: Vec<u32> = (0..3).flat_map(|first| numbers(first, 50)).collect();
    all.sort_unstable();
    assert_eq!(all, (0..150).collect::<Vec<_>>());
}

#[test]
fn numbers_that_ran_out_begin_anew_in_the_same_turn() {
    let last = u32::MAX / 3 * 3 - 2;
    assert_eq!(numbers(last, 3), [last, 1, 4]);
}

#[test]
fn a_number_that_is_given_counts_on_in_turn_and_a_step_of_zero_is_one() {
    let next = |mut hub: Hub| {
        hub.number_next(40);
        let policy = hub.register(Policy::off());
        let ids = [(), ()].map(|()| hub.accept(Now::default(), policy).unwrap().generation);
        let idle = hub.advance(Now::default(), 1, &mut |_, _| {});
        (ids, matches!(idle, Next::At(_)))
    };
    assert_eq!(next(Hub::new(1, 2).numbered(1, 3)), ([40, 43], true));
    assert_eq!(next(Hub::new(1, 2).numbered(0, 0)), ([40, 41], true));
}

#[test]
fn a_plane_that_only_listens_shows_that_it_sends_nothing() {
    let listens = Application { ask: None, ..asks(TokenKind::Counter) };
    let d = Drive::open(strict().check(Plan { application: Some(listens), ..Plan::default() }).unwrap());
    let plane = view(&d).application.unwrap();
    assert_eq!((plane.unanswered, plane.sent, plane.next_due, plane.last_answer, plane.srtt), (0, None, None, None, None));
    assert_eq!(recent(plane), []);
}

#[test]
fn what_is_written_shows_its_time_beside_a_newer_one_that_is_not() {
    let mut d = Drive::open(both_planes());
    d.at(5.0, Input::Bytes(1)).run(6.0);
    d.writable = false;
    d.run(11.0);
    assert_eq!(recent(view(&d).application.unwrap()), [(Some(secs(5.0)), false), (None, false)]);
    d.input(Input::Answer(d.tokens()[0]));
    assert_eq!(recent(view(&d).application.unwrap()), [(None, true), (None, false)], "of what is answered no time is kept");
    let mut d = Drive::open(pings_only());
    d.run(16.0);
    d.input(Input::Bytes(1)).writable = false;
    d.run(36.0);
    assert_eq!(recent(transport(&d)), [(Some(secs(15.0)), false), (None, false)]);
}
