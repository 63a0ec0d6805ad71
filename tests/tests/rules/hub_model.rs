//! The hub is a naive scan: the same actions in the same order as a list of connections that are all asked at each call.

use proptest::prelude::*;
use wsbeat_core::connection::{ConnectionRef, Phase};
use wsbeat_core::event::Input;
use wsbeat_core::hub::{Full, Hub, Next};
use wsbeat_core::time::{Instant, Now};
use wsbeat_tests::hub_model::naive::Event;
use wsbeat_tests::hub_model::script::{Say, VARIANTS, op, say, step, variant};
use wsbeat_tests::hub_model::{CONNECTIONS_MAX, Pair};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_hub_does_what_a_naive_scan_does(
        seed in any::<u64>(),
        first in 0..VARIANTS,
        ops in prop::collection::vec((step(), 0..100u64, op()), 1..200),
    ) {
        let mut pair = Pair::new(seed, first);
        for (step, wall_ms, op) in &ops {
            pair.step(*step, *wall_ms);
            pair.apply(op);
            pair.compare_whole();
        }
    }

    /// Left alone, every connection comes to its end or beats on, by exact jumps, without a wake-up at which time stands still.
    #[test]
    fn jumping_from_instant_to_instant_it_does_so_too(
        seed in any::<u64>(),
        first in 0..VARIANTS,
        begun in prop_oneof![4 => 0..10_000_000_000u64, 1 => u64::MAX - 40_000_000_000..u64::MAX],
        ops in prop::collection::vec((0..3_000_000_000u64, op()), 1..60),
    ) {
        let mut pair = Pair::new(seed, first);
        pair.now = begun;
        for (nanos, op) in &ops {
            let target = pair.now.saturating_add(*nanos);
            for _ in 0..500 {
                match pair.advance(2) {
                    Next::Again => {}
                    Next::At(at) if at.as_nanos() <= target => pair.now = at.as_nanos(),
                    Next::At(_) | Next::Idle => break,
                }
                pair.compare_whole();
            }
            pair.now = target;
            pair.apply(op);
            pair.compare_whole();
        }
    }

    /// What one connection is told, and whether it lives, changes nothing for the others (law 8).
    #[test]
    fn what_one_is_told_does_not_change_what_the_others_do(
        seed in any::<u64>(),
        variants in prop::collection::vec(3..VARIANTS, 4),
        script in prop::collection::vec((0..2_000_000_000u64, 0..4usize, say()), 1..120),
    ) {
        let told = isolated(seed, &variants, &script, true);
        let untold = isolated(seed, &variants, &script, false);
        assert_eq!(told, untold);
    }
}

/// Four connections that are never late; gives what all but the first do. `talk`: whether the first one is told anything.
fn isolated(seed: u64, variants: &[u8], script: &[(u64, usize, Say)], talk: bool) -> Vec<(u64, Event)> {
    let mut pair = Pair::new(seed, 0);
    let mut ids = vec![];
    for n in variants {
        let policy = pair.hub.register(variant(*n));
        let id = pair.hub.accept(pair.present(), policy).expect("room for four");
        pair.hub.input(pair.present(), id, Input::Opened, &mut pair.log);
        ids.push(id);
    }
    let mut others = vec![];
    for (nanos, who, say) in script {
        let target = pair.now + nanos;
        loop {
            let before = pair.log.0.len();
            let next = pair.hub.advance(pair.present(), 1, &mut pair.log);
            others.extend(pair.log.0[before..].iter().filter(|e| e.id() != ids[0]).map(|e| (pair.now, *e)));
            match next {
                Next::Again => {}
                Next::At(at) if at.as_nanos() <= target => pair.now = at.as_nanos(),
                Next::At(_) | Next::Idle => break,
            }
        }
        pair.now = target;
        if *who == 0 && !talk {
            continue;
        }
        let id = ids[*who];
        // What was left unread may become due in the past: then the hub is late for all of them.
        let input = match pair.resolve(id, *say) {
            Input::Unread => Input::Data,
            input => input,
        };
        let before = pair.log.0.len();
        pair.hub.input(pair.present(), id, input, &mut pair.log);
        others.extend(pair.log.0[before..].iter().filter(|e| e.id() != ids[0]).map(|e| (pair.now, *e)));
    }
    others
}

#[test]
fn equal_policies_share_an_id_and_others_do_not() {
    let mut hub = Hub::new(1, CONNECTIONS_MAX);
    let ids: Vec<_> = (0..VARIANTS).map(|n| hub.register(variant(n))).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert_eq!((0..VARIANTS).map(|n| hub.register(variant(n))).collect::<Vec<_>>(), ids);
}

#[test]
fn threat_27_a_slot_is_used_again_and_its_old_id_stays_dead() {
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(variant(0));
    let now = Now::default();
    let first = hub.accept(now, policy).unwrap();
    assert_eq!(hub.accept(now, policy), Err(Full { connections_max: 1 }));
    assert_eq!(hub.input(now, first, Input::Lost, &mut |_, _| {}), Phase::Ended);
    let second = hub.accept(now, policy).unwrap();
    assert_eq!((second.index, second.generation), (first.index, first.generation + 1));
    assert_eq!(hub.input(now, first, Input::Opened, &mut |_, _| {}), Phase::Ended);
    assert_eq!(hub.connection(second).map(ConnectionRef::phase), Some(Phase::Handshake));
}

#[test]
fn a_policy_of_another_hub_is_no_policy() {
    let (mut hub, mut other) = (Hub::new(1, 1), Hub::new(1, 1));
    let foreign = (0..VARIANTS).map(|n| other.register(variant(n))).max().unwrap();
    let now = Now::default();
    hub.replace(now, foreign, variant(0), &mut |_, _| {});
    let id = hub.accept(now, foreign).unwrap();
    hub.input(now, id, Input::Opened, &mut |_, _| {});
    assert_eq!(hub.advance(Now::new(Instant::from_secs(1_000), 0), 9, &mut |_, _| {}), Next::Idle);
}
