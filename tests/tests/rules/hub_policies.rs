//! What a hub says of its connections, and what becomes of one that is put under another policy.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Action, ConnId, Input, Token};
use wsbeat_core::hub::{Full, Hub, Next};
use wsbeat_core::policy::{Application, Ask, Death, Evidence, Plan, Policy, PolicyConfig, Start, Unsolicited};
use wsbeat_core::time::{Instant, Now, Span};

fn at(secs: u64) -> Now {
    Now::new(Instant::from_secs(secs), 0)
}

fn pings_every(secs: u64) -> Policy {
    let every = Some(Duration::from_secs(secs));
    PolicyConfig { ping_interval: every, first_ping: every, ..PolicyConfig::default() }.check(Plan::default()).unwrap()
}

#[test]
fn a_connection_runs_under_the_policy_that_it_was_assigned_last() {
    let mut hub = Hub::new(1, 2);
    let (off, pings) = (hub.register(Policy::off()), hub.register(pings_every(7)));
    let ids = [0; 2].map(|_| hub.accept(at(0), off).unwrap());
    for id in ids {
        hub.input(at(0), id, Input::Opened, &mut |_, _| {});
    }
    // The handshakes' deadline, which is over, is looked at once more.
    assert_eq!(hub.advance(at(5), 9, &mut |_, _| {}), Next::Idle);
    hub.assign(at(6), ids[1], pings, &mut |_, _| {});
    assert_eq!(hub.next_due(), Next::At(Instant::from_secs(13)));
    let mut done: Vec<(ConnId, Action)> = vec![];
    let _ = hub.advance(at(13), 9, &mut |id, action| done.push((id, action)));
    assert!(matches!(done[..], [(id, Action::Ping(_))] if id == ids[1]), "{done:?}");
    assert_eq!(hub.view(ids[1]).unwrap().transport.unwrap().sent, Some(1));
    assert_eq!(hub.view(ids[0]).unwrap().transport, None);
    hub.assign(at(14), ids[1], off, &mut |_, _| {});
    assert_eq!(hub.view(ids[1]).unwrap().transport, None);
}

#[test]
fn a_stale_id_and_a_policy_of_another_hub_assign_nothing() {
    let (mut hub, mut other) = (Hub::new(1, 1), Hub::new(1, 1));
    let slow = hub.register(pings_every(100));
    let foreign = (1..9).map(|n| other.register(pings_every(n))).max().unwrap();
    let id = hub.accept(at(0), slow).unwrap();
    hub.input(at(0), id, Input::Opened, &mut |_, _| {});
    assert_eq!(hub.advance(at(5), 9, &mut |_, _| {}), Next::At(Instant::from_secs(100)));
    hub.assign(at(6), id, foreign, &mut |_, _| {});
    assert_eq!(hub.next_due(), Next::At(Instant::from_secs(100)));
    hub.input(at(6), id, Input::Lost, &mut |_, _| {});
    hub.assign(at(7), id, slow, &mut |_, action| panic!("{action:?}"));
    assert_eq!((hub.next_due(), hub.view(id), hub.is_empty()), (Next::Idle, None, true));
}

#[test]
fn a_full_hub_says_how_many_it_may_have() {
    assert_eq!(Full { connections_max: 7 }.to_string(), "connections = 7: at most 7");
}

