//! Messages that are under way: each must be whole in time.

use std::cmp::Reverse;

use wsbeat_core::event::{ConnId, Fault, Input};
use wsbeat_core::time::{Instant, Span};

use super::world::World;

/// When a message is looked at again whose connection was not read to its end.
const UNREAD_AGAIN: Span = Span::from_millis(100);
/// The driver wakes so often while messages are under way: by its lateness it knows that it was kept from running. Or more often, where
/// they have little time.
const LOOK_EACH: Span = Span::from_secs(1);

impl World {
    /// How often the driver wakes while messages are under way.
    pub(super) fn look_each(&self) -> Span {
        LOOK_EACH.min(Span::from(self.limits.assembly).part(4))
    }

    /// Sees to it that a message that began at `since` is looked at when it must be whole. Times are those of [`Presence`]: what the host
    /// slept is not the peer's.
    ///
    /// [`Presence`]: super::presence::Presence
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
        let (now, limit) = (self.presence.of(self.now.at), Span::from(self.limits.assembly));
        while let Some(Reverse((due, id))) = self.assembling.peek().copied() {
            if due > now {
                return self.presence.when(due).min(self.now.at.after(self.look_each()));
            }
            self.assembling.pop();
            let Some(slot) = self.slot(id) else { continue };
            if slot.unread {
                // The rest may have come: it is read before anyone is judged (R11).
                self.assembling.push(Reverse((now.after(UNREAD_AGAIN), id)));
                continue;
            }
            slot.assembly_armed = false;
            let Some(since) = slot.busy.as_ref().and_then(|b| b.partial.as_ref()).map(|partial| partial.since) else { continue };
            if since.after(limit) <= now {
                self.input(id, Input::Fault(Fault::Assembly));
            } else {
                self.arm_assembly(id, since);
            }
        }
        Instant::NEVER
    }
}
