//! What a run is asked to be.

use alloc::vec::Vec;
use core::time::Duration;

use super::fault::{Fault, Faults};
use super::link::Latency;
use super::mutation::Mutation;
use super::outside::THINK_MAX;
use super::plan::{Freeze, Plan};
use super::report::Report;
use super::seen::Seen;
use super::wire::{Detail, Wire};
use super::world::World;
use crate::dialect::{Dialect, Role};
use crate::policy::Policy;
use crate::time::Instant;

/// A world to be run: clients, their network, and a policy to be held to its laws.
///
/// Nothing goes wrong unless it is asked for; then the run is a storm, and at its end a calm in which every honest peer
/// has to be alive.
#[derive(Clone, Debug)]
pub struct Scenario {
    policy: Policy,
    judged_as: Option<Policy>,
    dialect: Option<Dialect>,
    role: Role,
    detail: Detail,
    connections: u32,
    latency: Latency,
    faults: Faults,
    freezes: Vec<Freeze>,
    seed: u64,
    mutation: Mutation,
}

impl Scenario {
    /// One connection under `policy`, 20 ms ± 5 ms away, seed 0, nothing going wrong.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Scenario {
            policy,
            judged_as: None,
            dialect: None,
            role: Role::Server,
            detail: Detail::Tokens,
            connections: 1,
            latency: Latency::default(),
            faults: Faults::NONE,
            freezes: Vec::new(),
            seed: 0,
            mutation: Mutation::None,
        }
    }

    /// How many clients there are. Ten million take about 5 GiB.
    #[must_use]
    pub fn connections(self, connections: u32) -> Self {
        Scenario { connections, ..self }
    }

    /// How long a message takes one way: `mid`, give or take `spread`.
    #[must_use]
    pub fn latency(self, mid: Duration, spread: Duration) -> Self {
        Scenario { latency: Latency::new(mid.into(), spread.into()), ..self }
    }

    /// The seed of all chance.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Scenario { seed, ..self }
    }

    /// `fault` strikes with a probability of so many millionths.
    #[must_use]
    pub fn fault(mut self, fault: Fault, ppm: u32) -> Self {
        self.faults.set(fault, ppm);
        self
    }

    /// All faults at once: [`Faults::storm`], [`Faults::swarm`].
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Scenario { faults, ..self }
    }

    /// The peer of client `client`, from 1, does nothing from `at` on, for `length` or, without one, for ever.
    #[must_use]
    pub fn freeze(mut self, client: u32, at: Duration, length: Option<Duration>) -> Self {
        let from = Instant::ZERO.after(at.into());
        let until = length.map_or(Instant::NEVER, |length| from.after(length.into()));
        if let Some(client) = client.checked_sub(1) {
            self.freezes.push(Freeze { client, from, until });
        }
        self
    }

    /// Heartbeats are those of `dialect`, in which the hub is `role`.
    #[must_use]
    pub fn dialect(self, dialect: &Dialect, role: Role) -> Self {
        Scenario { dialect: Some(dialect.clone()), role, ..self }
    }

    /// How much of what goes over the wire is bytes.
    #[must_use]
    pub fn detail(self, detail: Detail) -> Self {
        Scenario { detail, ..self }
    }

    /// The judge holds the hub to this policy and not to the one it runs under: whether one keeps the promises of the
    /// other, and whether the judge can fail.
    #[must_use]
    pub fn judged_as(self, policy: Policy) -> Self {
        Scenario { judged_as: Some(policy), ..self }
    }

    /// Breaks the hub: the judge has to notice.
    #[doc(hidden)]
    #[must_use]
    pub fn mutated(self, mutation: Mutation) -> Self {
        Scenario { mutation, ..self }
    }

    /// Runs it for `length` of virtual time.
    #[must_use]
    pub fn run(&self, length: Duration) -> Report {
        self.world(length, None).run()
    }

    /// Runs it, and shows what goes in and what comes out as it happens.
    #[must_use]
    pub fn run_watched(&self, length: Duration, watch: &mut dyn FnMut(&Seen)) -> Report {
        self.world(length, Some(watch)).run()
    }

    fn world<'a>(&self, length: Duration, watch: Option<&'a mut dyn FnMut(&Seen)>) -> World<'a> {
        let round_trip_max = self.latency.mid.plus(self.latency.spread).times(2).plus(THINK_MAX);
        let plan = Plan::new(&self.policy, self.seed, self.faults, self.freezes.clone(), round_trip_max, length.into());
        let wire = Wire::new(self.dialect.clone(), self.role, self.detail);
        let judged_as = self.judged_as.clone().unwrap_or_else(|| self.policy.clone());
        World::new(self.policy.clone(), judged_as, plan, self.connections, self.latency, wire, self.mutation, watch)
    }
}
