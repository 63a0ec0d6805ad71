//! What is asked, and what of the server's messages answers it.

use std::hash::{BuildHasher, RandomState};

use tokio_tungstenite::tungstenite::{Bytes, Message};
use wsbeat_core::dialect::{self, Decoder, Dialect, Encoder, Heard, Role};
use wsbeat_core::event::Token;
use wsbeat_core::policy::{Matching, PolicyConfig, Start};
use wsbeat_core::rng::Rng;
use wsbeat_tokio::client::Client;
use wsbeat_tokio::heartbeat::DialectChoice;

use crate::exit::Failure;

/// What is asked: pings, or heartbeats in messages.
#[derive(Debug)]
pub(super) enum Question {
    Control(Rng),
    Words(Box<Words>),
}

/// Heartbeats of a dialect whose client may ask.
///
/// They are asked and answered here and not by the connection, which would ask in its own time and keep the answers.
#[derive(Debug)]
pub(super) struct Words {
    dialect: Dialect,
    encoder: Encoder,
    decoder: Decoder,
    last_token: u64,
    /// Answers do not tell which heartbeat they answer: they come in its order.
    in_order: bool,
    waits_for_welcome: bool,
}

/// What a message of the server's is to whoever asks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    /// It answers the ping with this number.
    Pong(u64),
    /// It answers the oldest ping.
    PongInOrder,
    /// It asks: this is the answer.
    Asks(Message),
    /// From now on may be asked.
    Welcome,
    /// Anything else.
    Other,
}

impl Question {
    pub(super) fn control() -> Self {
        Question::Control(Rng::new(RandomState::new().hash_one(0_u8)))
    }

    /// # Errors
    /// The dialect has no plan for a client, which its file's check would have told.
    pub(super) fn in_words_of(dialect: Dialect) -> Result<Self, Failure> {
        let plan = dialect.plan(Role::Client, &PolicyConfig::default()).map_err(Failure::usage)?;
        let ask = plan.application.and_then(|app| app.ask);
        let mut encoder = Encoder::default();
        let one = owned(dialect.heartbeat_from(Role::Client, Token(1), &mut encoder));
        let two = owned(dialect.heartbeat_from(Role::Client, Token(2), &mut encoder));
        Ok(Question::Words(Box::new(Words {
            in_order: one == two || ask.is_some_and(|ask| ask.matching == Matching::Any),
            waits_for_welcome: ask.is_some_and(|ask| ask.start == Start::Ready),
            dialect,
            encoder,
            decoder: Decoder::default(),
            last_token: 0,
        })))
    }

    /// The plane, and the dialect where there is one.
    pub(super) fn name(&self) -> String {
        match self {
            Question::Control(_) => "transport".into(),
            Question::Words(words) => format!("application {}", words.dialect.id()),
        }
    }

    /// A client that leaves asking and answering in messages to this.
    pub(super) fn prepare(&self, client: Client) -> Client {
        let Question::Words(words) = self else { return client };
        let mut client = client.dialect(DialectChoice::None);
        if let Some(name) = words.dialect.subprotocol() {
            client = client.subprotocol(name);
        }
        match words.dialect.hello(Role::Client) {
            Some(hello) => client.subscribe(owned(hello)),
            None => client,
        }
    }

    /// Whether something has to come before the first ping.
    pub(super) fn waits_for_welcome(&self) -> bool {
        matches!(self, Question::Words(words) if words.waits_for_welcome)
    }

    /// The next ping, and the number that its answer brings back. Unix time is `wall_ms`.
    pub(super) fn next(&mut self, wall_ms: u64) -> (Message, u64) {
        match self {
            Question::Control(rng) => {
                let number = rng.next_u64();
                (Message::Ping(Bytes::copy_from_slice(&number.to_be_bytes())), number)
            }
            Question::Words(words) => {
                words.last_token = wall_ms.max(words.last_token + 1);
                let heartbeat = words.dialect.heartbeat_from(Role::Client, Token(words.last_token), &mut words.encoder);
                (owned(heartbeat), words.last_token)
            }
        }
    }

