//! How heartbeats look on the wire: data, not code.
//!
//! A [`Dialect`] is loaded from a table of a TOML file; the known ones are embedded and take the same road
//! ([`Dialect::presets`]). The fields are described at the head of `presets.toml`. A dialect turns messages into what they
//! mean ([`Dialect::decode`]), tokens into messages ([`Dialect::heartbeat`]) and itself into a plan of what a connection has
//! to do ([`Dialect::plan`]); it never decides.

mod check;
mod decode;
mod encode;
mod error;
mod load;
mod packing;
mod plan;
mod recognise;
mod rules;
mod template;
mod wishes;

pub use encode::Encoder;
pub use error::DialectError;
pub use packing::Codec;
pub use rules::{Initiator, Layer};

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::codec::gzip::Inflater;
use crate::codec::json::Members;
use crate::event::Token;
use crate::policy::{Plan, Policy, PolicyConfig, PolicyError};
use rules::Rules;
use wishes::Wishes;

/// Which side of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We accepted it.
    Server,
    /// We connected it.
    Client,
}

impl Role {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        }
    }
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
    /// The same, where it also says what the peer can and wants ([`Dialect::agreed`]).
    Agreed {
        /// The reply.
        reply: Message<'a>,
        /// The interval and timeout that follow from it.
        negotiated: Negotiated,
    },
    /// A heartbeat frame that cannot be decoded.
    Malformed,
    /// It inflates past the limit.
    TooBig,
}

/// What a message of the peer's sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Negotiated {
    /// The time between heartbeats; zero turns them off.
    pub interval: Option<Duration>,
    /// The time a heartbeat may stay unanswered, or the peer away; zero is for ever.
    pub timeout: Option<Duration>,
}

/// Buffers for decoding, one for many connections; steady-state decoding allocates nothing.
///
/// It is empty at first. A compressing dialect makes it keep about 48 KiB, and as much as the largest message that it ever
/// inflated.
#[derive(Debug, Default)]
pub struct Decoder {
    inflater: Inflater,
    members: Members,
    out: Vec<u8>,
    packed: Vec<u8>,
}

/// One dialect.
#[derive(Clone, Debug)]
pub struct Dialect {
    wishes: Wishes,
    rules: Rules,
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.wishes == other.wishes
    }
}

