//! Messages of the peer's, and what they mean.

use alloc::vec::Vec;
use core::time::Duration;

use super::encode::message as outgoing;
use super::packing::Codec;
use super::recognise::{Form, Reader};
use super::rules::{Negotiation, Rules, Values};
use super::template::{Template, TokenText};
use super::{Decoder, Heard, Message, Negotiated, Role};
use crate::codec::gzip::{GZIP_MAGIC, InflateError, Inflater};
use crate::codec::json::Raw;
use crate::event::Token;
use crate::policy::Matching;

/// How many values a reply may take from the message it replies to.
pub(super) const CAPTURES_MAX: usize = 4;

pub(super) fn decode<'a>(rules: &Rules, role: Role, message: Message<'a>, wall_ms: u64, decoder: &'a mut Decoder) -> Heard<'a> {
    let Decoder { inflater, members, out, packed } = decoder;
    let (text, data) = match open(rules, role, message, inflater) {
        Opened::Text(text, data) => (text, data),
        Opened::Heard(heard) => return heard,
    };
    if text.len() > rules.heartbeat_bytes_max {
        return Heard::Data(data);
    }
    let mut reader = Reader::new(text, members);
    let speaker = Speaker { rules, role, wall_ms, out, packed };
    match meaning(rules, role, &mut reader) {
        Meaning::Data => Heard::Data(data),
        Meaning::Answer(token) => Heard::Answer(token),
        Meaning::Ready(negotiated) => Heard::Ready { data, negotiated },
        Meaning::Heartbeat(raw) => {
            let token = Token(raw.and_then(Raw::digits).unwrap_or(0));
            let verbatim = raw.map_or(TokenText::Absent, |raw| TokenText::Verbatim(raw.text()));
            let answer = rules.pong.as_ref().map(|pong| speaker.say(pong, verbatim, &[]));
            Heard::Heartbeat { token, answer }
        }
        Meaning::Invalid(template) => Heard::Reply(speaker.say(template, TokenText::Absent, &[])),
        Meaning::Reply(template, captures, negotiated) => {
            let reply = speaker.say(template, TokenText::Absent, &captures);
            match negotiated {
                None => Heard::Reply(reply),
                Some(negotiated) => Heard::Agreed { reply, negotiated },
            }
        }
    }
}

/// Writes what we say in the decoder's buffers.
struct Speaker<'r, 'a> {
    rules: &'r Rules,
    role: Role,
    wall_ms: u64,
    out: &'a mut Vec<u8>,
    packed: &'a mut Vec<u8>,
}

impl<'a> Speaker<'_, 'a> {
    fn say(self, template: &Template, token: TokenText<'_>, captures: &[&str]) -> Message<'a> {
        self.out.clear();
        template.render(token, self.wall_ms, captures, self.out);
        self.rules.codec_from(self.role).pack(self.out, self.packed);
        outgoing(self.rules, self.role, self.out, self.packed)
    }
}

enum Opened<'a> {
    /// Text to look at, and the message as the user gets it.
    Text(&'a str, Message<'a>),
    /// Nothing to look at.
    Heard(Heard<'a>),
}

