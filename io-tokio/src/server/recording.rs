//! The trace of what the hub is told and says, where one is wanted.

use wsbeat_core::event::{ConnId, Input};

use super::world::World;

impl World {
    /// The hub has accepted a connection.
    pub(super) fn record_accept(&mut self, id: ConnId) {
        if let Some(tape) = &mut self.pending.tape {
            tape.accept(self.now, id);
        }
    }

    /// The hub is given an input next. One that has ended takes no notice: that is no part of a trace.
    pub(super) fn record_input(&mut self, id: ConnId, input: Input) {
        let Some(tape) = &mut self.pending.tape else { return };
        if self.hub.connection(id).is_some() {
            tape.input(self.now, id, input);
        }
    }

    /// Time advances next.
    pub(super) fn record_advance(&mut self, budget: u32) {
        let Some(tape) = &mut self.pending.tape else { return };
        if self.hub.is_due(self.now.at) {
            tape.tick(self.now, budget);
        } else {
            tape.idle(self.now);
        }
    }

    /// Hands on what was recorded; whoever takes it may have had enough.
    pub(super) fn hand_on_recording(&mut self) {
        let ended = self.pending.tape.as_mut().is_some_and(|tape| tape.hand_on().is_break());
        if ended {
            self.pending.tape = None;
        }
    }

    /// Ends the trace before a policy comes that it cannot say: a trace has settings, and not what followed from them.
    pub(super) fn end_recording(&mut self) {
        self.hand_on_recording();
        if self.pending.tape.take().is_some() {
            tracing::error!(target: "wsbeat", "the recording ends: the policy changed");
        }
    }
}
