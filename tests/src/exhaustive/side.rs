//! A plane of a connection and its messages, told from outside: what was written, what came back, and when.

use wsbeat_core::event::{Input, Plane};
use wsbeat_core::time::{Instant, Span};

use super::terms::{Beats, Pings, Rules, Terms};

/// A ping or heartbeat that waits for the writer, or its answer on its way.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Message {
    pub(super) plane: Plane,
    /// What tells the hub of it: that it was written, or that it arrived.
    pub(super) input: Input,
    pub(super) answer: Input,
    /// The how-manieth of its plane.
    pub(super) number: u8,
    /// When it was queued.
    pub(super) queued: Instant,
    /// When it was written, and what had been held up by then.
    pub(super) written: Instant,
    pub(super) held_up: Span,
    /// By when an honest peer's answer is here; never, where it owes none.
    pub(super) by: Instant,
    /// By when the network brings the answer, unless it holds or loses it.
    pub(super) arrives_by: Instant,
    /// Whether it counts: not one that went out after a stall.
    pub(super) counted: bool,
    /// Its plane was turned off since, or follows other rules.
    pub(super) forgotten: bool,
}

impl Message {
    /// By when an honest peer's answer to what was written is here; never, where it owes none.
    pub(super) fn owed_by(&self, terms: &Terms) -> Instant {
        if self.forgotten || !self.counted {
            return Instant::NEVER;
        }
        match (self.plane, terms.pings, terms.beats) {
            (Plane::Transport, Some(Pings { rules: Rules::Tornado65, timeout, .. }), _) => self.queued.after(timeout),
            (Plane::Transport, Some(Pings { timeout, .. }), _) => self.written.after(timeout),
            // From the beat; at once, where it was written later.
            (Plane::Application, _, Some(Beats { period, misses, window, .. })) => {
                self.queued.after(period.times(misses.min(window))).max(self.written)
            }
            _ => Instant::NEVER,
        }
    }
}

/// One plane of a connection, seen from outside.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Side {
    pub(super) sent: u8,
    /// The number of the newest one whose answer counted.
    pub(super) answered: u8,
    /// An answer that was owed did not come in time.
    pub(super) failed: bool,
    /// When the stall clock of what is unwritten began anew.
    pub(super) progress: Instant,
    /// From when a dead peer's time runs.
    pub(super) alive: Instant,
    /// How long something was unwritten or the host slept: in all, and before `alive`.
    pub(super) held_up: Span,
    pub(super) held_up_before: Span,
}

impl Side {
    pub(super) fn from(now: Instant) -> Self {
        Side { sent: 0, answered: 0, failed: false, progress: now, alive: now, held_up: Span::ZERO, held_up_before: Span::ZERO }
    }

    /// The peer was alive at `now`, when this had been held up.
    pub(super) fn lives(&mut self, now: Instant, held_up: Span) {
        if now >= self.alive {
            (self.alive, self.held_up_before) = (now, held_up);
        }
    }

    pub(super) fn held_up_since(&self) -> Span {
        self.held_up.minus(self.held_up_before)
    }
}
