//! Decisions about peers, and the facts that led to them.

use core::fmt;

use crate::ids::{Plane, Token};
use crate::time::{Instant, Span};

/// A decision about a peer: the kind of end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum VerdictKind {
    /// The deadline passed and nothing was heard since the ping was written.
    PeerSilent,
    /// The deadline passed although something was heard after the ping: the evidence asked for more.
    PeerSlow,
    /// A ping or heartbeat stayed unwritten while the transport took no byte.
    WriteStalled,
    /// Heartbeats flow, data does not.
    FeedStalled,
    /// The peer floods us with pings.
    TooManyPings,
    /// Heartbeats that cannot be decoded.
    Malformed,
    /// A message over a limit.
    TooBig,
    /// Frames that break the protocol, or text that is not UTF-8.
    Protocol,
    /// A message of too many frames or that took too long.
    Assembly,
    /// The user's handler failed.
    Handler,
    /// The connection reached its maximum age.
    Lifetime,
    /// The server is shutting down.
    Drain,
    /// The user closed.
    User,
    /// The peer closed.
    PeerClosed,
    /// The handshake did not end in time.
    Handshake,
    /// The close handshake did not end in time: the abort after a close.
    CloseTimeout,
}

impl VerdictKind {
    /// Every kind, in the order of their definition.
    pub const ALL: [VerdictKind; 16] = [
        VerdictKind::PeerSilent,
        VerdictKind::PeerSlow,
        VerdictKind::WriteStalled,
        VerdictKind::FeedStalled,
        VerdictKind::TooManyPings,
        VerdictKind::Malformed,
        VerdictKind::TooBig,
        VerdictKind::Protocol,
        VerdictKind::Assembly,
        VerdictKind::Handler,
        VerdictKind::Lifetime,
        VerdictKind::Drain,
        VerdictKind::User,
        VerdictKind::PeerClosed,
        VerdictKind::Handshake,
        VerdictKind::CloseTimeout,
    ];

    /// The name in traces, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            VerdictKind::PeerSilent => "peer-silent",
            VerdictKind::PeerSlow => "peer-slow",
            VerdictKind::WriteStalled => "write-stalled",
            VerdictKind::FeedStalled => "feed-stalled",
            VerdictKind::TooManyPings => "too-many-pings",
            VerdictKind::Malformed => "malformed",
            VerdictKind::TooBig => "too-big",
            VerdictKind::Protocol => "protocol",
            VerdictKind::Assembly => "assembly",
            VerdictKind::Handler => "handler",
            VerdictKind::Lifetime => "lifetime",
            VerdictKind::Drain => "drain",
            VerdictKind::User => "user",
            VerdictKind::PeerClosed => "peer-closed",
            VerdictKind::Handshake => "handshake",
            VerdictKind::CloseTimeout => "close-timeout",
        }
    }

    /// Whether this verdict gives the peer up for its silence.
    #[must_use]
    pub const fn is_silence(self) -> bool {
        matches!(self, VerdictKind::PeerSilent | VerdictKind::PeerSlow)
    }
}

/// A decision and the facts that led to it.
///
/// [`fmt::Display`] gives the line for a person; the fields are the machine form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was decided.
    pub kind: VerdictKind,
    /// The close code to send; `None` is a close frame with an empty body.
    pub code: Option<u16>,
    /// The reason to send with the code, at most 123 bytes.
    pub reason: &'static str,
    /// The plane that judged.
    pub plane: Plane,
    /// The oldest unanswered ping or heartbeat, where there is one.
    pub token: Option<Token>,
    /// When it was written (queued, where the profile counts from then).
    pub written: Option<Instant>,
    /// How many pings or heartbeats stood unanswered.
    pub unanswered: u32,
    /// When the last answer came.
    pub last_answer: Option<Instant>,
    /// When the last byte came; the opening counts as one.
    pub last_byte: Instant,
    /// The deadline that passed.
    pub deadline: Instant,
    /// When it was decided.
    pub now: Instant,
}

impl Verdict {
    /// A verdict of `kind` at `now` that no ping led to.
    pub(crate) const fn plain(kind: VerdictKind, code: Option<u16>, reason: &'static str, now: Instant, last_byte: Instant) -> Self {
        Verdict {
            kind,
            code,
            reason,
            plane: Plane::Transport,
            token: None,
            written: None,
            unanswered: 0,
            last_answer: None,
            last_byte,
            deadline: now,
            now,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ping = match self.plane {
            Plane::Transport => "ping",
            Plane::Application => "heartbeat",
        };
        write!(f, "{}: {} unanswered, last answer ", self.kind.name(), self.unanswered)?;
        match self.last_answer {
            Some(at) => write!(f, "{} s ago", Millis(self.now.since(at)))?,
            None => f.write_str("never")?,
        }
        if let Some(at) = self.written {
            write!(f, ", oldest {ping} written {} s ago", Millis(self.now.since(at)))?;
        }
        write!(f, ", no bytes for {} s", Tenths(self.now.since(self.last_byte)))
    }
}

struct Millis(Span);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_nanos() / 1_000_000;
        write!(f, "{}.{:03}", ms / 1000, ms % 1000)
    }
}

struct Tenths(Span);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_nanos() / 100_000_000;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_explains_itself_in_a_line() {
        let mut v = Verdict::plain(VerdictKind::PeerSilent, Some(4408), "heartbeat timeout", Instant::from_secs(15), Instant::ZERO);
        (v.plane, v.unanswered, v.written) = (Plane::Application, 2, Some(Instant::from_millis(4_999)));
        let line = alloc::string::ToString::to_string(&v);
        assert_eq!(line, "peer-silent: 2 unanswered, last answer never, oldest heartbeat written 10.001 s ago, no bytes for 15.0 s");
        (v.plane, v.last_answer, v.written, v.last_byte) =
            (Plane::Transport, Some(Instant::from_millis(1)), Some(Instant::ZERO), Instant::from_millis(14_940));
        let line = alloc::string::ToString::to_string(&v);
        assert_eq!(line, "peer-silent: 2 unanswered, last answer 14.999 s ago, oldest ping written 15.000 s ago, no bytes for 0.0 s");
    }
}
