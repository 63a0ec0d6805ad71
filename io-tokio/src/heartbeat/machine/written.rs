//! What was written, and what it answered.

use wsbeat_core::event::Input;
use wsbeat_core::time::Now;

use super::super::event::Event;
use super::super::faults::Fate;
use super::super::outbox::{Asked, Written};
use super::Machine;

impl Machine {
    /// Tells the core what was written, and the user what was answered.
    pub(in crate::heartbeat) fn note_written(&mut self) {
        let now = self.clock.now();
        for written in self.outbox.take_written() {
            match written {
                Written::Ping(payload) => self.input(now, Input::PingFlushed(payload)),
                Written::Heartbeat(token) => self.input(now, Input::HeartbeatFlushed(token)),
                Written::Answer(asked) => self.answered(now, asked),
            }
        }
        self.note_gated(now);
    }

    fn note_gated(&mut self, now: Now) {
        let Some(gate) = &self.gate else { return };
        for (payload, fate) in gate.take_fates() {
            let Some(index) = self.gated.iter().position(|(asked, _)| *asked == payload) else {
                continue;
            };
            // The library underneath keeps the newest pong only: those before it were never written.
            for (_, replaced) in self.gated.drain(..index).collect::<Vec<_>>() {
                self.unanswered(replaced);
            }
            match (self.gated.pop_front(), fate) {
                (Some((_, asked)), Fate::Send) => self.answered(now, asked),
                (Some((_, asked)), Fate::SendAt(_) | Fate::Drop) => self.unanswered(asked),
                (None, _) => {}
            }
        }
    }

    fn answered(&mut self, now: Now, asked: Asked) {
        self.events.push_back(Event::Asked { plane: asked.plane, token: asked.token, answered_in: Some(now.at.since(asked.at).into()) });
    }
}
