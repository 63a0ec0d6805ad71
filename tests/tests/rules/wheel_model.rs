//! The timer wheel is a sorted map: the same keys come out at the same times, and the next time is exact.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use wsbeat_core::time::Instant;
use wsbeat_core::wheel::Wheel;

/// The wheel as it is meant: every key with its time, sorted both ways.
#[derive(Default)]
struct Model {
    times: BTreeMap<u32, Instant>,
    order: BTreeSet<(Instant, u32)>,
}

impl Model {
    fn arm(&mut self, key: u32, at: Instant) {
        self.disarm(key);
        if at != Instant::NEVER {
            self.times.insert(key, at);
            self.order.insert((at, key));
        }
    }

    fn disarm(&mut self, key: u32) {
        if let Some(at) = self.times.remove(&key) {
            self.order.remove(&(at, key));
        }
    }

    fn armed(&self, key: u32) -> Instant {
        self.times.get(&key).copied().unwrap_or(Instant::NEVER)
    }

    fn next(&self) -> Instant {
        self.order.first().map_or(Instant::NEVER, |(at, _)| *at)
    }

    fn expire(&mut self, now: Instant) -> Vec<u32> {
        let mut keys = Vec::new();
        while let Some((at, key)) = self.order.first().copied() {
            if at > now {
                break;
            }
            self.disarm(key);
            keys.push(key);
        }
        keys.sort_unstable();
        keys
    }
}

/// Both, side by side.
#[derive(Default)]
struct Pair {
    wheel: Wheel,
    model: Model,
    out: Vec<u32>,
}

impl Pair {
    fn arm(&mut self, key: u32, at: Instant) {
        self.wheel.arm(key, at);
        self.model.arm(key, at);
        assert_eq!(self.wheel.armed(key), at);
    }

    fn disarm(&mut self, key: u32) {
        self.wheel.disarm(key);
        self.model.disarm(key);
        assert_eq!(self.wheel.armed(key), Instant::NEVER);
    }

    fn next(&mut self) -> Instant {
        let at = self.wheel.next();
        assert_eq!(at, self.model.next());
        at
    }

    fn expire(&mut self, now: Instant) {
        self.out.clear();
        self.wheel.expire(now, &mut self.out);
        self.out.sort_unstable();
        assert_eq!(self.out, self.model.expire(now), "at {now:?}");
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Arm(key, at) => self.arm(key, at),
            Op::Disarm(key) => self.disarm(key),
            Op::Armed(key) => assert_eq!(self.wheel.armed(key), self.model.armed(key)),
            Op::Next => drop(self.next()),
            Op::Expire(now) => self.expire(now),
            Op::ExpireNext => {
                let at = self.next();
                self.expire(at);
            }
        }
    }

    /// Everything that is left comes out in order, each time at the time that was promised.
    fn drain(mut self) {
        while self.next() != Instant::NEVER {
            self.apply(&Op::ExpireNext);
            assert!(!self.out.is_empty());
        }
        assert!(self.model.times.is_empty());
    }
}

#[derive(Clone, Debug)]
enum Op {
    Arm(u32, Instant),
    Disarm(u32),
    Armed(u32),
    Next,
    Expire(Instant),
    ExpireNext,
}

