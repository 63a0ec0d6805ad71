//! A dialect, checked: what decoding, encoding and planning run on.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Role;
use super::packing::{Codec, Prepared};
use super::recognise::{Form, Pointer};
use super::template::Template;
use crate::policy::{Answers, Cadence, Counts, ListenFor, Matching, Start, Timing, TokenKind, Unsolicited};
use crate::time::Span;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// The server asks, the client answers.
    Server,
    /// The client asks, the server answers.
    Client,
    /// Both may ask; the server does.
    Both,
    /// Heartbeats want no answer. The server sends them; the client too where the dialect is `duplex`.
    OneWay,
}

impl Initiator {
    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Initiator::Server => "server",
            Initiator::Client => "client",
            Initiator::Both => "both",
            Initiator::OneWay => "one-way",
        }
    }
}

/// In what heartbeats travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Ping and pong frames.
    Control,
    /// Text messages.
    Text,
    /// Binary messages; where a codec compresses the server's, the client's are text.
    Binary,
}

impl Layer {
    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Layer::Control => "control",
            Layer::Text => "text",
            Layer::Binary => "binary",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    Misses { count: u8, after: bool },
    Timeout(Span),
    Idle(Span),
    Never,
}

#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) initiator: Initiator,
    pub(super) duplex: bool,
    pub(super) layer: Layer,
    pub(super) codec: Codec,
    pub(super) plain_binary: bool,
    pub(super) ping: Option<Template>,
    pub(super) pong: Option<Template>,
    /// What the server says to a heartbeat of the client's whose token is no integer.
    pub(super) invalid: Option<Template>,
    pub(super) pings: Vec<Form>,
    pub(super) pongs: Vec<Form>,
    /// The client's tokens have to be JSON integers.
    pub(super) integers_only: bool,
    pub(super) client_asks: bool,
    pub(super) after: Option<Form>,
    pub(super) negotiation: Option<Negotiation>,
    pub(super) replies: Vec<Reply>,
    pub(super) hello_server: Option<Prepared>,
    pub(super) hello_client: Option<Prepared>,
    pub(super) heartbeat_bytes_max: usize,
    pub(super) inflated_bytes_max: usize,
    pub(super) interval: Duration,
    pub(super) death: Death,
    pub(super) token: TokenKind,
    pub(super) matching: Matching,
    pub(super) timing: Timing,
    pub(super) start: Start,
    pub(super) cadence: Cadence,
    pub(super) counts: Counts,
    pub(super) evidence: ListenFor,
    pub(super) answers: Answers,
    pub(super) unsolicited: Unsolicited,
    pub(super) max_lifetime: Option<Span>,
    pub(super) close: Option<u16>,
}

impl Rules {
    pub(super) const fn may_ask(&self, role: Role) -> bool {
        if matches!(self.layer, Layer::Control) {
            return matches!(role, Role::Server);
        }
        match (self.initiator, role) {
            (Initiator::Both, _) | (Initiator::Server | Initiator::OneWay, Role::Server) | (Initiator::Client, Role::Client) => true,
            (Initiator::Server, Role::Client) => self.client_asks,
            (Initiator::OneWay, Role::Client) => self.duplex,
            (Initiator::Client, Role::Server) => false,
        }
    }

    /// How messages from a side of this role are compressed.
    pub(super) const fn codec_from(&self, role: Role) -> Codec {
        match role {
            Role::Server => self.codec,
            Role::Client => Codec::Identity,
        }
    }

    /// Whether heartbeats from a side of this role are binary messages.
    pub(super) fn is_binary_from(&self, role: Role) -> bool {
        self.layer == Layer::Binary && (role == Role::Server || self.codec == Codec::Identity)
    }

    /// Whether any message is life, and not only an answer.
    pub(super) const fn any_is_life(&self) -> bool {
        matches!(self.evidence, ListenFor::Messages | ListenFor::Bytes)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Negotiation {
    pub(super) message: Form,
    /// The client's messages that set the server's values.
    pub(super) requests: Vec<Form>,
    pub(super) values: Values,
    pub(super) unit: Duration,
    pub(super) margin: u32,
}

/// Where the negotiated values stand.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Fields {
        interval: Option<Pointer>,
        timeout: Option<Pointer>,
    },
    /// A STOMP header of two numbers: what the peer can send, what it wants.
    Header(String),
}

#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) when: Form,
    pub(super) captures: Vec<Pointer>,
    pub(super) send: Template,
}
