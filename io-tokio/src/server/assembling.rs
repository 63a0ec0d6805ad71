//! Messages that are under way: each must be whole in time.

use std::cmp::Reverse;

use wsbeat_core::event::{ConnId, Fault, Input};
use wsbeat_core::policy::STALL_AFTER_MAX;
use wsbeat_core::time::{Instant, Span};

use super::world::World;

/// When a message is looked at again whose connection was not read to its end.
const UNREAD_AGAIN: Span = Span::from_millis(100);

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
        let (now, limit) = (self.now.at, Span::from(self.limits.assembly));
        while let Some(Reverse((due, id))) = self.assembling.peek().copied() {
            if due > now {
                return due;
            }
            self.assembling.pop();
            let Some(slot) = self.slot(id) else { continue };
            if slot.unread {
                // The rest may have come: it is read before anyone is judged (R11).
                self.assembling.push(Reverse((now.after(UNREAD_AGAIN), id)));
                continue;
            }
            slot.assembly_armed = false;
            let Some(partial) = slot.busy.as_mut().and_then(|b| b.partial.as_mut()) else { continue };
            // What came while the host stalled could not be seen in time (R5).
            if now.since(due) > limit.min(STALL_AFTER_MAX) {
                partial.since = now;
            }
            let since = partial.since;
            if since.after(limit) <= now {
                self.input(id, Input::Fault(Fault::Assembly));
            } else {
                self.arm_assembly(id, since);
            }
        }
        Instant::NEVER
    }
}
