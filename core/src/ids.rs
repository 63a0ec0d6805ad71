//! Names of things: connections, tokens, planes.

/// A connection of a [`Hub`](crate::hub::Hub).
///
/// Slots are used again, ids are not: the generation tells a connection from those that had its slot before.
/// Ids order by slot, the order in which connections are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// The slot.
    pub index: u32,
    /// How many connections the hub had opened before this one; another count where [`Hub::numbered`](crate::hub::Hub::numbered)
    /// or [`Hub::number_next`](crate::hub::Hub::number_next) said so.
    pub generation: u32,
}

impl ConnId {
    /// The number of this connection, counted from 1 in the order of opening: its name in logs and traces.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.generation as u64 + 1
    }
}

/// What a ping or heartbeat carries and its answer must bring back: the number itself, or a serial that stands for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Token(pub u64);

/// Where a ping lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plane {
    /// The control frames of RFC 6455 §5.5.2–5.5.3.
    Transport,
    /// Heartbeats in messages.
    Application,
}

impl Plane {
    /// `transport` or `application`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Plane::Transport => "transport",
            Plane::Application => "application",
        }
    }
}
