//! One step of the hub: what went in, and what came out of it so far.

use crate::connection::Phase;
use crate::event::{ConnId, Input};
use crate::time::Span;

/// The step under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The input of it; a tick has none.
    pub(super) input: Option<Input>,
    /// The connection that acts, or for which the input is.
    pub(super) conn: Option<ConnId>,
    /// The phase that it was in when the input came.
    pub(super) phase: Phase,
    /// The input is a ping, and one too many.
    pub(super) is_flood: bool,
    pub(super) actions: u32,
    pub(super) answers: u32,
    pub(super) delivered: u32,
    /// The lateness that was noted for it.
    pub(super) stalled: Span,
    /// R5: the host had slept, and a ping has to go out.
    pub(super) owes_ping: bool,
}

impl Step {
    pub(super) const NONE: Step = Step {
        input: None,
        conn: None,
        phase: Phase::Ended,
        is_flood: false,
        actions: 0,
        answers: 0,
        delivered: 0,
        stalled: Span::ZERO,
        owes_ping: false,
    };
}
