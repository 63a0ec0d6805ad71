//! Answers that go wrong on purpose: a test aid.

use std::time::Duration;

/// How our answers to the peer's pings and heartbeats are spoilt, to see what the peer makes of it. Holds for both planes.
///
/// A test aid: the default spoils nothing.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct AnswerFaults {
    /// The share of answers that are never sent, 0 to 1; default 0.
    pub drop_share: f64,
    /// How much later every answer is sent; default not at all. At most 64 answers wait at once, further ones are dropped.
    pub delay: Duration,
    /// Whether answers are sent at all.
    pub voice: Voice,
}

/// Whether answers are sent at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Voice {
    /// They are.
    #[default]
    Answering,
    /// They never are.
    Mute,
}
