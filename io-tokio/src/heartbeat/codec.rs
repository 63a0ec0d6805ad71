//! Messages as the dialect in force hears and says them.

use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use wsbeat_core::dialect::{self, Decoder, Dialect, Encoder, Heard, Negotiated, Role};
use wsbeat_core::event::Token;

/// What a message means, with everything owned.
#[derive(Debug)]
pub(super) enum Meaning {
    Data(Message),
    Heartbeat { token: Token, answer: Option<Message> },
    Answer(Token),
    Ready { data: Message, negotiated: Negotiated },
    Reply(Message),
    Agreed { reply: Message, negotiated: Negotiated },
    Malformed,
    TooBig,
}

/// In which dialect the peer is heard.
#[derive(Debug)]
pub(super) enum Spoken {
    /// None yet: the first telling message decides.
    Searching,
    /// None.
    Nothing,
    This(Box<Dialect>),
}

/// The dialect in force and its buffers.
#[derive(Debug)]
pub(super) struct Codec {
    role: Role,
    spoken: Spoken,
    decoder: Decoder,
    encoder: Encoder,
}

impl Codec {
    pub(super) fn new(role: Role, spoken: Spoken) -> Self {
        Codec { role, spoken, decoder: Decoder::default(), encoder: Encoder::default() }
    }

    pub(super) fn dialect(&self) -> Option<&Dialect> {
        match &self.spoken {
            Spoken::This(dialect) => Some(dialect),
            Spoken::Searching | Spoken::Nothing => None,
        }
    }

    pub(super) fn is_searching(&self) -> bool {
        matches!(self.spoken, Spoken::Searching)
    }

    pub(super) fn speak(&mut self, dialect: Dialect) {
        self.spoken = Spoken::This(Box::new(dialect));
    }

    /// The preset that this message of the peer's shows, while one is searched for.
    pub(super) fn recognise(&mut self, message: &Message, wall_ms: u64) -> Option<&'static Dialect> {
        match self.spoken {
            Spoken::Searching => super::recognise::recognise(self.role, borrow(message)?, wall_ms, &mut self.decoder),
            Spoken::This(_) | Spoken::Nothing => None,
        }
    }

    /// What a text or binary message of the peer's means.
    pub(super) fn hear(&mut self, message: Message, wall_ms: u64) -> Meaning {
        let (Spoken::This(dialect), Some(borrowed)) = (&self.spoken, borrow(&message)) else {
            return Meaning::Data(message);
        };
        match dialect.decode(self.role, borrowed, wall_ms, &mut self.decoder) {
            Heard::Data(data) if is_same(data, borrowed) => Meaning::Data(message),
            Heard::Data(data) => Meaning::Data(own(data)),
            Heard::Heartbeat { token, answer } => Meaning::Heartbeat { token, answer: answer.map(own) },
            Heard::Answer(token) => Meaning::Answer(token),
            Heard::Ready { data, negotiated } => Meaning::Ready { data: own(data), negotiated },
            Heard::Reply(reply) => Meaning::Reply(own(reply)),
            Heard::Agreed { reply, negotiated } => Meaning::Agreed { reply: own(reply), negotiated },
            Heard::Malformed => Meaning::Malformed,
            Heard::TooBig => Meaning::TooBig,
        }
    }

    /// Our heartbeat; `None` where no dialect is in force.
    pub(super) fn heartbeat(&mut self, token: Token) -> Option<Message> {
        match &self.spoken {
            Spoken::This(dialect) => Some(own(dialect.heartbeat_from(self.role, token, &mut self.encoder))),
            Spoken::Searching | Spoken::Nothing => None,
        }
    }

    /// What is sent first, if anything.
    pub(super) fn hello(&self) -> Option<Message> {
        self.dialect()?.hello(self.role).map(own)
    }
}

fn borrow(message: &Message) -> Option<dialect::Message<'_>> {
    match message {
        Message::Text(text) => Some(dialect::Message::Text(text.as_str())),
        Message::Binary(bytes) => Some(dialect::Message::Binary(bytes)),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
    }
}

fn own(message: dialect::Message<'_>) -> Message {
    match message {
        dialect::Message::Text(text) => Message::Text(Utf8Bytes::from(text)),
        dialect::Message::Binary(bytes) => Message::Binary(bytes.to_vec().into()),
    }
}

/// Whether `data` is `whole` itself, not a copy: then nothing needs to be copied.
fn is_same(data: dialect::Message<'_>, whole: dialect::Message<'_>) -> bool {
    match (data, whole) {
        (dialect::Message::Text(a), dialect::Message::Text(b)) => std::ptr::eq(a, b),
        (dialect::Message::Binary(a), dialect::Message::Binary(b)) => std::ptr::eq(a, b),
        _ => false,
    }
}
