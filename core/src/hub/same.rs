//! What of a hub decides its future.

use core::hash::{Hash, Hasher};

use super::Hub;

impl Hash for Hub {
    /// Two hubs under equal policies that hash alike will do alike. Statistics decide nothing, and of the wheel only the
    /// armed times do: the order of what it hands out is lost among the due.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.seed, self.generation, self.generation_step, &self.slots, &self.free, &self.guard, &self.due).hash(state);
        self.policies.iter().for_each(|shared| shared.beats.hash(state));
        (0..self.live + self.vacant()).for_each(|slot| self.wheel.armed(slot).hash(state));
    }
}
