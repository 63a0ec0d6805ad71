//! Settings of the application plane: heartbeats.

use super::Answers;
use crate::time::Span;

/// The checked settings of the application plane, for one side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application {
    /// We send heartbeats.
    pub ask: Option<Ask>,
    /// We expect something of the peer's.
    pub listen: Option<Listen>,
    /// We answer the peer's heartbeats.
    pub answers_peer: bool,
    /// How long heartbeats may flow without data (`FeedStalled`); default none.
    pub feed_timeout: Option<Span>,
    /// The close code for silence; `None` is a close frame with an empty body.
    pub close_code: Option<u16>,
}

/// How we ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The time between heartbeats.
    pub period: Span,
    /// On whose grid they are due.
    pub cadence: Cadence,
    /// When the first is due.
    pub start: Start,
    /// What a heartbeat waits for.
    pub timing: Timing,
    /// How far a beat may move either way, in millionths of the period; default 0.
    pub jitter_ppm: u32,
    /// When the peer is given up.
    pub death: Death,
    /// From when a heartbeat counts.
    pub counts: Counts,
    /// Which answers match.
    pub matching: Matching,
    /// Whether answers that match none of ours count as well.
    pub answers: Answers,
    /// What becomes of an answer that nobody asked for.
    pub unsolicited: Unsolicited,
    /// How tokens are made.
    pub token: TokenKind,
    /// How long a heartbeat may stay unwritten while the transport takes no byte; default misses · period.
    pub write_stall: Span,
    /// How late a tick may be before nobody is judged in it.
    pub stall_after: Span,
}

/// On whose grid heartbeats are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cadence {
    /// At k · period of the caller's time, for all connections at once.
    Together,
    /// On a grid of each connection's own, its phase drawn from the seed; beyond the first 1,024 connections sixteen neighbours share the draw.
    #[default]
    Spread,
}

/// When the first heartbeat of a connection is due (cadence `spread`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Start {
    /// One period after the opening.
    Interval,
    /// After a phase drawn from (0, period].
    #[default]
    Jitter,
    /// One period after [`Input::Ready`](crate::event::Input::Ready).
    Ready,
}

/// What a heartbeat waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Timing {
    /// Its beat.
    #[default]
    Beat,
    /// That no message arrived for a period.
    AfterIdle,
    /// That we sent no message for a period.
    AfterSilence,
}

/// When the peer is given up for not answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// At the beat that finds this many heartbeats unanswered, instead of sending another.
    MissesBefore(u8),
    /// At that beat, after sending one more (the blog's way).
    MissesAfter(u8),
    /// When a heartbeat has been unanswered for this long.
    Timeout(Span),
    /// Never: whoever listens judges.
    Never,
}

/// What becomes of an answer beyond as many as heartbeats were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unsolicited {
    /// It is counted.
    #[default]
    Ignored,
    /// The connection is closed with 1002.
    Refused,
}

/// From when a heartbeat counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Counts {
    /// From its writing (rule R6).
    #[default]
    Written,
    /// From its queueing, as in the blog: no rule R5, no rule R6.
    Queued,
}

/// Which answers match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// Any well-formed answer: it answers every heartbeat written before it.
    Any,
    /// The token of the newest heartbeat.
    Newest,
    /// The token of one of the newest so many, 1 to [`WINDOW_MAX`](Matching::WINDOW_MAX).
    Window(u8),
    /// The token of any heartbeat that is remembered.
    Exact,
}

impl Matching {
    /// How many heartbeats are remembered.
    pub const WINDOW_MAX: u8 = 4;

    /// Within how many of the newest heartbeats an answer is looked for.
    #[must_use]
    pub const fn window(self) -> u8 {
        match self {
            Matching::Newest => 1,
            Matching::Window(n) => n,
            Matching::Any | Matching::Exact => Matching::WINDOW_MAX,
        }
    }
}

/// How tokens are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TokenKind {
    /// `max(previous + 1, wall clock in ms)`.
    #[default]
    Timestamp,
    /// 1, 2, 3, …
    Counter,
}

/// What we expect of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// How long it may stay away.
    pub limit: Span,
    /// What counts as it.
    pub evidence: ListenFor,
}

/// What counts when we listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenFor {
    /// Heartbeats of the peer's.
    Heartbeats,
    /// Pings of the peer's.
    Pings,
    /// Any message.
    Messages,
    /// Any byte.
    Bytes,
}
