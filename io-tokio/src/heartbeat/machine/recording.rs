//! The trace of what the core's connection is told and says, where one is wanted.

use wsbeat_core::event::{ConnId, Input};
use wsbeat_core::time::Now;
use wsbeat_core::trace::{Header, Ticks};

use super::Machine;
use crate::tape::{Tap, Tape};

/// The only connection; its chance has the serial 0, as a hub's first has.
pub(super) const ID: ConnId = ConnId { index: 0, generation: 0 };

impl Machine {
    /// Records from now on: the connection has just been accepted.
    pub(super) fn record(&mut self, now: Now, tap: Tap) {
        let mut tape = Tape::start(&self.header(), tap);
        tape.accept(now, ID);
        self.collected.tape = Some(tape);
    }

    fn header(&self) -> Header {
        Header { seed: self.seed, ticks: Ticks::Recorded, role: self.role, dialect: self.dialect().cloned(), config: self.config.clone() }
    }

    /// The core is given an input next.
    pub(super) fn record_input(&mut self, now: Now, input: Input) {
        let Some(tape) = &mut self.collected.tape else { return };
        match input {
            Input::Tick => tape.tick(now, u32::MAX),
            _ => tape.input(now, ID, input),
        }
    }

    /// The policy follows from another dialect now.
    pub(super) fn record_policy(&mut self, now: Now) {
        if self.collected.tape.is_none() {
            return;
        }
        let header = self.header();
        if let Some(tape) = &mut self.collected.tape {
            tape.reconfigure(now, &header);
        }
    }

    /// Hands on what was recorded; whoever takes it may have had enough.
    pub(super) fn hand_on_recording(&mut self) {
        let ended = self.collected.tape.as_mut().is_some_and(|tape| tape.hand_on().is_break());
        if ended {
            self.collected.tape = None;
        }
    }

    /// Ends the trace before a policy comes that it cannot say.
    pub(super) fn end_recording(&mut self) {
        self.hand_on_recording();
        if self.collected.tape.take().is_some() {
            tracing::error!(target: "wsbeat", "the recording ends: the peer negotiated another policy");
        }
    }
}
