//! What peers have negotiated, and the policies that follow from it.

use wsbeat_core::dialect::Negotiated;
use wsbeat_core::hub::PolicyId;
use wsbeat_core::policy::Policy;

/// The policy of those who negotiate nothing, and those that were negotiated.
#[derive(Debug)]
pub(super) struct Agreements {
    pub(super) base: Policy,
    /// Few, whatever peers say: a dialect negotiates in steps.
    pub(super) made: Vec<(Negotiated, PolicyId)>,
}

impl Agreements {
    pub(super) fn over(base: Policy) -> Self {
        Agreements { base, made: Vec::new() }
    }
}
