//! What messages mean, and what is said: shared by recording and replaying.

use alloc::string::String;
use alloc::vec::Vec;

use super::done::Done;
use crate::codec::gzip::Inflater;
use crate::dialect::{Codec, Decoder, Dialect, Encoder, Heard, Message, Negotiated, Role};
use crate::event::{Action, Fault, Input, Token, VerdictKind};
use crate::time::Instant;

/// One side's ear and mouth.
#[derive(Debug)]
pub(super) struct Voice {
    role: Role,
    dialect: Option<Dialect>,
    decoder: Decoder,
    encoder: Encoder,
    inflater: Inflater,
    /// What answers or replies to the message that was heard last, not compressed.
    answer: Vec<u8>,
    /// The message heard last is replied to, and not delivered.
    replies: bool,
    /// The heartbeat of this token, not compressed.
    beat: (Option<Token>, Vec<u8>),
    /// The payload of the user's next ping.
    pub(super) user_ping: Vec<u8>,
    /// The reason of the user's close.
    pub(super) user_reason: String,
}

impl Voice {
    pub(super) fn new(role: Role, dialect: Option<Dialect>) -> Self {
        Voice {
            role,
            dialect,
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            inflater: Inflater::default(),
            answer: Vec::new(),
            replies: false,
            beat: (None, Vec::new()),
            user_ping: Vec::new(),
            user_reason: String::new(),
        }
    }

    /// Speaks another dialect from now on.
    pub(super) fn speak(&mut self, dialect: Option<Dialect>) {
        self.dialect = dialect;
        self.beat.0 = None;
    }

    /// What a message means, and what it negotiates.
    pub(super) fn hear(&mut self, message: Message<'_>, wall_ms: u64) -> (Input, Negotiated) {
        self.forget();
        let Some(dialect) = &self.dialect else {
            return (Input::Data, Negotiated::default());
        };
        let input = match dialect.decode(self.role, message, wall_ms, &mut self.decoder) {
            Heard::Data(_) => Input::Data,
            Heard::Answer(token) => Input::Answer(token),
            Heard::Ready { negotiated, .. } => return (Input::Ready, negotiated),
            Heard::Malformed => Input::Fault(Fault::Malformed),
            Heard::TooBig => Input::Fault(Fault::TooBig),
            Heard::Heartbeat { token, answer } => {
                if let Some(answer) = answer {
                    plain(dialect.codec(), answer, &mut self.inflater, &mut self.answer);
                }
                Input::Heartbeat(token)
            }
            Heard::Reply(reply) => {
                plain(dialect.codec(), reply, &mut self.inflater, &mut self.answer);
                self.replies = true;
                Input::Data
            }
            Heard::Agreed { reply, negotiated } => {
                plain(dialect.codec(), reply, &mut self.inflater, &mut self.answer);
                self.replies = true;
                return (Input::Data, negotiated);
            }
        };
        (input, Negotiated::default())
    }

    /// What was heard is over.
    pub(super) fn forget(&mut self) {
        self.answer.clear();
        self.replies = false;
    }

    /// An action with the words that go with it.
    pub(super) fn done(&mut self, at: Instant, conn: u64, action: Action) -> Done<'_> {
        let said: &[u8] = match action {
            Action::Heartbeat(token) => self.beat(token),
            Action::Answer(_) => &self.answer,
            Action::UserPing => &self.user_ping,
            Action::Close(verdict) if verdict.kind == VerdictKind::User => self.user_reason.as_bytes(),
            // The user gets nothing: the dialect replies.
            Action::Deliver if self.replies => return Done { at, conn, action: Action::Answer(Token(0)), said: &self.answer },
            _ => &[],
        };
        Done { at, conn, action, said }
    }

    fn beat(&mut self, token: Token) -> &[u8] {
        let Voice { dialect, role, encoder, inflater, beat, .. } = self;
        if beat.0 != Some(token) {
            beat.1.clear();
            if let Some(dialect) = dialect {
                plain(dialect.codec(), dialect.heartbeat_from(*role, token, encoder), inflater, &mut beat.1);
            }
            beat.0 = Some(token);
        }
        &beat.1
    }
}

/// A message of ours before it was compressed.
fn plain(codec: Codec, message: Message<'_>, inflater: &mut Inflater, out: &mut Vec<u8>) {
    out.clear();
    let packed = match message {
        Message::Text(text) => return out.extend_from_slice(text.as_bytes()),
        Message::Binary(bytes) => bytes,
    };
    let bytes_max = crate::codec::gzip::INFLATED_BYTES_MAX;
    let inflated = match codec {
        Codec::Identity => Ok(packed),
        Codec::Gzip => inflater.gzip(packed, bytes_max),
        Codec::Deflate => inflater.deflate(packed, bytes_max),
    };
    // What is none of ours stays as it is.
    out.extend_from_slice(inflated.unwrap_or(packed));
}
