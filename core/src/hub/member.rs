//! A connection in its place, and what it shares with others.

use super::PolicyId;
use crate::connection::{Beats, Ctx, State};
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
}

impl Shared {
    pub(super) fn new(policy: Policy) -> Self {
        Shared { policy, beats: Beats::default() }
    }
}

/// When the connection in `slot` is due.
pub(super) fn deadline_of(seed: u64, slots: &[Member], policies: &[Shared], slot: u32) -> Instant {
    slots.get(slot as usize).map_or(Instant::NEVER, |member| {
        let shared = policies.get(member.policy.0 as usize);
        shared.map_or(Instant::NEVER, |shared| member.state.deadline(&shared.policy, &member.cx(seed, Now::default())))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_connection_costs_128_bytes_with_its_timer() {
        assert_eq!(crate::hub::Hub::CONNECTION_BYTES, 128);
    }
}
