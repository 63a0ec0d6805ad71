//! What a hub says of its connections, and what becomes of one that is put under another policy.

use std::time::Duration;

use wsbeat_core::event::{Action, ConnId, Input};
use wsbeat_core::hub::{Full, Hub, Next};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig};
use wsbeat_core::time::{Instant, Now};

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