    /// What this message of the server's is.
    pub(super) fn hear(&mut self, message: &Message, wall_ms: u64) -> Reply {
        match (self, message) {
            (Question::Control(_), Message::Pong(payload)) => match <[u8; 8]>::try_from(payload.as_ref()) {
                Ok(eight) => Reply::Pong(u64::from_be_bytes(eight)),
                Err(_) => Reply::Other,
            },
            (Question::Words(words), Message::Text(text)) => words.hear(dialect::Message::Text(text.as_str()), wall_ms),
            (Question::Words(words), Message::Binary(bytes)) => words.hear(dialect::Message::Binary(bytes), wall_ms),
            _ => Reply::Other,
        }
    }
}

impl Words {
    fn hear(&mut self, message: dialect::Message<'_>, wall_ms: u64) -> Reply {
        match self.dialect.decode(Role::Client, message, wall_ms, &mut self.decoder) {
            Heard::Answer(token) if token.0 != 0 => Reply::Pong(token.0),
            Heard::Answer(_) if self.in_order => Reply::PongInOrder,
            Heard::Answer(_) => Reply::Pong(0),
            Heard::Heartbeat { answer: Some(answer), .. } => Reply::Asks(owned(answer)),
            Heard::Reply(reply) | Heard::Agreed { reply, .. } => Reply::Asks(owned(reply)),
            Heard::Ready { .. } => {
                self.waits_for_welcome = false;
                Reply::Welcome
            }
            Heard::Heartbeat { answer: None, .. } | Heard::Data(_) | Heard::Malformed | Heard::TooBig => Reply::Other,
        }
    }
}

fn owned(message: dialect::Message<'_>) -> Message {
    match message {
        dialect::Message::Text(text) => Message::text(text),
        dialect::Message::Binary(bytes) => Message::binary(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(id: &str) -> Question {
        Question::in_words_of(Dialect::preset(id).unwrap().clone()).unwrap()
    }

    #[test]
    fn a_heartbeat_is_asked_in_the_clients_words_and_its_answer_found() {
        let mut question = words("htx-spot-v1");
        let (ask, number) = question.next(1_492_420_473_027);
        assert_eq!(ask, Message::text("{\"ping\":1492420473027}"));
        assert_eq!(question.hear(&Message::text("{\"pong\":1492420473027}"), 0), Reply::Pong(number));
        assert_eq!(question.next(5).1, number + 1, "numbers go up whatever the clock does");
    }

    #[test]
    fn the_servers_own_heartbeats_are_answered_and_data_is_not() {
        let mut question = words("htx-contract-market");
        assert_eq!(question.hear(&Message::text("{\"ping\":7}"), 0), Reply::Asks(Message::text("{\"pong\":7}")));
        assert_eq!(question.hear(&Message::text("{\"ch\":\"market\"}"), 0), Reply::Other);
    }

    #[test]
    fn answers_that_name_no_heartbeat_come_in_order() {
        let mut question = words("okx");
        assert_eq!(question.next(1).0, Message::text("ping"));
        assert_eq!(question.hear(&Message::text("pong"), 0), Reply::PongInOrder);
    }

    #[test]
    fn a_dialect_that_greets_first_is_waited_for() {
        let mut question = words("kucoin");
        assert!(question.waits_for_welcome());
        assert_eq!(question.hear(&Message::text("{\"id\":\"1\",\"type\":\"welcome\"}"), 0), Reply::Welcome);
        assert!(!question.waits_for_welcome());
    }

    #[test]
    fn pings_carry_a_number_of_their_own() {
        let mut question = Question::control();
        let ((ask, first), (_, second)) = (question.next(0), question.next(0));
        assert_ne!(first, second);
        let Message::Ping(payload) = ask else { panic!("{ask}") };
        assert_eq!(question.hear(&Message::Pong(payload), 0), Reply::Pong(first));
        assert_eq!(question.hear(&Message::Pong(Bytes::new()), 0), Reply::Other);
    }
}