#[test]
fn connections_are_numbered_from_one_in_the_order_of_opening() {
    let mut hub = Hub::new(1, 3);
    let policy = hub.register(Policy::off());
    let numbers = [0; 3].map(|_| hub.accept(at(0), policy).unwrap().number());
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn the_first_policy_id_that_a_hub_did_not_give_is_no_policy_of_it() {
    let (mut hub, mut other) = (Hub::new(1, 2), Hub::new(1, 1));
    let foreign = other.register(pings_every(3));
    let id = hub.accept(at(0), foreign).unwrap();
    hub.input(at(0), id, Input::Opened, &mut |_, _| {});
    assert_eq!(hub.view(id).unwrap().transport, None);
    hub.assign(at(0), id, foreign, &mut |_, action| panic!("{action:?}"));
    hub.replace(at(0), foreign, pings_every(3), &mut |_, action| panic!("{action:?}"));
    assert_eq!(hub.view(id).unwrap().transport, None);
}

#[test]
fn whether_something_is_due_is_told_to_the_nanosecond_and_as_long_as_it_is() {
    let mut hub = Hub::new(1, 2);
    let policy = hub.register(pings_every(7));
    assert!(!hub.is_due(Instant::from_secs(1_000)));
    for _ in 0..2 {
        let id = hub.accept(at(0), policy).unwrap();
        hub.input(at(0), id, Input::Opened, &mut |_, _| {});
    }
    // The handshakes' deadline, which is over, is looked at once more.
    assert_eq!(hub.advance(at(5), 9, &mut |_, _| {}), Next::At(Instant::from_secs(7)));
    assert!(!hub.is_due(Instant::from_nanos(6_999_999_999)));
    assert!(hub.is_due(Instant::from_secs(7)));
    assert_eq!(hub.advance(at(7), 1, &mut |_, _| {}), Next::Again);
    assert!(hub.is_due(Instant::from_secs(7)), "one is left over");
    assert_eq!(hub.advance(at(7), 1, &mut |_, _| {}), Next::At(Instant::from_secs(14)));
    assert!(!hub.is_due(Instant::from_secs(7)));
}

#[test]
fn connections_are_there_until_they_end() {
    let mut hub = Hub::new(1, 2);
    assert_eq!((hub.len(), hub.is_empty()), (0, true));
    let policy = hub.register(Policy::off());
    let ids = [0; 2].map(|_| hub.accept(at(0), policy).unwrap());
    assert_eq!((hub.len(), hub.is_empty()), (2, false));
    assert_eq!(hub.input(at(0), ids[0], Input::Lost, &mut |_, _| {}), Phase::Ended);
    assert_eq!((hub.len(), hub.is_empty(), hub.ids().collect::<Vec<_>>()), (1, false, vec![ids[1]]));
    hub.input(at(0), ids[1], Input::Lost, &mut |_, _| {});
    assert_eq!((hub.len(), hub.is_empty()), (0, true));
}

#[test]
fn a_policy_is_replaced_under_the_last_place_as_well_when_those_before_it_are_vacant() {
    let mut hub = Hub::new(1, 3);
    let policy = hub.register(Policy::off());
    let ids = [0; 3].map(|_| hub.accept(at(0), policy).unwrap());
    hub.input(at(0), ids[2], Input::Opened, &mut |_, _| {});
    for id in &ids[..2] {
        hub.input(at(0), *id, Input::Lost, &mut |_, _| {});
    }
    hub.replace(at(0), policy, pings_every(3), &mut |_, action| panic!("{action:?}"));
    assert_eq!(hub.next_due(), Next::At(Instant::from_secs(3)));
}

#[test]
fn hubs_that_will_do_otherwise_hash_otherwise() {
    let mut hub = Hub::new(1, 3);
    let policy = hub.register(pings_every(100));
    let open = |hub: &mut Hub, secs| {
        let id = hub.accept(at(secs), policy).unwrap();
        hub.input(at(secs), id, Input::Opened, &mut |_, _| {});
        id
    };
    let first = [0; 2].map(|_| open(&mut hub, 0));
    let _ = hub.advance(at(5), 9, &mut |_, action| panic!("{action:?}"));
    let last = open(&mut hub, 5);
    // Only the wheel tells what comes of these two apart: whether it was looked at the deadline of the last handshake, which is over.
    let hash = |hub: &Hub, looks: bool| {
        let mut hub = hub.clone();
        hub.assign(at(10), last, policy, &mut |_, action| panic!("{action:?}"));
        if looks {
            let _ = hub.advance(at(10), 9, &mut |_, action| panic!("{action:?}"));
        }
        BuildHasherDefault::<DefaultHasher>::default().hash_one(&hub)
    };
    assert_eq!(hash(&hub, false), hash(&hub.clone(), false));
    assert_ne!(hash(&hub, false), hash(&hub, true));
    hub.input(at(5), first[0], Input::Lost, &mut |_, _| {});
    assert_ne!(hash(&hub, false), hash(&hub, true), "with a place that is vacant");
}

#[test]
fn what_is_read_after_it_lay_unread_may_be_due_at_once() {
    let strict = PolicyConfig {
        ping_interval: Some(Duration::from_secs(20)),
        ping_timeout: Some(Duration::from_secs(5)),
        first_ping: Some(Duration::from_secs(15)),
        evidence: Some(Evidence::PongOnly),
        ..PolicyConfig::default()
    };
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(strict.check(Plan::default()).unwrap());
    let id = hub.accept(at(0), policy).unwrap();
    hub.input(at(0), id, Input::Opened, &mut |_, _| {});
    let mut ping = None;
    for secs in [5, 15] {
        let _ = hub.advance(at(secs), 9, &mut |_, action| {
            if let Action::Ping(payload) = action {
                ping = Some(payload)
            }
        });
    }
    hub.input(at(15), id, Input::PingFlushed(ping.unwrap()), &mut |_, _| {});
    hub.input(at(16), id, Input::Unread, &mut |_, _| {});
    assert_eq!(hub.advance(at(21), 9, &mut |_, action| panic!("{action:?}")), Next::At(Instant::from_secs(35)), "the next ping");
    hub.input(at(22), id, Input::Bytes(1), &mut |_, action| panic!("{action:?}"));
    assert_eq!(hub.next_due(), Next::At(Instant::from_secs(22)));
}

#[test]
fn what_an_unasked_answer_closes_has_the_time_of_a_close_handshake() {
    let every = Ask::every(Span::from_secs(50), Death::MissesBefore(2));
    let ask = Ask { unsolicited: Unsolicited::Refused, start: Start::Interval, ..every };
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(Policy { application: Some(application), ..Policy::off() });
    let id = hub.accept(at(0), policy).unwrap();
    hub.input(at(0), id, Input::Opened, &mut |_, _| {});
    assert_eq!(hub.advance(at(5), 9, &mut |_, _| {}), Next::At(Instant::from_secs(50)));
    assert_eq!(hub.input(at(10), id, Input::Answer(Token(7)), &mut |_, _| {}), Phase::Closing);
    assert_eq!(hub.next_due(), Next::At(Instant::from_secs(15)));
}