/// Takes the compression off.
fn open<'a>(rules: &Rules, role: Role, message: Message<'a>, inflater: &'a mut Inflater) -> Opened<'a> {
    let bytes = match message {
        Message::Text(text) if rules.is_binary_from(role.other()) && !rules.plain_binary => {
            return Opened::Heard(Heard::Data(Message::Text(text)));
        }
        Message::Text(text) => return Opened::Text(text, message),
        Message::Binary(bytes) => bytes,
    };
    if !rules.is_binary_from(role.other()) {
        return Opened::Heard(Heard::Data(message));
    }
    let codec = rules.codec_from(role.other());
    let compressed = match codec {
        Codec::Identity => false,
        Codec::Gzip => bytes.starts_with(&GZIP_MAGIC),
        Codec::Deflate => !is_plain_json(bytes),
    };
    if !compressed {
        let readable = codec == Codec::Identity || rules.plain_binary;
        return match core::str::from_utf8(bytes) {
            Ok(text) if readable => Opened::Text(text, message),
            _ => Opened::Heard(Heard::Data(message)),
        };
    }
    let inflated = match codec {
        Codec::Gzip | Codec::Identity => inflater.gzip(bytes, rules.inflated_bytes_max),
        Codec::Deflate => inflater.deflate(bytes, rules.inflated_bytes_max),
    };
    match inflated.map(|data| (core::str::from_utf8(data), data)) {
        Ok((Ok(text), _)) => Opened::Text(text, Message::Text(text)),
        Ok((Err(_), data)) => Opened::Heard(Heard::Data(Message::Binary(data))),
        Err(InflateError::Malformed) => Opened::Heard(Heard::Malformed),
        Err(InflateError::TooBig) => Opened::Heard(Heard::TooBig),
    }
}

/// Whether a frame of a dialect that deflates is JSON as it stands: raw deflate bears no mark, and that an object in braces
/// is also a whole deflate stream is beyond all chance.
fn is_plain_json(bytes: &[u8]) -> bool {
    matches!((bytes.first(), bytes.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))) && core::str::from_utf8(bytes).is_ok()
}

enum Meaning<'r, 't> {
    Data,
    Answer(Token),
    /// With its token as it was written.
    Heartbeat(Option<Raw<'t>>),
    Ready(Negotiated),
    /// A heartbeat with a token that cannot be: what to say to it.
    Invalid(&'r Template),
    /// With what it takes from the message, and what that negotiates.
    Reply(&'r Template, [&'t str; CAPTURES_MAX], Option<Negotiated>),
}

fn meaning<'r, 't>(rules: &'r Rules, role: Role, reader: &mut Reader<'_, 't>) -> Meaning<'r, 't> {
    if rules.may_ask(role) {
        if let Some(found) = find(&rules.pongs, reader) {
            return answer(rules, found);
        }
    }
    if rules.may_ask(role.other()) {
        if let Some(found) = find(&rules.pings, reader) {
            return heartbeat(rules, role, found);
        }
    }
    match role {
        Role::Client => ready(rules, reader),
        Role::Server => reply(rules, reader),
    }
}

/// The form that fits, by its place for a token and what stands there.
struct Fit<'t> {
    has_place: bool,
    token: Option<Raw<'t>>,
}

fn find<'t>(forms: &[Form], reader: &mut Reader<'_, 't>) -> Option<Fit<'t>> {
    forms.iter().find_map(|form| form.find(reader).map(|found| Fit { has_place: form.has_token(), token: found.token }))
}

/// An answer has digits where the token belongs, or nothing there where any answer will do. All else is data.
fn answer<'r, 't>(rules: &Rules, fit: Fit<'t>) -> Meaning<'r, 't> {
    match fit.token {
        None if !fit.has_place || rules.matching == Matching::Any => Meaning::Answer(Token(0)),
        None => Meaning::Data,
        Some(raw) => match raw.digits() {
            Some(n) => Meaning::Answer(Token(n)),
            None if rules.matching == Matching::Any && raw.is_string() => Meaning::Answer(Token(0)),
            None => Meaning::Data,
        },
    }
}

fn heartbeat<'r, 't>(rules: &'r Rules, role: Role, fit: Fit<'t>) -> Meaning<'r, 't> {
    match fit.token {
        None if !fit.has_place || rules.matching == Matching::Any => Meaning::Heartbeat(None),
        None => Meaning::Data,
        Some(raw) if raw.is_integer() => Meaning::Heartbeat(Some(raw)),
        Some(raw) if raw.is_string() && !(role == Role::Server && rules.integers_only) => Meaning::Heartbeat(Some(raw)),
        Some(_) => match &rules.invalid {
            Some(template) if role == Role::Server => Meaning::Invalid(template),
            _ => Meaning::Data,
        },
    }
}

