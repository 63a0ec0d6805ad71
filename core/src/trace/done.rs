//! One thing that was done, as a line of a trace and as a line for a person.

use alloc::string::String;
use core::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::push_string;
use crate::event::{Action, Note, Payload, Token, Verdict, VerdictKind};
use crate::time::{Instant, Span};

/// An action with its time, its connection and its words.
///
/// [`Display`](fmt::Display) gives the line for a person: seconds, connection, what was done, and for a close or an abort
/// the explanation.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// When.
    pub at: Instant,
    /// The number of the connection.
    pub conn: u64,
    /// What. A reply of the dialect's own is an answer with token 0.
    pub action: Action,
    /// The text of a heartbeat or answer before it was compressed, the reason of a close that the user asked for, the
    /// payload of a ping of the user's; empty for all else.
    pub said: &'a [u8],
}

impl Done<'_> {
    /// Appends the `out` line of a trace.
    pub fn write_line(&self, out: &mut String) {
        // Writing to a string does not fail.
        let _ = write!(out, "{{\"t\":{},\"conn\":{},\"out\":\"{}\"", self.at.as_nanos(), self.conn, self.name());
        self.push_facts(out);
        out.push_str("}\n");
    }

    const fn name(&self) -> &'static str {
        match self.action {
            Action::Ping(_) | Action::UserPing => "ping",
            Action::Heartbeat(_) => "heartbeat",
            Action::Answer(_) => "answer",
            Action::Deliver => "deliver",
            Action::Close(_) => "close",
            Action::Abort(_) => "abort",
            Action::Note(_) => "note",
        }
    }

    fn push_facts(&self, out: &mut String) {
        match self.action {
            Action::Ping(payload) => {
                push_number("token", payload.token().0, out);
                push_base64(payload.bytes(&mut [0; 8]), out);
            }
            Action::UserPing => push_base64(self.said, out),
            Action::Heartbeat(token) => {
                push_number("token", token.0, out);
                self.push_data(out);
            }
            Action::Answer(token) if self.said.is_empty() => push_number("token", token.0, out),
            Action::Answer(_) => self.push_data(out),
            Action::Close(verdict) => self.push_close(&verdict, out),
            Action::Abort(verdict) if verdict.kind == VerdictKind::WriteStalled => push_text("verdict", verdict.kind.name(), out),
            Action::Note(Note::Stalled { lateness }) => {
                push_text("note", "stalled", out);
                push_number("lateness", lateness.as_nanos(), out);
            }
            Action::Note(Note::Clamped { from, to }) => {
                push_text("note", "clamped", out);
                push_number("from", from.as_nanos(), out);
                push_number("to", to.as_nanos(), out);
            }
            Action::Deliver | Action::Abort(_) => {}
        }
    }

    fn push_data(&self, out: &mut String) {
        if !self.said.is_empty() {
            push_text("data", &String::from_utf8_lossy(self.said), out);
        }
    }

    fn push_close(&self, verdict: &Verdict, out: &mut String) {
        if let Some(code) = verdict.code {
            push_number("code", code.into(), out);
            let user = core::str::from_utf8(self.said).unwrap_or_default();
            push_text("reason", if verdict.kind == VerdictKind::User { user } else { verdict.reason }, out);
        }
        push_text("verdict", verdict.kind.name(), out);
        if verdict.kind.is_silence() {
            push_number("unanswered", verdict.unanswered.into(), out);
        }
    }
}

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.at.as_nanos();
        write!(f, "{}.{:09} conn={} ", ns / 1_000_000_000, ns % 1_000_000_000, self.conn)?;
        match self.action {
            Action::Ping(Payload::Empty) => f.write_str("ping"),
            Action::Ping(payload) => write!(f, "ping {}", payload.token().0),
            Action::UserPing => f.write_str("ping of the user's"),
            Action::Heartbeat(token) => write!(f, "heartbeat {}", token.0),
            Action::Answer(Token(0)) => f.write_str("answer"),
            Action::Answer(token) => write!(f, "answer {}", token.0),
            Action::Deliver => f.write_str("deliver"),
            Action::Close(verdict) => match verdict.code {
                Some(code) => write!(f, "close {code} {verdict}"),
                None => write!(f, "close {verdict}"),
            },
            Action::Abort(verdict) => write!(f, "abort {verdict}"),
            Action::Note(Note::Stalled { lateness }) => {
                write!(f, "note stalled: a tick came {} s late, nobody was judged", Seconds(lateness))
            }
            Action::Note(Note::Clamped { from, to }) => {
                write!(f, "note clamped: a ping_timeout of {} s is cut to the interval, {} s", Seconds(from), Seconds(to))
            }
        }
    }
}

struct Seconds(Span);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_nanos() / 1_000_000;
        write!(f, "{}.{:03}", ms / 1_000, ms % 1_000)
    }
}

pub(super) fn push_number(key: &str, n: u64, out: &mut String) {
    let _ = write!(out, ",\"{key}\":{n}");
}

pub(super) fn push_text(key: &str, text: &str, out: &mut String) {
    let _ = write!(out, ",\"{key}\":");
    push_string(text, out);
}

pub(super) fn push_base64(bytes: &[u8], out: &mut String) {
    out.push_str(",\"b64\":\"");
    STANDARD.encode_string(bytes, out);
    out.push('"');
}
