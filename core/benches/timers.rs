//! The wheel beside other timers: a million keys that are due every 20 s, give or take a tenth; the cost of one that fires
//! and is armed again.
#![allow(missing_docs, clippy::disallowed_methods, reason = "a measurement, not the core")]

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant as Clock};

use criterion::{Criterion, criterion_group, criterion_main};
use tokio_util::time::DelayQueue;
use wsbeat_core::rng::Rng;
use wsbeat_core::time::{Instant, Span};
use wsbeat_core::wheel::Wheel;

const KEYS: u32 = 1_000_000;
/// Time goes on by this much a turn.
const TURN: Span = Span::from_millis(10);

/// 20 s ± a tenth.
fn period(rng: &mut Rng) -> Span {
    Span::from_millis(18_000).plus(Span::from_nanos(rng.below(4_000_000_000)))
}

fn first(rng: &mut Rng) -> Instant {
    Instant::from_nanos(rng.below(20_000_000_000))
}

/// Turns until `wanted` keys were armed again, and the time for that many.
fn timed(wanted: u64, mut turn: impl FnMut() -> u64) -> Duration {
    let (begun, mut armed) = (Clock::now(), 0);
    while armed < wanted {
        armed += turn();
    }
    begun.elapsed().mul_f64(wanted as f64 / armed as f64)
}

fn wheel(c: &mut Criterion) {
    let (mut wheel, mut rng, mut now, mut fired) = (Wheel::default(), Rng::new(1), Instant::ZERO, vec![]);
    (0..KEYS).for_each(|key| wheel.arm(key, first(&mut rng)));
    let mut turn = move || {
        now = now.after(TURN);
        fired.clear();
        wheel.expire(now, &mut fired);
        fired.iter().for_each(|key| wheel.arm(*key, now.after(period(&mut rng))));
        fired.len() as u64
    };
    c.bench_function("timers, wheel", |b| b.iter_custom(|wanted| timed(wanted, &mut turn)));
}

fn heap(c: &mut Criterion) {
    let (mut rng, mut now) = (Rng::new(1), Instant::ZERO);
    let mut heap: BinaryHeap<_> = (0..KEYS).map(|key| Reverse((first(&mut rng), key))).collect();
    let mut turn = move || {
        let mut armed = 0;
        now = now.after(TURN);
        while let Some(mut top) = heap.peek_mut().filter(|top| top.0.0 <= now) {
            top.0.0 = now.after(period(&mut rng));
            armed += 1;
        }
        armed
    };
    c.bench_function("timers, BinaryHeap", |b| b.iter_custom(|wanted| timed(wanted, &mut turn)));
}

fn tree(c: &mut Criterion) {
    let (mut rng, mut now) = (Rng::new(1), Instant::ZERO);
    let mut tree: BTreeSet<_> = (0..KEYS).map(|key| (first(&mut rng), key)).collect();
    let mut turn = move || {
        let mut armed = 0;
        now = now.after(TURN);
        while tree.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = tree.pop_first() else { break };
            tree.insert((now.after(period(&mut rng)), key));
            armed += 1;
        }
        armed
    };
    c.bench_function("timers, BTreeSet", |b| b.iter_custom(|wanted| timed(wanted, &mut turn)));
}

fn delay_queue(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let (mut queue, mut rng) = (DelayQueue::with_capacity(KEYS as usize), Rng::new(1));
    runtime.block_on(async {
        for key in 0..KEYS {
            queue.insert(key, first(&mut rng).since(Instant::ZERO).into());
        }
    });
    let mut turn = move || {
        runtime.block_on(async {
            tokio::time::advance(TURN.into()).await;
            poll_fn(|cx| {
                let mut armed = 0;
                while let Poll::Ready(Some(expired)) = queue.poll_expired(cx) {
                    queue.insert(expired.into_inner(), period(&mut rng).into());
                    armed += 1;
                }
                Poll::Ready(armed)
            })
            .await
        })
    };
    c.bench_function("timers, DelayQueue", |b| b.iter_custom(|wanted| timed(wanted, &mut turn)));
}

criterion_group!(benches, wheel, heap, tree, delay_queue);
criterion_main!(benches);
