//! How heartbeats look on the wire: data, not code.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::event::Token;
use crate::policy::{Plan, PolicyConfig, PolicyError};

/// Which side of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We accepted it.
    Server,
    /// We connected it.
    Client,
}

/// A whole message, received or to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// What a message means in a dialect. All of it borrows from the message or from the [`Decoder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// No heartbeat: for the user, inflated where the dialect compresses this direction.
    Data(Message<'a>),
    /// The peer's heartbeat; `answer` is what to send back, `None` where the dialect wants no answer.
    Heartbeat {
        /// Its token, 0 where it is no number.
        token: Token,
        /// The answer, with the token verbatim.
        answer: Option<Message<'a>>,
    },
    /// An answer to a heartbeat of ours.
    Answer(Token),
    /// Data after which a client may begin to ask, with what it negotiates.
    Ready {
        /// The message, for the user.
        data: Message<'a>,
        /// The interval and timeout that it sets, where the dialect negotiates them.
        negotiated: Negotiated,
    },
    /// Data that the dialect answers by itself (`replies`), with its reply. It is not handed to the user.
    Reply(Message<'a>),
    /// A heartbeat frame that cannot be decoded.
    Malformed,
    /// It inflates past the limit.
    TooBig,
}

/// What a message of the peer's sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Negotiated {
    /// The time between heartbeats.
    pub interval: Option<Duration>,
    /// The time a heartbeat may stay unanswered.
    pub timeout: Option<Duration>,
}

/// Buffers for decoding, one for many connections; steady-state decoding allocates nothing.
#[derive(Debug, Default)]
pub struct Decoder {}

/// Buffers for encoding, one for many connections. It keeps the last heartbeat: connections that beat in the same
/// millisecond share one encoding.
#[derive(Debug, Default)]
pub struct Encoder {}

/// One dialect.
#[derive(Clone, Debug)]
pub struct Dialect {
    id: String,
}

/// A dialect file that cannot be: which dialect, which field, why, and at which line where known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialectError {
    message: String,
}

impl Dialect {
    /// The embedded dialects, in the order of the table.
    #[must_use]
    pub fn presets() -> &'static [Dialect] {
        todo!()
    }

    /// The embedded dialect of this id.
    #[must_use]
    pub fn preset(id: &str) -> Option<&'static Dialect> {
        Dialect::presets().iter().find(|d| d.id == id)
    }

    /// Loads dialects from TOML, by the road that the embedded ones take.
    ///
    /// # Errors
    /// The first thing that is wrong, by dialect, field, value and limit.
    pub fn load(toml: &str) -> Result<Vec<Dialect>, DialectError> {
        let _ = toml;
        todo!()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What this dialect asks of a connection on which we are `role`; `config` may set `interval` and `misses`.
    ///
    /// # Errors
    /// An interval or misses out of their limits.
    pub fn plan(&self, role: Role, config: &PolicyConfig) -> Result<Plan, PolicyError> {
        let _ = (role, config);
        todo!()
    }

    /// The plan after a negotiation.
    ///
    /// # Errors
    /// A negotiated value out of its limits.
    pub fn renegotiate(&self, role: Role, config: &PolicyConfig, negotiated: Negotiated) -> Result<Plan, PolicyError> {
        let _ = (role, config, negotiated);
        todo!()
    }

    /// What `message` of the peer's means, where we are `role` and Unix time is `wall_ms`.
    pub fn decode<'a>(&self, role: Role, message: Message<'a>, wall_ms: u64, decoder: &'a mut Decoder) -> Heard<'a> {
        let _ = (role, message, wall_ms, decoder);
        todo!()
    }

    /// Our heartbeat with this token, as it goes on the wire.
    pub fn heartbeat<'a>(&self, token: Token, encoder: &'a mut Encoder) -> Message<'a> {
        let _ = (token, encoder);
        todo!()
    }

    /// What we send first on a connection on which we are `role` (`hello`), if anything.
    #[must_use]
    pub fn hello(&self, role: Role) -> Option<Message<'_>> {
        let _ = role;
        todo!()
    }

    /// The WebSocket subprotocol it is spoken under, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        todo!()
    }
}
