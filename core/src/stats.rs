//! Counters, as plain integers.

use crate::event::Counter;

/// What was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    counts: [u64; Counter::COUNT],
}

impl Default for Stats {
    fn default() -> Self {
        Stats { counts: [0; Counter::COUNT] }
    }
}

impl Stats {
    /// How often `counter` was counted.
    #[must_use]
    pub const fn get(&self, counter: Counter) -> u64 {
        self.counts[counter as usize]
    }

    /// Counts once more; saturates.
    pub const fn add(&mut self, counter: Counter) {
        let n = &mut self.counts[counter as usize];
        *n = n.saturating_add(1);
    }
}
