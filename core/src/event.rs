//! What goes into the core and what comes out: plain data.

pub use crate::ids::{ConnId, Plane, Token};
pub use crate::verdict::{Verdict, VerdictKind};

use crate::time::Span;

/// The payload of a ping or pong, as far as the core looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// No bytes.
    Empty,
    /// Four bytes, big-endian (profile `websockets`).
    Four(u32),
    /// Eight bytes, big-endian (profile `strict`).
    Eight(u64),
    /// Any other length: none of ours.
    Other,
}

impl Payload {
    /// Reads the payload of a control frame.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Payload::Empty;
        }
        if let Ok(four) = <[u8; 4]>::try_from(bytes) {
            return Payload::Four(u32::from_be_bytes(four));
        }
        <[u8; 8]>::try_from(bytes).map_or(Payload::Other, |eight| Payload::Eight(u64::from_be_bytes(eight)))
    }

    /// The bytes to send, in `space`. [`Payload::Other`] has none.
    #[must_use]
    pub fn bytes(self, space: &mut [u8; 8]) -> &[u8] {
        match self {
            Payload::Empty | Payload::Other => &[],
            Payload::Four(n) => {
                space[..4].copy_from_slice(&n.to_be_bytes());
                &space[..4]
            }
            Payload::Eight(n) => {
                *space = n.to_be_bytes();
                &space[..]
            }
        }
    }

    /// The number in the payload; zero where there is none.
    #[must_use]
    pub const fn token(self) -> Token {
        match self {
            Payload::Empty | Payload::Other => Token(0),
            Payload::Four(n) => Token(n as u64),
            Payload::Eight(n) => Token(n),
        }
    }
}

/// What a peer did wrong. It is an input, not an error: errors are for the caller's mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A heartbeat that could not be decoded; more than three in a row close the connection.
    Malformed,
    /// A message over a limit of size, inflated or not.
    TooBig,
    /// Frames that break RFC 6455.
    Protocol,
    /// Text that is not UTF-8.
    Utf8,
    /// A message of too many frames, or that took too long to arrive.
    Assembly,
    /// The user's handler failed on this connection.
    Handler,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The upgrade is complete: a connection in its handshake opens.
    Opened,
    /// Time has come to `now`. The only input that looks at what is due.
    Tick,
    /// This many bytes arrived. Give it before what they contain.
    Bytes(u32),
    /// A ping arrived. (The shell answers it; the core counts and judges.)
    Ping,
    /// A pong arrived.
    Pong(Payload),
    /// The peer's heartbeat arrived.
    Heartbeat(Token),
    /// An answer to a heartbeat of ours arrived.
    Answer(Token),
    /// A message arrived that is no heartbeat.
    Data,
    /// The message arrived after which a client may begin to ask.
    Ready,
    /// The peer did something wrong.
    Fault(Fault),
    /// The transport took this many bytes.
    Wrote(u32),
    /// The ping with this payload has been written to the transport.
    PingFlushed(Payload),
    /// The heartbeat with this token has been written to the transport.
    HeartbeatFlushed(Token),
    /// A message of the user's was sent (heartbeats that are due after idleness wait again).
    Sent,
    /// The peer's close frame arrived, with this code; 0 for an empty body.
    PeerClose(u16),
    /// The last read ended at a budget, not at the end of what had arrived: no verdict of silence before the next `Bytes`.
    /// In the handshake its time stands still until then.
    Unread,
    /// The stream ended or was reset.
    Lost,
    /// The user wants to send a ping of their own.
    UserPing,
    /// The user wants to close, with this code; 0 for an empty body.
    UserClose(u16),
    /// The server is shutting down.
    Drain,
    /// The policy given with this step is a new one.
    Reconfigured,
}

/// What the shell has to do for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write a ping with this payload; say [`Input::PingFlushed`] when it was written.
    Ping(Payload),
    /// Write a heartbeat with this token; say [`Input::HeartbeatFlushed`] when it was written.
    Heartbeat(Token),
    /// Answer the peer's heartbeat, which carried this token, ahead of queued data.
    Answer(Token),
    /// Hand the message that was just put in to the user.
    Deliver,
    /// Write the user's ping.
    UserPing,
    /// Write a close frame and send nothing more.
    Close(Verdict),
    /// Drop the connection now.
    Abort(Verdict),
    /// Nothing to do: something to know.
    Note(Note),
}

/// Something worth knowing that asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The host slept or stalled for this long past a deadline: nobody was judged, deadlines start anew.
    Stalled {
        /// How late the tick came.
        lateness: Span,
    },
    /// `tornado-6.5`: a timeout longer than the interval was cut to it.
    Clamped {
        /// The timeout as it was asked for.
        from: Span,
        /// The timeout in force.
        to: Span,
    },
}

/// A thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Counter {
    /// Pings sent.
    PingsSent,
    /// Pongs that matched a ping of ours.
    PongsMatched,
    /// Pongs to a ping that was resolved before.
    PongsStale,
    /// Pongs that answer no ping of ours.
    PongsUnsolicited,
    /// Empty pongs while none of our pings was empty.
    PongsEmpty,
    /// Pongs to pings of the user's.
    PongsUser,
    /// Pings of ours that were discharged by other evidence than their pong.
    PingsUnanswered,
    /// Pings of the peer's.
    PingsReceived,
    /// Pings of the peer's over the allowed rate.
    PingsStruck,
    /// Heartbeats sent.
    HeartbeatsSent,
    /// Heartbeats of the peer's.
    HeartbeatsReceived,
    /// Answers sent.
    AnswersSent,
    /// Answers that matched a heartbeat of ours.
    AnswersMatched,
    /// Answers older than the window.
    AnswersStale,
    /// Answers that had come before.
    AnswersDuplicate,
    /// Answers with a value that we never sent.
    AnswersMismatched,
    /// Answers that nobody had asked for.
    AnswersUnsolicited,
    /// Heartbeats that could not be decoded.
    Malformed,
    /// Ticks that came so late that nobody was judged.
    Stalls,
    /// Steps whose `now` was lower than the one before.
    ClockBackwards,
}

impl Counter {
    /// How many there are.
    pub const COUNT: usize = Counter::ClockBackwards as usize + 1;
}

/// Where the actions of a connection go.
///
/// Any `FnMut(Action)` is a sink that does not count.
pub trait Sink {
    /// Something has to be done.
    fn action(&mut self, action: Action);
    /// Something was counted.
    fn count(&mut self, _counter: Counter) {}
    /// An answer matched: the time from the writing of `token` to its answer.
    fn rtt(&mut self, _plane: Plane, _token: Token, _rtt: Span) {}
}

impl<F: FnMut(Action)> Sink for F {
    fn action(&mut self, action: Action) {
        self(action);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_back_as_they_went() {
        for p in [Payload::Empty, Payload::Four(7), Payload::Eight(u64::MAX)] {
            assert_eq!(Payload::parse(p.bytes(&mut [0; 8])), p);
        }
        assert_eq!(Payload::parse(b"123"), Payload::Other);
        assert_eq!(Payload::parse(&[0; 125]), Payload::Other);
    }

    #[test]
    fn inputs_and_actions_stay_small() {
        assert!(size_of::<Input>() <= 24, "{}", size_of::<Input>());
        assert!(size_of::<Action>() <= 128, "{}", size_of::<Action>());
    }
}
