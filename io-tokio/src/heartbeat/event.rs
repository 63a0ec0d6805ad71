//! What an adaptor tells besides messages.

use std::fmt;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::event::{Note, Plane, Token, Verdict, VerdictKind};

/// What happened on a connection, in the order in which it happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message of the peer's that is no heartbeat: text, binary (inflated where the dialect compresses), or the pong
    /// to a ping of the user's.
    Message(Message),
    /// The peer asked, and our answer was written; or it was not, because answers are held back
    /// ([`AnswerFaults`](super::AnswerFaults)) or a newer one took its place while the writer was blocked.
    Asked {
        /// Control ping or heartbeat.
        plane: Plane,
        /// What it carried; 0 where it was no number.
        token: Token,
        /// The time from its arrival until its answer was written; `None`: not answered.
        answered_in: Option<Duration>,
    },
    /// The peer answered a ping or heartbeat of ours.
    Answered {
        /// Control ping or heartbeat.
        plane: Plane,
        /// What it carried.
        token: Token,
        /// The time from its writing to the answer.
        rtt: Duration,
    },
    /// The dialect was recognised ([`DialectChoice::Auto`](super::DialectChoice)): its id.
    Dialect(String),
    /// Something worth knowing that asks for nothing.
    Note(Note),
    /// We close or abort the connection, and why. The peer's close is not one of these.
    Verdict(Verdict),
    /// The peer's close frame arrived.
    PeerClosed(PeerClose),
}

/// The peer's close frame.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PeerClose {
    /// Its code; `None` for an empty body.
    pub code: Option<u16>,
    /// Its reason, at most 123 bytes; may hold anything the peer likes: escape it before printing.
    pub reason: String,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Ending {
    /// Why we closed or aborted, where we did so first.
    pub verdict: Option<Verdict>,
    /// The peer's close frame, where one came.
    pub peer_close: Option<PeerClose>,
    /// What the transport or the frames said was wrong, where something was.
    pub error: Option<String>,
}

impl Ending {
    /// Whether the connection ended by a close handshake that no fault and no silence led to.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let wanted = |v: &Verdict| matches!(v.kind, VerdictKind::User | VerdictKind::Lifetime | VerdictKind::Drain);
        self.peer_close.is_some() && self.error.is_none() && self.verdict.as_ref().is_none_or(wanted)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.verdict, &self.peer_close, &self.error) {
            (Some(verdict), _, Some(error)) => write!(f, "{verdict} ({error})"),
            (Some(verdict), _, None) => write!(f, "{verdict}"),
            (None, Some(PeerClose { code: Some(code), reason }), _) => {
                write!(f, "closed by the peer: {code} {}", reason.escape_debug())
            }
            (None, Some(PeerClose { code: None, .. }), _) => f.write_str("closed by the peer"),
            (None, None, Some(error)) => write!(f, "lost: {error}"),
            (None, None, None) => f.write_str("lost: the stream ended without a close"),
        }
    }
}

/// What can go wrong when an adaptor is used as a stream or sink.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection ended, and not by a clean close handshake.
    #[error("{0}")]
    Ended(Box<Ending>),
    /// Nothing can be sent any more: a close frame was sent or received.
    #[error("the connection is closing")]
    Closing,
    /// A control frame's payload is longer than 125 bytes (RFC 6455 §5.5).
    #[error("control payload of {len} bytes: at most 125")]
    ControlTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A close code that may not be sent (RFC 6455 §7.4).
    #[error("close code {code}: 1000 to 1003, 1007 to 1014 and 3000 to 4999 may be sent")]
    CloseCode {
        /// The code.
        code: u16,
    },
    /// A close reason that may not be sent (RFC 6455 §5.5.1).
    #[error("close reason of {len} bytes: at most 123, and only with a code")]
    CloseReason {
        /// Its length in bytes.
        len: usize,
    },
}

/// The code of a close frame as the core takes it: 0 for an empty body.
pub(crate) fn checked_close(code: Option<u16>, reason: &str) -> Result<u16, Error> {
    if reason.len() > REASON_BYTES_MAX || (code.is_none() && !reason.is_empty()) {
        return Err(Error::CloseReason { len: reason.len() });
    }
    match code {
        None => Ok(0),
        Some(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => Ok(code),
        Some(code) => Err(Error::CloseCode { code }),
    }
}

const REASON_BYTES_MAX: usize = 123;
