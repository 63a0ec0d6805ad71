//! What happens: one `in` line.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::change::Change;
use super::error::TraceError;
use super::fields::Fields;
use crate::event::{Fault, Input, Payload, Token};

/// One line of a trace, `out` lines aside.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) at: crate::time::Instant,
    pub(super) wall_ms: Option<u64>,
    /// `None` where the line names no connection: it means the first, and with `drain` all of them.
    pub(super) conn: Option<u64>,
    pub(super) body: Body,
}

impl Line {
    /// The connection that the line is about, where it is about one.
    pub(super) fn of(&self) -> u64 {
        self.conn.unwrap_or(1)
    }
}

/// What a line says.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// An `out` line that gives the wall clock.
    Out,
    Accept,
    Open,
    Tick {
        budget: u32,
    },
    /// An input that says everything itself.
    Input(Input),
    Pong(Which),
    Flushed(Which),
    Text(String),
    Binary(Vec<u8>),
    UserPing(Vec<u8>),
    UserClose {
        code: u16,
        reason: String,
    },
    Drain,
    Reconfigure(Box<Change>),
}

/// Which ping or heartbeat of ours a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The connection's k-th ping.
    Nth(u64),
    /// The ping of this payload.
    Payload(Payload),
    /// The heartbeat or ping of this token.
    Token(Token),
}

impl Body {
    pub(super) fn read(fields: &Fields, kind: &str) -> Result<Self, TraceError> {
        Ok(match kind {
            "accept" => Body::Accept,
            "open" => Body::Open,
            "tick" => {
                let budget = fields.number("budget", u32::MAX.into())?.unwrap_or(u32::MAX.into());
                Body::Tick { budget: u32::try_from(budget).unwrap_or(u32::MAX) }
            }
            "pong" => Body::Pong(pong(fields)?),
            "flushed" => Body::Flushed(flushed(fields)?),
            "text" => Body::Text(fields.needed_text("data")?.to_string()),
            "binary" => Body::Binary(fields.base64()?.ok_or_else(|| fields.error("b64", "missing: the message in base64"))?),
            "user-ping" => Body::UserPing(fields.payload()?.unwrap_or_default()),
            "user-close" => Body::UserClose { code: fields.own_code()?, reason: fields.reason()? },
            "drain" => Body::Drain,
            "reconfigure" => Body::Reconfigure(Box::new(Change::read(fields)?)),
            _ => Body::Input(input(fields, kind)?),
        })
    }
}

fn input(fields: &Fields, kind: &str) -> Result<Input, TraceError> {
    Ok(match kind {
        "bytes" => Input::Bytes(fields.bytes()?),
        "wrote" => Input::Wrote(fields.bytes()?),
        "unread" => Input::Unread,
        "ping" => Input::Ping,
        "heartbeat" => Input::Heartbeat(fields.token()?.unwrap_or_default()),
        "answer" => Input::Answer(fields.token()?.unwrap_or_default()),
        "data" => Input::Data,
        "ready" => Input::Ready,
        "sent" => Input::Sent,
        "close" => Input::PeerClose(fields.code()?),
        "fault" => Input::Fault(fault(fields)?),
        "lost" => Input::Lost,
        _ => {
            let known = "accept, open, tick, bytes, wrote, unread, ping, pong, text, binary, heartbeat, answer, data, ready, \
                         flushed, sent, close, fault, lost, user-ping, user-close, drain, reconfigure";
            return Err(fields.error("in", format!("one of {known}")));
        }
    })
}

fn pong(fields: &Fields) -> Result<Which, TraceError> {
    if let Some(k) = fields.of()? {
        return Ok(Which::Nth(k));
    }
    Ok(Which::Payload(Payload::parse(&fields.payload()?.unwrap_or_default())))
}

fn flushed(fields: &Fields) -> Result<Which, TraceError> {
    if let Some(k) = fields.of()? {
        return Ok(Which::Nth(k));
    }
    if let Some(payload) = fields.payload()? {
        return Ok(Which::Payload(Payload::parse(&payload)));
    }
    fields.token()?.map(Which::Token).ok_or_else(|| fields.error("token", "missing: the token of a ping or heartbeat, or its number in of"))
}

/// The faults and their names.
pub(super) const FAULTS: [(Fault, &str); 6] = [
    (Fault::Malformed, "malformed"),
    (Fault::TooBig, "too-big"),
    (Fault::Protocol, "protocol"),
    (Fault::Utf8, "utf-8"),
    (Fault::Assembly, "assembly"),
    (Fault::Handler, "handler"),
];

fn fault(fields: &Fields) -> Result<Fault, TraceError> {
    let name = fields.needed_text("fault")?;
    let found = FAULTS.iter().find(|(_, n)| *n == name);
    found.map(|(fault, _)| *fault).ok_or_else(|| fields.error("fault", format!("one of {}", FAULTS.map(|(_, n)| n).join(", "))))
}