impl Dialect {
    /// The embedded dialects, in the order of the table.
    #[must_use]
    pub fn presets() -> &'static [Dialect] {
        load::presets()
    }

    /// The embedded dialect of this id.
    #[must_use]
    pub fn preset(id: &str) -> Option<&'static Dialect> {
        Dialect::presets().iter().find(|d| d.id() == id)
    }

    /// The text of the embedded dialects, which says what every field is: a start for a file of one's own.
    #[must_use]
    pub const fn presets_toml() -> &'static str {
        load::PRESETS
    }

    /// Loads dialects from TOML, by the road that the embedded ones take.
    ///
    /// # Errors
    /// The first thing that is wrong, by dialect, field, value and limit.
    pub fn load(toml: &str) -> Result<Vec<Dialect>, DialectError> {
        load::load(toml)
    }

    /// The dialect as a file that [`Dialect::load`] reads.
    #[must_use]
    pub fn to_toml(&self) -> String {
        load::to_toml(&self.wishes)
    }

    /// This dialect with the `interval` and `misses` of `config` for its own, in what it says of itself too (`hello`,
    /// `replies`). What `config` leaves out stays; so does everything where the interval is zero.
    ///
    /// # Errors
    /// An interval or misses out of their limits.
    pub fn tuned(&self, config: &PolicyConfig) -> Result<Dialect, PolicyError> {
        plan::tuned(self, config)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.wishes.id
    }

    /// Who asks.
    #[must_use]
    pub const fn initiator(&self) -> Initiator {
        self.rules.initiator
    }

    /// In what its heartbeats travel.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.rules.layer
    }

    /// How the server's messages are compressed.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.rules.codec
    }

    /// The time between heartbeats.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.rules.interval
    }

    /// When the peer is given up, as written in the file: `misses(2, before)`, `timeout(20s)`, `idle(30s)`, `none`.
    #[must_use]
    pub fn death(&self) -> &str {
        &self.wishes.death
    }

    /// Whether all of it was checked against the source.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.wishes.status == "verified"
    }

    /// The fields whose values were not checked.
    pub fn unverified(&self) -> impl Iterator<Item = &str> {
        self.wishes.unverified.iter().flatten().map(String::as_str)
    }

    /// The document it was taken from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.wishes.source
    }

    /// Whether a side of this role may send heartbeats, be it only now and then.
    #[must_use]
    pub const fn may_ask(&self, role: Role) -> bool {
        self.rules.may_ask(role)
    }

    /// Whether heartbeats bear a token, and whether their answers do.
    #[cfg(feature = "sim")]
    pub(crate) fn bears_tokens(&self) -> (bool, bool) {
        let has_token = |template: &Option<template::Template>| template.as_ref().is_some_and(template::Template::has_token);
        let is_read = self.rules.pongs.iter().any(recognise::Form::has_token);
        // Control frames bear their payload.
        let control = self.layer() == Layer::Control;
        (control || has_token(&self.rules.ping), control || has_token(&self.rules.pong) && is_read)
    }

    /// The largest message that may be a heartbeat, in bytes as it is read (inflated); a larger one is data.
    #[must_use]
    pub const fn heartbeat_bytes_max(&self) -> usize {
        self.rules.heartbeat_bytes_max
    }

    /// What this dialect asks of a connection on which we are `role`; `config` may set `interval` and `misses`.
    ///
    /// An interval of zero turns the plane off. `misses` given for a dialect that judges by time makes it judge by misses.
    ///
    /// # Errors
    /// An interval or misses out of their limits.
    pub fn plan(&self, role: Role, config: &PolicyConfig) -> Result<Plan, PolicyError> {
        plan::plan(&self.rules, role, config, Negotiated::default())
    }

    /// The plan after a negotiation: what the peer said goes before `config`.
    ///
    /// # Errors
    /// A negotiated value out of its limits.
    pub fn renegotiate(&self, role: Role, config: &PolicyConfig, negotiated: Negotiated) -> Result<Plan, PolicyError> {
        plan::plan(&self.rules, role, config, negotiated)
    }

    /// `policy`, by which a connection on which we are `role` runs, with the heartbeats that the peer negotiated. Where
    /// `policy` has the plane off it stays off.
    ///
    /// # Errors
    /// A negotiated value out of its limits.
    pub fn agreed(&self, role: Role, policy: &Policy, negotiated: Negotiated) -> Result<Policy, PolicyError> {
        plan::agreed(&self.rules, role, policy, negotiated)
    }

    /// Whether a client has to wait for a message of the server's before it may ask or subscribe (`first`).
    #[must_use]
    pub const fn client_waits(&self) -> bool {
        self.rules.after.is_some()
    }

    /// What `message` of the peer's means, where we are `role` and Unix time is `wall_ms`.
    pub fn decode<'a>(&self, role: Role, message: Message<'a>, wall_ms: u64, decoder: &'a mut Decoder) -> Heard<'a> {
        decode::decode(&self.rules, role, message, wall_ms, decoder)
    }

    /// Our heartbeat with this token, as it goes on the wire, from the side that asks (the server where both do).
    /// Empty where heartbeats are control frames.
    pub fn heartbeat<'a>(&self, token: Token, encoder: &'a mut Encoder) -> Message<'a> {
        let asker = match self.rules.initiator {
            Initiator::Client => Role::Client,
            Initiator::Server | Initiator::Both | Initiator::OneWay => Role::Server,
        };
        self.heartbeat_from(asker, token, encoder)
    }

    /// The heartbeat with this token that a side of this role sends.
    pub fn heartbeat_from<'a>(&self, role: Role, token: Token, encoder: &'a mut Encoder) -> Message<'a> {
        encode::heartbeat(&self.rules, role, token, encoder)
    }

    /// What we send first on a connection on which we are `role` (`hello`), if anything.
    #[must_use]
    pub fn hello(&self, role: Role) -> Option<Message<'_>> {
        let hello = match role {
            Role::Server => &self.rules.hello_server,
            Role::Client => &self.rules.hello_client,
        };
        hello.as_ref().map(packing::Prepared::message)
    }

    /// The WebSocket subprotocol it is spoken under, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.wishes.subprotocol.as_deref()
    }
}

/// Appends `n` in decimal digits.
pub(super) fn write_decimal(n: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = n;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