fn ready<'r, 't>(rules: &Rules, reader: &mut Reader<'_, 't>) -> Meaning<'r, 't> {
    if let Some(negotiation) = &rules.negotiation {
        if negotiation.message.find(reader).is_some() {
            return Meaning::Ready(negotiation.read(rules, reader));
        }
    }
    match &rules.after {
        Some(after) if after.find(reader).is_some() => Meaning::Ready(Negotiated::default()),
        _ => Meaning::Data,
    }
}

impl Negotiation {
    fn read(&self, rules: &Rules, reader: &mut Reader<'_, '_>) -> Negotiated {
        let number = |raw: Option<Raw<'_>>| raw.and_then(Raw::digits).map(|n| self.span(n));
        match &self.values {
            Values::Fields { interval, timeout } => {
                let Some(object) = reader.object(self.message.prefix_bytes()) else {
                    return Negotiated::default();
                };
                Negotiated {
                    interval: number(interval.as_ref().and_then(|p| object.get(p))),
                    timeout: number(timeout.as_ref().and_then(|p| object.get(p))).map(|t| t.saturating_mul(self.margin)),
                }
            }
            Values::Header(name) => self.header(name, rules.interval, reader.text, Negotiation::agreed),
        }
    }

    /// What a client's request sets, where it is one.
    fn requested(&self, rules: &Rules, reader: &mut Reader<'_, '_>) -> Option<Negotiated> {
        let Values::Header(name) = &self.values else { return None };
        self.requests.iter().find(|form| form.find(reader).is_some())?;
        Some(self.header(name, rules.interval, reader.text, Negotiation::in_steps))
    }

    /// STOMP 1.2, "Heart-beating": each direction beats at the slower of what its sender can and its receiver wants; a zero
    /// on either side means none, as does a missing header.
    fn header(&self, name: &str, own: Duration, text: &str, agreed: fn(Duration, Duration) -> (Duration, Duration)) -> Negotiated {
        let pair = text
            .lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().split_once(','))
            .and_then(|(can, wants)| Some((can.parse().ok()?, wants.parse().ok()?)));
        let (can, wants) = pair.unwrap_or((0, 0));
        let (interval, _) = agreed(own, self.span(wants));
        let (_, expected) = agreed(own, self.span(can));
        Negotiated { interval: Some(interval), timeout: Some(expected.saturating_mul(self.margin)) }
    }

    /// The interval to send in and the one to expect, where we can `own` and the peer says `peer`.
    fn agreed(own: Duration, peer: Duration) -> (Duration, Duration) {
        if peer.is_zero() { (Duration::ZERO, Duration::ZERO) } else { (own.max(peer), own.max(peer)) }
    }

    /// The same in steps of powers of two: a peer may be sent more and be expected to send less than it says. However many
    /// peers say whatever they like, a server's policies stay few.
    fn in_steps(own: Duration, peer: Duration) -> (Duration, Duration) {
        if peer.is_zero() {
            return (Duration::ZERO, Duration::ZERO);
        }
        let mut step = own;
        while step < peer {
            step = step.saturating_mul(2);
        }
        (if step > peer && step > own { step / 2 } else { step }, step)
    }

    fn span(&self, n: u64) -> Duration {
        self.unit.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX))
    }
}

fn reply<'r, 't>(rules: &'r Rules, reader: &mut Reader<'_, 't>) -> Meaning<'r, 't> {
    'replies: for reply in &rules.replies {
        if reply.when.find(reader).is_none() {
            continue;
        }
        let mut captured = [""; CAPTURES_MAX];
        for (slot, place) in captured.iter_mut().zip(&reply.captures) {
            let value = reader.object(reply.when.prefix_bytes()).and_then(|object| object.get(place));
            let Some(value) = value else {
                continue 'replies;
            };
            *slot = value.text();
        }
        let negotiated = rules.negotiation.as_ref().and_then(|n| n.requested(rules, reader));
        return Meaning::Reply(&reply.send, captured, negotiated);
    }
    Meaning::Data
}
