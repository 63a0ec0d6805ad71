//! Messages as they go on the wire.

use alloc::string::String;
use alloc::vec::Vec;

use super::packing::Codec;
use super::rules::Rules;
use super::template::TokenText;
use super::{Message, Role};
use crate::event::Token;

/// Buffers for encoding, one for many connections. It keeps the last heartbeat: connections that beat in the same
/// millisecond share one encoding.
#[derive(Debug, Default)]
pub struct Encoder {
    /// What is kept: token, sender and the template, which tells dialects apart.
    token: Token,
    codec: Option<Codec>,
    template: String,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

/// The heartbeat with this token from a side of this role.
pub(super) fn heartbeat<'a>(rules: &Rules, role: Role, token: Token, encoder: &'a mut Encoder) -> Message<'a> {
    let Some(ping) = &rules.ping else {
        return Message::Text("");
    };
    let codec = rules.codec_from(role);
    if encoder.token != token || encoder.codec != Some(codec) || encoder.template != ping.source() {
        encoder.token = token;
        encoder.codec = Some(codec);
        encoder.template.clear();
        encoder.template.push_str(ping.source());
        encoder.plain.clear();
        ping.render(TokenText::Own(token.0), 0, &[], &mut encoder.plain);
        codec.pack(&encoder.plain, &mut encoder.packed);
    }
    message(rules, role, &encoder.plain, &encoder.packed)
}

/// The message that a side of this role sends: `packed` where its direction is compressed, else `plain`.
pub(super) fn message<'a>(rules: &Rules, role: Role, plain: &'a [u8], packed: &'a [u8]) -> Message<'a> {
    if rules.codec_from(role) != Codec::Identity {
        return Message::Binary(packed);
    }
    match core::str::from_utf8(plain) {
        Ok(text) if !rules.is_binary_from(role) => Message::Text(text),
        _ => Message::Binary(plain),
    }
}
