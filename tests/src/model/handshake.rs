//! The time for the handshake, worked out from its whole history (SPEC R5, R11).

use wsbeat_core::event::{Input, VerdictKind};

/// A handshake under way since time zero. Times are milliseconds.
#[derive(Clone, Debug)]
pub struct Handshake {
    limit_ms: u64,
    history: Vec<(u64, Input)>,
    /// When a tick came so late that the host must have slept: the time runs anew from then.
    anew_ms: Vec<u64>,
    is_over: bool,
}

impl Handshake {
    /// One that may take so long.
    #[must_use]
    pub const fn accepted(limit_ms: u64) -> Self {
        Handshake { limit_ms, history: vec![], anew_ms: vec![], is_over: false }
    }

    /// What happens; gives the verdict of the abort, if there is one.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Option<VerdictKind> {
        match input {
            Input::Opened | Input::Lost => self.is_over = true,
            Input::UserClose(_) => return self.abort(VerdictKind::User),
            Input::Drain => return self.abort(VerdictKind::Drain),
            Input::Tick => {
                let late_ms = now_ms.checked_sub(self.due_ms()?)?;
                // R5: later than five seconds, or than the limit where that is shorter.
                if late_ms <= self.limit_ms.min(5_000) {
                    return self.abort(VerdictKind::Handshake);
                }
                self.anew_ms.push(now_ms);
            }
            _ => self.history.push((now_ms, input)),
        }
        None
    }

    /// Whether it is neither complete nor given up.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        !self.is_over
    }

    /// When its time is over; `None` while something is unread (R11).
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        let from_ms = self.anew_ms.last().copied().unwrap_or(0);
        let (mut due_ms, mut unread_since) = (from_ms + self.limit_ms, None);
        for (at_ms, input) in self.history.iter().filter(|(at_ms, _)| *at_ms >= from_ms) {
            match input {
                Input::Unread => unread_since = unread_since.or(Some(*at_ms)),
                // What lay unread is no time of the peer's, and what was over meanwhile is over now at the earliest.
                Input::Bytes(1..) => due_ms = unread_since.take().map_or(due_ms, |since| (due_ms + at_ms - since).max(*at_ms)),
                _ => {}
            }
        }
        unread_since.is_none().then_some(due_ms)
    }

    fn abort(&mut self, kind: VerdictKind) -> Option<VerdictKind> {
        self.is_over = true;
        Some(kind)
    }
}
