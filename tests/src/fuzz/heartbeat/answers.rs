//! What we say: the token to the letter, and nothing that the other side cannot read.

use serde_json::value::RawValue;
use wsbeat_core::codec::gzip::{INFLATED_BYTES_MAX, Inflater};
use wsbeat_core::dialect::{Codec, Decoder, Dialect, Encoder, Heard, Message, Role};
use wsbeat_core::event::Token;

use super::{WALL_MS, bytes};

/// What a template may be long, and what it may take from the message that it replies to, four times.
const TEMPLATE_BYTES_MAX: usize = 4_096;

/// Asserts that `answer`, given by a side of this role to the heartbeat `asked`, is the dialect's answer around a token that
/// stands in `asked`, and that the one who asked hears it.
pub(super) fn check(dialect: &Dialect, role: Role, asked: &[u8], token: Token, answer: Message<'_>) {
    let said = plain(dialect, answer);
    let Some((before, after)) = around_token(dialect, role) else {
        let fixed = answer_to(dialect, role, Token(1)).expect("an answer");
        return assert_eq!(said, fixed, "an answer without a token is always the same");
    };
    let inner = said.strip_prefix(before.as_str()).and_then(|s| s.strip_suffix(after.as_str()));
    let written = inner.unwrap_or_else(|| panic!("{said:?} is not {before:?} … {after:?}"));
    assert!(serde_json::from_str::<&RawValue>(written).is_ok(), "{written:?} is no value");
    let asked = std::str::from_utf8(asked).expect("a heartbeat is text");
    let is_absent = matches!(written, "null" | "\"\"");
    assert!(is_absent || asked.contains(written), "{written:?} is not in {asked:?}");
    let digits = written.trim_matches('"');
    assert!(token == Token(0) || digits == token.0.to_string(), "{written:?} for {token:?}");
    if token != Token(0) {
        let mut decoder = Decoder::default();
        let heard = dialect.decode(role.other(), answer, WALL_MS, &mut decoder);
        assert_eq!(heard, Heard::Answer(token), "{answer:?}");
    }
}

/// A reply is whole JSON where it looks like it, and no longer than what it is made of.
pub(super) fn reply(dialect: &Dialect, role: Role, reply: Message<'_>) {
    assert_eq!(role, Role::Server, "only a server replies");
    let said = plain(dialect, reply);
    assert!(said.len() <= TEMPLATE_BYTES_MAX + 4 * dialect.heartbeat_bytes_max(), "{} bytes", said.len());
    if said.starts_with('{') && said.ends_with('}') {
        assert!(serde_json::from_str::<&RawValue>(&said).is_ok(), "{said:?} is no JSON");
    }
}

/// What stands before and after the token in the answers of a side of this role; `None` where there is no token.
fn around_token(dialect: &Dialect, role: Role) -> Option<(String, String)> {
    let one = answer_to(dialect, role, Token(1))?;
    let two = answer_to(dialect, role, Token(22))?;
    if one == two {
        return None;
    }
    let before = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
    let (before, after) = (&one[..before], &one[before + 1..]);
    // A token that comes as a string brings its own quotes.
    let (before, after) = before.strip_suffix('"').zip(after.strip_prefix('"')).unwrap_or((before, after));
    Some((before.to_string(), after.to_string()))
}

fn answer_to(dialect: &Dialect, role: Role, token: Token) -> Option<String> {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let asked = dialect.heartbeat_from(role.other(), token, &mut encoder);
    match dialect.decode(role, asked, WALL_MS, &mut decoder) {
        Heard::Heartbeat { answer: Some(answer), .. } => Some(plain(dialect, answer)),
        _ => None,
    }
}

fn plain(dialect: &Dialect, message: Message<'_>) -> String {
    let mut inflater = Inflater::default();
    let plain = match (message, dialect.codec()) {
        (Message::Binary(frame), Codec::Gzip) => inflater.gzip(frame, INFLATED_BYTES_MAX).expect("what we pack is whole"),
        (Message::Binary(frame), Codec::Deflate) => inflater.deflate(frame, INFLATED_BYTES_MAX).expect("what we pack is whole"),
        _ => bytes(message),
    };
    String::from_utf8(plain.to_vec()).expect("what we say is text")
}
