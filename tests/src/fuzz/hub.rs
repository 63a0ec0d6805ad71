//! Anything that may be done to a hub, beside a naive scan.

use proptest::prelude::*;

use super::drawn::Drawn;
use crate::hub_model::Pair;
use crate::hub_model::script::{Op, Step, VARIANTS, op, step};

thread_local! {
    static BEGIN: BoxedStrategy<(u64, u8, u64)> = (any::<u64>(), 0..VARIANTS, begun_ns()).boxed();
    static OP: BoxedStrategy<(Step, u64, Op)> = (step(), 0..100u64, op()).boxed();
}

const OPS_MAX: usize = 200;

/// A hub under four policies, and what is done to it.
///
/// After every operation it did what a scan over all connections does, in the same order; it counted the same; the same
/// connections live, in the same phase, until the same deadline; and what it promised is neither past nor too late (law 3).
/// A stale id does nothing (law 6). At the end every field of every connection is equal.
pub fn hub(data: &[u8]) {
    let mut drawn = Drawn::new(data);
    let Some((seed, first, begun)) = BEGIN.with(|s| drawn.one(s)) else { return };
    let mut pair = Pair::new(seed, first);
    pair.now = begun;
    for _ in 0..OPS_MAX {
        let Some((step, wall_ms, op)) = OP.with(|s| drawn.one(s)) else { break };
        pair.step(step, wall_ms);
        pair.apply(&op);
    }
    pair.compare_whole();
}

fn begun_ns() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..10_000_000_000u64, 1 => u64::MAX - 40_000_000_000..u64::MAX]
}
