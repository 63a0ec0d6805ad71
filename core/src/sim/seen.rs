//! What a run shows to whoever watches it.

use crate::event::{Action, Input};
use crate::time::Now;

/// Something that went in or came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A connection began its handshake.
    Accepted,
    /// An input was put in.
    Input(Input),
    /// An action came out.
    Action(Action),
    /// The hub was given a tick.
    Tick {
        /// How many connections it might visit.
        budget: u32,
    },
}

/// Something that went in or came out, when, and of which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When, as the hub was told.
    pub now: Now,
    /// The connection's number, from 1 in the order of opening; 0 for a tick.
    pub conn: u64,
    /// What.
    pub what: What,
}
