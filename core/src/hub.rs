//! Many connections over one timer wheel.

use crate::connection::{Connection, Phase};
use crate::event::{Action, ConnId, Input, Plane, Token};
use crate::policy::Policy;
use crate::time::{Instant, Now, Span};

/// A policy of a [`Hub`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(pub(crate) u16);

/// When to call [`Hub::advance`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: the budget ended before what was due.
    Again,
    /// When this instant has come.
    At(Instant),
    /// After the next input.
    Idle,
}

/// The hub has as many connections as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many it may have.
    pub connections_max: u32,
}

/// Where the actions of a hub's connections go. Any `FnMut(ConnId, Action)` is one.
pub trait HubSink {
    /// Something has to be done for `id`.
    fn action(&mut self, id: ConnId, action: Action);
    /// An answer matched: the time from the writing of `token` to its answer.
    fn rtt(&mut self, _id: ConnId, _plane: Plane, _token: Token, _rtt: Span) {}
}

impl<F: FnMut(ConnId, Action)> HubSink for F {
    fn action(&mut self, id: ConnId, action: Action) {
        self(id, action);
    }
}

/// Many connections, visited in ascending id, over one timer wheel.
#[derive(Debug)]
pub struct Hub {}

impl Hub {
    /// A hub of at most `connections_max` connections, whose chance comes from `seed`.
    #[must_use]
    pub fn new(seed: u64, connections_max: u32) -> Self {
        let _ = (seed, connections_max);
        todo!()
    }

    /// Registers a policy; an equal one is registered once.
    pub fn register(&mut self, policy: Policy) -> PolicyId {
        let _ = policy;
        todo!()
    }

    /// Replaces a policy under all connections that run under it (rule R9).
    pub fn replace<S: HubSink>(&mut self, now: Now, id: PolicyId, policy: Policy, out: &mut S) {
        let _ = (now, id, policy, out);
        todo!()
    }

    /// A connection whose upgrade is under way; its handshake deadline runs from `now`.
    ///
    /// # Errors
    /// [`Full`] at the limit of connections.
    pub fn accept(&mut self, now: Now, policy: PolicyId) -> Result<ConnId, Full> {
        let _ = (now, policy);
        todo!()
    }

    /// Puts an input into connection `id`; every action goes to `out` before it returns. Gives the phase after it;
    /// a stale id does nothing and gives [`Phase::Ended`]. Call [`Hub::advance`] when the inputs at hand are in.
    pub fn input<S: HubSink>(&mut self, now: Now, id: ConnId, input: Input, out: &mut S) -> Phase {
        let _ = (now, id, input, out);
        todo!()
    }

    /// Visits at most `budget` connections that are due at `now`, in ascending id.
    #[must_use]
    pub fn advance<S: HubSink>(&mut self, now: Now, budget: u32, out: &mut S) -> Next {
        let _ = (now, budget, out);
        todo!()
    }

    /// The connection of this id, unless it has ended.
    #[must_use]
    pub fn connection(&self, id: ConnId) -> Option<&Connection> {
        let _ = id;
        todo!()
    }

    /// The ids of all connections, ascending.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> + '_ {
        core::iter::empty()
    }

    /// How many connections there are, handshakes included.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was counted since the hub began.
    #[must_use]
    pub fn stats(&self) -> &crate::stats::Stats {
        todo!()
    }
}
