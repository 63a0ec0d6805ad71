//! A connection in its place, and what it shares with others.

use super::PolicyId;
use crate::connection::{Beats, Ctx, State, steady};
use crate::policy::Policy;
use crate::rng::Chance;
use crate::time::{Instant, Now};

/// A connection in its place: 112 bytes.
#[derive(Clone, Debug, Hash)]
pub(super) struct Member {
    pub(super) state: State,
    pub(super) generation: u32,
    pub(super) policy: PolicyId,
}

impl Member {
    pub(super) fn vacant() -> Self {
        Member { state: State::ended(), generation: 0, policy: PolicyId(0) }
    }

    /// What its rules look at.
    pub(super) const fn cx(&self, seed: u64, now: Now) -> Ctx {
        Ctx { now, chance: self.chance(seed) }
    }

    pub(super) const fn chance(&self, seed: u64) -> Chance {
        Chance::new(seed, self.generation as u64)
    }
}

/// What the connections under one policy share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) policy: Policy,
    pub(super) beats: Beats,
    pub(super) is_steady: bool,
}

impl Shared {
    pub(super) fn new(policy: Policy) -> Self {
        Shared { is_steady: steady(&policy), policy, beats: Beats::default() }
    }

    pub(super) fn replace(&mut self, policy: Policy) {
        (self.is_steady, self.policy) = (steady(&policy), policy);
    }
}

/// When the connection in `slot` is due.
pub(super) fn deadline_of(seed: u64, slots: &[Member], policies: &[Shared], slot: u32) -> Instant {
    slots.get(slot as usize).map_or(Instant::NEVER, |member| {
        let shared = policies.get(member.policy.0 as usize);
        shared.map_or(Instant::NEVER, |shared| member.state.deadline(&shared.policy, &member.cx(seed, Now::default())))
    })
}

/// How many places are fetched at a time.
pub(super) const TOUCHED: usize = 16;

/// Fetches these places all at once: where there are many connections each lies in memory that is far, and one after the
/// other they would be waited for one after the other.
pub(super) fn touch(slots: &[Member], some: &[u32]) {
    for member in some.iter().filter_map(|slot| slots.get(*slot as usize)) {
        core::hint::black_box((member.state.phase(), member.generation));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_connection_costs_128_bytes_with_its_timer() {
        assert_eq!(crate::hub::Hub::CONNECTION_BYTES, 128);
    }
}
