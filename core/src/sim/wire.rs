//! Heartbeats as bytes: through a dialect's encoder and decoder, whole or damaged.

use alloc::vec::Vec;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::codec::gzip::write_gzip;
use crate::dialect::{Decoder, Dialect, Encoder, Heard, Initiator, Layer, Message, Role};
use crate::event::{Fault, Input, Token};
use crate::rng::Rng;

/// What a bomb inflates to: more than any dialect allows by default.
const BOMB_BYTES: usize = 8 << 20;

/// How much of what goes over the wire is bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Detail {
    /// Damaged messages alone; the others are tokens. Fast.
    #[default]
    Tokens,
    /// Every heartbeat and every answer.
    Bytes,
}

/// The tokens of messages that go one way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    are_borne: bool,
}

impl Tokens {
    /// What is read where this one was meant: where none are borne, 0.
    pub(super) const fn read(self, token: Token) -> Token {
        if self.are_borne { token } else { Token(0) }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Wire {
    dialect: Option<Dialect>,
    /// The hub's side.
    role: Role,
    pub(super) detail: Detail,
    /// Heartbeats want an answer.
    pub(super) is_answered: bool,
    heartbeats: Tokens,
    pub(super) answers: Tokens,
    encoder: Encoder,
    ours: Decoder,
    peers: Decoder,
    packed: Vec<u8>,
    answer: Vec<u8>,
    bomb: Vec<u8>,
}

impl Wire {
    pub(super) fn new(dialect: Option<Dialect>, role: Role, detail: Detail) -> Self {
        let (asked, answered) = dialect.as_ref().map_or((true, true), Dialect::bears_tokens);
        Wire {
            is_answered: dialect.as_ref().is_none_or(|dialect| dialect.initiator() != Initiator::OneWay),
            heartbeats: Tokens { are_borne: asked },
            answers: Tokens { are_borne: answered },
            dialect,
            role,
            detail,
            encoder: Encoder::default(),
            ours: Decoder::default(),
            peers: Decoder::default(),
            packed: Vec::new(),
            answer: Vec::new(),
            bomb: Vec::new(),
        }
    }

    /// What an answer with this token is to the hub.
    pub(super) fn answer(&self, token: Token) -> Input {
        if self.is_answered { Input::Answer(self.answers.read(token)) } else { Input::Data }
    }

    /// The token that comes back for a heartbeat of ours, by the bytes of both ways; `None` where they lose it.
    pub(super) fn round_trip(&mut self, token: Token, wall_ms: u64) -> Option<Token> {
        let dialect = self.dialect.as_ref().filter(|_| self.detail == Detail::Bytes);
        let Some(dialect) = dialect.filter(|dialect| dialect.may_ask(self.role)) else {
            return Some(self.answers.read(token));
        };
        let heartbeat = dialect.heartbeat_from(self.role, token, &mut self.encoder);
        let Heard::Heartbeat { answer: Some(answer), .. } = dialect.decode(self.role.other(), heartbeat, wall_ms, &mut self.peers) else {
            return None;
        };
        let answer = keep(answer, &mut self.answer);
        match dialect.decode(self.role, answer, wall_ms, &mut self.ours) {
            Heard::Answer(back) => Some(back),
            _ => None,
        }
    }

    /// The token of a heartbeat of the peer's as we read it; `None` where the bytes lose it.
    pub(super) fn heartbeat(&mut self, token: Token, wall_ms: u64) -> Option<Token> {
        let dialect = self.dialect.as_ref().filter(|_| self.detail == Detail::Bytes);
        // Control frames are the library's, not the dialect's.
        let Some(dialect) = dialect.filter(|dialect| dialect.layer() != Layer::Control && dialect.may_ask(self.role.other())) else {
            return Some(self.heartbeats.read(token));
        };
        let heartbeat = dialect.heartbeat_from(self.role.other(), token, &mut self.encoder);
        match dialect.decode(self.role, heartbeat, wall_ms, &mut self.ours) {
            Heard::Heartbeat { token: read, .. } => Some(read),
            _ => None,
        }
    }

    /// What a gzip message with a changed byte, or cut short where `draw` is odd, is to the hub.
    pub(super) fn damaged(&mut self, draw: u64, wall_ms: u64) -> Input {
        let mut rng = Rng::new(draw);
        self.packed.clear();
        write_gzip(b"{\"ping\":1492420473027}", &mut self.packed);
        let place = usize::try_from(rng.below(self.packed.len() as u64)).unwrap_or(0);
        if draw & 1 == 1 {
            self.packed.truncate(place.max(2));
        } else if let Some(byte) = self.packed.get_mut(place) {
            *byte ^= 1 << rng.below(8);
        }
        let Some(dialect) = &self.dialect else {
            return Input::Data;
        };
        meaning(dialect.decode(self.role, Message::Binary(&self.packed), wall_ms, &mut self.ours))
    }

    /// What a gzip bomb is to the hub.
    pub(super) fn bomb(&mut self, wall_ms: u64) -> Input {
        if self.bomb.is_empty() {
            self.bomb = bomb();
        }
        let Some(dialect) = &self.dialect else {
            return Input::Data;
        };
        meaning(dialect.decode(self.role, Message::Binary(&self.bomb), wall_ms, &mut self.ours))
    }
}

/// A message copied to a place of its own.
fn keep<'a>(message: Message<'_>, space: &'a mut Vec<u8>) -> Message<'a> {
    space.clear();
    match message {
        Message::Text(text) => {
            space.extend_from_slice(text.as_bytes());
            core::str::from_utf8(space).map_or(Message::Binary(&[]), Message::Text)
        }
        Message::Binary(bytes) => {
            space.extend_from_slice(bytes);
            Message::Binary(space)
        }
    }
}

fn meaning(heard: Heard<'_>) -> Input {
    match heard {
        Heard::Data(_) | Heard::Reply(_) | Heard::Agreed { .. } => Input::Data,
        Heard::Heartbeat { token, .. } => Input::Heartbeat(token),
        Heard::Answer(token) => Input::Answer(token),
        Heard::Ready { .. } => Input::Ready,
        Heard::Malformed => Input::Fault(Fault::Malformed),
        Heard::TooBig => Input::Fault(Fault::TooBig),
    }
}

fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; a shorter bomb would be caught by its test.
    let written = encoder.write_all(&alloc::vec![b' '; BOMB_BYTES]);
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(role: Role) -> Wire {
        Wire::new(Dialect::preset("htx-spot-v1").cloned(), role, Detail::Bytes)
    }

    #[test]
    fn tokens_come_back_through_the_bytes_of_both_ways() {
        assert_eq!(wire(Role::Server).round_trip(Token(1_492_420_473_027), 0), Some(Token(1_492_420_473_027)));
        assert_eq!(wire(Role::Client).heartbeat(Token(7), 0), Some(Token(7)));
    }

    #[test]
    fn a_client_sees_damage_and_bombs_for_what_they_are_and_a_server_sees_data() {
        let mut client = wire(Role::Client);
        assert_eq!(client.bomb(0), Input::Fault(Fault::TooBig));
        let malformed = (0..1_000).filter(|draw| client.damaged(*draw, 0) == Input::Fault(Fault::Malformed)).count();
        assert!(malformed > 700, "{malformed}");
        assert_eq!((wire(Role::Server).damaged(3, 0), wire(Role::Server).bomb(0)), (Input::Data, Input::Data));
    }

    #[test]
    fn control_frames_have_no_bytes_of_a_dialect() {
        let mut client = Wire::new(Dialect::preset("binance-spot").cloned(), Role::Client, Detail::Bytes);
        assert_eq!(client.heartbeat(Token(7), 0), Some(Token(7)));
    }

    #[test]
    fn an_asking_client_gets_its_token_back_through_the_bytes_of_the_server() {
        assert_eq!(wire(Role::Client).round_trip(Token(7), 0), Some(Token(7)));
    }

    #[test]
    fn a_token_that_the_bytes_lose_does_not_come_back() {
        let own = |recognise: &str| {
            let toml = alloc::format!(
                "[[dialect]]\nid = \"own\"\nsource = \"a test\"\nstatus = \"verified\"\ninitiator = \"server\"\nlayer = \"text\"\n\
                 ping = '{{\"ping\":$t}}'\npong = '{{\"pong\":$t}}'\ntoken = \"counter-id\"\ninterval = \"5s\"\ndeath = \"none\"\n\
                 recognise = {{ {recognise} }}\n"
            );
            Dialect::load(&toml).ok().and_then(|mut all| all.pop())
        };
        let lost = |recognise: &str| {
            let dialect = own(recognise);
            assert!(dialect.is_some(), "{recognise}");
            let back = Wire::new(dialect.clone(), Role::Server, Detail::Bytes).round_trip(Token(7), 0);
            (back, Wire::new(dialect, Role::Client, Detail::Bytes).heartbeat(Token(7), 0))
        };
        assert_eq!(lost("ping = [{ \"/ping\" = \"$t\" }]"), (Some(Token(7)), Some(Token(7))));
        assert_eq!(lost("pong = [{ \"/other\" = \"$t\" }]"), (None, Some(Token(7))));
        assert_eq!(lost("ping = [{ \"/other\" = \"$t\" }]"), (None, None));
    }

    #[test]
    fn what_was_heard_goes_in_as_what_it_is() {
        let negotiated = crate::dialect::Negotiated::default();
        let text = Message::Text("");
        for (heard, input) in [
            (Heard::Data(text), Input::Data),
            (Heard::Reply(text), Input::Data),
            (Heard::Agreed { reply: text, negotiated }, Input::Data),
            (Heard::Heartbeat { token: Token(1), answer: None }, Input::Heartbeat(Token(1))),
            (Heard::Answer(Token(2)), Input::Answer(Token(2))),
            (Heard::Malformed, Input::Fault(Fault::Malformed)),
            (Heard::TooBig, Input::Fault(Fault::TooBig)),
        ] {
            assert_eq!(meaning(heard), input);
        }
    }
}
