//! How far a drain has come.

use std::collections::VecDeque;

use wsbeat_core::event::ConnId;
use wsbeat_core::time::{Instant, Span};

/// A drain under way.
#[derive(Debug)]
pub(super) struct Drain {
    /// Those that are still to be told, in the order of chance.
    pub(super) left: VecDeque<ConnId>,
    pub(super) total: u64,
    pub(super) began: Instant,
    /// The closes are spread over this.
    pub(super) spread: Span,
    pub(super) ends: Instant,
}

impl Drain {
    /// When the next one is to be told: the k-th of n after k/n of the spread.
    pub(super) fn due(&self) -> Instant {
        let told = self.total - self.left.len() as u64;
        if self.left.is_empty() {
            return Instant::NEVER;
        }
        self.began.after(self.spread.part(self.total).times(told))
    }
}
