//! Messages that are under way: each must be whole in time.

use std::cmp::Reverse;

use wsbeat_core::event::{ConnId, Fault, Input};
use wsbeat_core::time::Instant;

use super::world::World;

impl World {
    /// Sees to it that a message that began at `since` is looked at when it must be whole.
    pub(super) fn arm_assembly(&mut self, id: ConnId, since: Instant) {
        let due = since.after(self.limits.assembly.into());
        let Some(slot) = self.slot(id) else { return };
        if !slot.assembly_armed {
            slot.assembly_armed = true;
            self.assembling.push(Reverse((due, id)));
        }
    }

    /// Faults messages that are not whole in time. Returns when to come again.
    pub(super) fn expire_assembly(&mut self) -> Instant {
        while let Some(Reverse((due, id))) = self.assembling.peek().copied() {
            if due > self.now.at {
                return due;
            }
            self.assembling.pop();
            let Some(slot) = self.slot(id) else { continue };
            slot.assembly_armed = false;
            let Some(since) = slot.busy.as_ref().and_then(|b| b.partial.as_ref()).map(|p| p.since) else {
                continue;
            };
            if since.after(self.limits.assembly.into()) <= self.now.at {
                self.input(id, Input::Fault(Fault::Assembly));
            } else {
                self.arm_assembly(id, since);
            }
        }
        Instant::NEVER
    }
}
