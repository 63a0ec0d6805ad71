//! The tokens of heartbeats, and whether the newest is on its way.

use super::Ctx;
use crate::policy::TokenKind;
use crate::time::Instant;

/// The token of the beats `together`: one for all connections that beat under a policy.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Beats {
    point: Instant,
    token: u64,
}

impl Beats {
    /// The token of the beat at `point`; made when the beat first sends one.
    ///
    /// It is larger than `last`, the connection's own last one: who came from another policy may have had as many already, and
    /// an old answer would count for the new heartbeat.
    pub(super) fn token(&mut self, point: Instant, last: u64, kind: TokenKind, cx: &Ctx) -> u64 {
        if self.point != point || self.token <= last {
            (self.point, self.token) = (point, next_token(self.token.max(last), kind, cx));
        }
        self.token
    }
}

/// SPEC §2: `max(previous + 1, wall_ms)` for timestamps, `previous + 1` for serials.
pub(super) fn next_token(previous: u64, kind: TokenKind, cx: &Ctx) -> u64 {
    let next = previous.saturating_add(1);
    match kind {
        TokenKind::Timestamp => next.max(cx.now.wall_ms),
        TokenKind::Counter => next,
    }
}

/// The newest heartbeat, while it is not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unwritten {
    None,
    /// It counts as unanswered.
    Counted,
    /// It was sent after a stall, outside the ring, and its answer is ignored; or an answer without a token overtook its writing.
    Uncounted,
}