/// Times where wheels break: near, on and beside the borders of slots of every level, and both ends of the numbers.
fn time() -> impl Strategy<Value = Instant> {
    let near = 0..200_000_000u64;
    let minutes = 0..600_000_000_000u64;
    let border = (0..8u32, 0..130u64, 0..5u64).prop_map(|(level, slot, off)| {
        let border = u128::from(slot) << (20 + 6 * level);
        u64::try_from(border).unwrap_or(u64::MAX).saturating_add(off).saturating_sub(2)
    });
    let end = (0..300_000_000u64).prop_map(|back| u64::MAX - back);
    prop_oneof![4 => near, 4 => minutes, 4 => border, 1 => end, 1 => any::<u64>(), 1 => Just(u64::MAX), 1 => Just(0)]
        .prop_map(Instant::from_nanos)
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..24u32;
    prop_oneof![
        8 => (key.clone(), time()).prop_map(|(key, at)| Op::Arm(key, at)),
        2 => key.clone().prop_map(Op::Disarm),
        1 => key.prop_map(Op::Armed),
        3 => Just(Op::Next),
        2 => time().prop_map(Op::Expire),
        4 => Just(Op::ExpireNext),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_wheel_does_what_a_sorted_map_does(ops in prop::collection::vec(op(), 1..300)) {
        let mut pair = Pair::default();
        for op in &ops {
            pair.apply(op);
        }
        pair.drain();
    }

    /// The life of a server: time goes on in steps small and large, keys are armed ahead of it and now and then behind.
    #[test]
    fn so_it_does_when_time_only_goes_on(
        steps in prop::collection::vec((0..40u32, 0..64u32, any::<u64>(), 0..48u32, any::<bool>()), 1..400)
    ) {
        let mut pair = Pair::default();
        let mut now = 0u64;
        for (key, ahead_bits, ahead, step_bits, look) in steps {
            let ahead = ahead & ((1u64 << ahead_bits) - 1);
            let at = if ahead_bits % 8 == 0 { now.saturating_sub(ahead >> 16) } else { now.saturating_add(ahead) };
            pair.arm(key, Instant::from_nanos(at));
            if look {
                now = now.saturating_add(ahead & ((1u64 << step_bits) - 1));
                pair.expire(Instant::from_nanos(now));
                assert!(pair.next() > Instant::from_nanos(now) || now == u64::MAX);
            }
        }
        pair.drain();
    }
}

#[test]
fn the_ends_of_the_numbers_are_ordinary_times() {
    let mut pair = Pair::default();
    let (first, last) = (Instant::ZERO, Instant::from_nanos(u64::MAX - 1));
    pair.arm(0, first);
    pair.arm(1, last);
    pair.arm(2, Instant::NEVER);
    assert_eq!(pair.next(), first);
    pair.expire(first);
    assert_eq!(pair.out, [0]);
    assert_eq!(pair.next(), last);
    pair.expire(Instant::from_nanos(u64::MAX - 2));
    assert!(pair.out.is_empty());
    pair.expire(last);
    assert_eq!(pair.out, [1]);
    assert_eq!(pair.next(), Instant::NEVER);
    // After the last instant the past is still a time to be armed at.
    pair.arm(3, Instant::from_secs(1));
    pair.arm(4, last);
    assert_eq!(pair.next(), Instant::from_secs(1));
    pair.expire(Instant::NEVER);
    assert_eq!(pair.out, [3, 4]);
}

#[test]
fn one_jump_over_everything_hands_out_everything_once() {
    let mut pair = Pair::default();
    for key in 0..64 {
        pair.arm(key, Instant::from_nanos(1 << key));
    }
    pair.expire(Instant::from_nanos(u64::MAX - 1));
    assert_eq!(pair.out, (0..64).collect::<Vec<_>>());
    pair.expire(Instant::NEVER);
    assert!(pair.out.is_empty());
}

#[test]
fn a_step_back_hands_out_only_what_was_armed_that_early() {
    let mut pair = Pair::default();
    pair.expire(Instant::from_secs(100));
    pair.arm(0, Instant::from_secs(50));
    pair.arm(1, Instant::from_secs(90));
    pair.arm(2, Instant::from_secs(110));
    pair.expire(Instant::from_secs(60));
    assert_eq!(pair.out, [0]);
    assert_eq!(pair.next(), Instant::from_secs(90));
    pair.expire(Instant::from_secs(10));
    assert!(pair.out.is_empty());
    pair.expire(Instant::from_secs(100));
    assert_eq!(pair.out, [1]);
    assert_eq!(pair.next(), Instant::from_secs(110));
}

#[test]
fn a_key_armed_again_and_again_comes_out_once_at_its_last_time() {
    let mut pair = Pair::default();
    for round in 0..10_000u64 {
        let nanos = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (round % 40 + 4);
        pair.arm((round % 7) as u32, Instant::from_nanos(nanos));
        pair.next();
    }
    pair.drain();
}

#[test]
fn the_next_time_of_a_crowd_is_not_searched_for_at_each_call() {
    const CROWD: u32 = 200_000;
    let mut wheel = Wheel::default();
    let far = Instant::from_secs(3_600);
    let begun = std::time::Instant::now();
    for key in 0..CROWD {
        wheel.arm(key, Instant::from_nanos(far.as_nanos() + u64::from(key)));
        assert_eq!(wheel.next(), far);
    }
    for key in (1..CROWD).rev() {
        wheel.disarm(key);
        assert_eq!(wheel.next(), far);
        wheel.arm(key, Instant::from_nanos(far.as_nanos() + u64::from(key)));
    }
    // The earliest goes: one search, whoever asks how often.
    wheel.disarm(0);
    for _ in 0..CROWD {
        assert_eq!(wheel.next(), Instant::from_nanos(far.as_nanos() + 1));
    }
    // All at one time: whoever goes, the time stays.
    for key in 1..CROWD {
        wheel.arm(key, far);
    }
    for key in 0..CROWD - 1 {
        wheel.disarm(key);
        assert_eq!(wheel.next(), far);
    }
    // A search at each call would take 6 · 10^10 steps.
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}
