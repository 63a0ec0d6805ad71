//! Messages of a peer's, in every dialect, plain and compressed.

use std::sync::OnceLock;

use wsbeat_core::codec::gzip::{INFLATED_BYTES_MAX, Inflater, RATIO_FREE_BYTES, RATIO_MAX, write_gzip, write_zlib};
use wsbeat_core::dialect::{Codec, Decoder, Dialect, Encoder, Heard, Layer, Message, Role};
use wsbeat_core::event::Token;

use super::json;
use crate::counting::count;

mod answers;
mod gunzip;

pub(super) const WALL_MS: u64 = 1_492_420_468_027;
/// Longer texts are not read by two JSON readers.
const JSON_BYTES_MAX: usize = 2_048;
/// What answers, replies and the list of members may take beside what is inflated.
const SPOKEN_BYTES: usize = 96 << 10;

/// How the bytes of an input become a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    Text,
    Binary,
    Gzip,
    Zlib,
    /// The bytes are a deflate stream; header and checksums are put around it.
    Deflated,
}

impl Wrap {
    pub(super) const ALL: [Wrap; 5] = [Wrap::Text, Wrap::Binary, Wrap::Gzip, Wrap::Zlib, Wrap::Deflated];
}

/// A message: the dialect by its place, our role and how the rest is wrapped, the message.
///
/// Decoding takes less than twice its limit in memory and gives the same twice. What is compressed reads as another inflater
/// reads it, JSON as another reader reads it. Data comes back as it came, an answer bears the token as it was written, and
/// whoever asked takes it for the answer. A heartbeat of ours is heard as one, whatever its token.
pub fn heartbeat(data: &[u8]) {
    let Some(([which, how], body)) = data.split_first_chunk::<2>() else { return };
    let all = dialects();
    let dialect = &all[usize::from(*which) % all.len()];
    let role = if how & 1 == 0 { Role::Client } else { Role::Server };
    let wrap = Wrap::ALL[usize::from(how >> 1) % Wrap::ALL.len()];
    if let Some(token) = body.first_chunk::<8>() {
        own(dialect, role, Token(u64::from_be_bytes(*token)));
    }
    let text = String::from_utf8_lossy(body);
    if wrap == Wrap::Text && text.len() <= JSON_BYTES_MAX {
        json::check(&text);
    }
    let frame = wrapped(wrap, body);
    received(dialect, role, if wrap == Wrap::Text { Message::Text(&text) } else { Message::Binary(&frame) });
}

/// The presets, and one of them with what no preset has: deflate, and binary messages that have to be compressed.
pub(super) fn dialects() -> &'static [Dialect] {
    static ALL: OnceLock<Vec<Dialect>> = OnceLock::new();
    ALL.get_or_init(|| {
        let gzip = Dialect::preset("htx-spot-v1").expect("a preset").to_toml();
        let deflate = Dialect::load(&gzip.replace(r#"codec = "gzip""#, r#"codec = "deflate""#)).expect("a dialect");
        let strict = Dialect::load(&gzip.replace("\nping = ", "\nplain_binary = false\nping = ")).expect("a dialect");
        assert!(deflate[0].codec() == Codec::Deflate && strict[0] != deflate[0]);
        [Dialect::presets(), &deflate, &strict].concat()
    })
}

/// The input that is read as this.
pub(super) fn packed(place: usize, role: Role, wrap: Wrap, body: &[u8]) -> Vec<u8> {
    let wrap = Wrap::ALL.iter().position(|w| *w == wrap).unwrap_or(0);
    let how = (wrap as u8) << 1 | u8::from(role == Role::Server);
    [&[place as u8, how], body].concat()
}

pub(super) fn wrapped(wrap: Wrap, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![];
    match wrap {
        Wrap::Text | Wrap::Binary => frame.extend_from_slice(body),
        Wrap::Gzip => write_gzip(body, &mut frame),
        Wrap::Zlib => write_zlib(body, &mut frame),
        Wrap::Deflated => gunzip::member(body, &mut frame),
    }
    frame
}

fn bytes(message: Message<'_>) -> &[u8] {
    match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
    }
}

fn received(dialect: &Dialect, role: Role, message: Message<'_>) {
    let (mut first, mut again) = (Decoder::default(), Decoder::default());
    let mut decoded = None;
    let (_, peak) = count(|| decoded = Some(dialect.decode(role, message, WALL_MS, &mut first)));
    let limit = INFLATED_BYTES_MAX.min(bytes(message).len().saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES)).max(128 << 10);
    assert!(peak < 2 * limit + SPOKEN_BYTES, "{peak} bytes for a limit of {limit}");
    let heard = decoded.expect("decoded");

    // Buffers that were used before make no difference.
    let _ = dialect.decode(role, Message::Text(r#"{"ping":1,"x":{"op":"ping"}}"#), 0, &mut again);
    assert_eq!(dialect.decode(role, message, WALL_MS, &mut again), heard);

    let compressed = role == Role::Client && dialect.layer() == Layer::Binary && dialect.codec() != Codec::Identity;
    let mut inflater = Inflater::default();
    let inflated = match message {
        Message::Binary(frame) if compressed => gunzip::checked(dialect.codec(), frame, &mut inflater),
        _ => None,
    };
    let plain = inflated.unwrap_or(bytes(message));
    match heard {
        Heard::Data(data) => assert_eq!(bytes(data), plain, "data comes back as it came"),
        Heard::Ready { data, .. } => {
            assert_eq!(bytes(data), plain, "data comes back as it came");
            assert_eq!(role, Role::Client, "only a client waits to ask");
        }
        Heard::Answer(Token(token)) => {
            let digits = token.to_string();
            let text = String::from_utf8_lossy(plain);
            assert!(token == 0 || text.contains(&digits), "{digits} in {text:?}");
        }
        Heard::Heartbeat { token, answer } => {
            if let Some(answer) = answer {
                answers::check(dialect, role, plain, token, answer);
            }
        }
        Heard::Reply(reply) | Heard::Agreed { reply, .. } => answers::reply(dialect, role, reply),
        Heard::Malformed | Heard::TooBig => {
            assert!(compressed && matches!(message, Message::Binary(_)), "{heard:?} without compression");
        }
    }
    if plain.len() > dialect.heartbeat_bytes_max() {
        assert!(matches!(heard, Heard::Data(_) | Heard::Malformed | Heard::TooBig), "too long for a heartbeat: {heard:?}");
    }
}

/// What the side of this role asks, the other hears; and the other way round.
fn own(dialect: &Dialect, role: Role, token: Token) {
    if !dialect.may_ask(role) || dialect.layer() == Layer::Control {
        return;
    }
    let (mut encoder, mut theirs, mut ours) = (Encoder::default(), Decoder::default(), Decoder::default());
    let asked = dialect.heartbeat_from(role, token, &mut encoder);
    let Heard::Heartbeat { token: heard, answer } = dialect.decode(role.other(), asked, WALL_MS, &mut theirs) else {
        panic!("{}: {asked:?} is no heartbeat", dialect.id());
    };
    let bears_token = heard != Token(0);
    assert!(heard == token || heard == Token(0), "{}: {heard:?} of {token:?}", dialect.id());
    let Some(answer) = answer else { return };
    let Heard::Answer(back) = dialect.decode(role, answer, WALL_MS, &mut ours) else {
        panic!("{}: {answer:?} is no answer", dialect.id());
    };
    assert!(!bears_token || back == token, "{}: {back:?} for {token:?}", dialect.id());
}
