//! The machine: what each input means in each phase. Everything that moves a connection from phase to phase stands here.

use super::Phase;
use crate::event::Input;

/// What an input means in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing: it cannot matter any more, or not yet.
    Ignore,
    /// The upgrade is complete: both planes start. → Open
    Open,
    /// The handshake's deadline: abort. → Ended
    HandshakeDue,
    /// The time for the handshake stands still before the next bytes.
    HandshakeUnread,
    /// What had arrived is read: the time for the handshake goes on.
    HandshakeRead,
    /// What is due is done: verdicts, then pings, then heartbeats. → Closing or Ended on a verdict
    Judge,
    /// Bytes are life.
    Bytes,
    /// Count the peer's ping; too many close. → Closing
    PeerPing,
    /// Match the pong.
    Pong,
    /// Answer the peer's heartbeat.
    Heartbeat,
    /// Match the answer.
    Answer,
    /// Deliver the message.
    Data,
    /// A client may begin to ask; deliver the message.
    Ready,
    /// Count the fault; close where it is one too many. → Closing
    Fault,
    /// The transport made progress.
    Wrote,
    /// The clock of the ping starts.
    PingFlushed,
    /// The clock of the heartbeat starts.
    HeartbeatFlushed,
    /// The user's message stands for a heartbeat that waits for silence.
    Sent,
    /// No verdict of silence before the next bytes.
    Unread,
    /// Echo the peer's close. → Echoed
    Echo,
    /// Send the user's ping.
    UserPing,
    /// Close. → Closing
    Close,
    /// Abort without a close frame: no connection was open yet. → Ended
    Drop,
    /// The settings changed: start what they turn on, find the next points of their grids.
    Rebase,
    /// The deadline of the close handshake: abort. → Ended
    CloseDue,
    /// Over. → Ended
    End,
}

/// The machine.
#[must_use]
pub const fn rule(phase: Phase, input: &Input) -> Rule {
    match (phase, input) {
        (Phase::Ended, _) => Rule::Ignore,
        (_, Input::Lost) => Rule::End,

        (Phase::Handshake, Input::Opened) => Rule::Open,
        (Phase::Handshake, Input::Tick) => Rule::HandshakeDue,
        (Phase::Handshake, Input::Unread) => Rule::HandshakeUnread,
        (Phase::Handshake, Input::Bytes(_)) => Rule::HandshakeRead,
        (Phase::Handshake, Input::Drain | Input::UserClose(_)) => Rule::Drop,
        (Phase::Handshake, _) => Rule::Ignore,

        (Phase::Open, Input::Opened) => Rule::Ignore,
        (Phase::Open, Input::Tick) => Rule::Judge,
        (Phase::Open, Input::Bytes(_)) => Rule::Bytes,
        (Phase::Open, Input::Ping) => Rule::PeerPing,
        (Phase::Open, Input::Pong(_)) => Rule::Pong,
        (Phase::Open, Input::Heartbeat(_)) => Rule::Heartbeat,
        (Phase::Open, Input::Answer(_)) => Rule::Answer,
        (Phase::Open, Input::Data) => Rule::Data,
        (Phase::Open, Input::Ready) => Rule::Ready,
        (Phase::Open, Input::Fault(_)) => Rule::Fault,
        (Phase::Open, Input::Wrote(_)) => Rule::Wrote,
        (Phase::Open, Input::PingFlushed(_)) => Rule::PingFlushed,
        (Phase::Open, Input::HeartbeatFlushed(_)) => Rule::HeartbeatFlushed,
        (Phase::Open, Input::Sent) => Rule::Sent,
        (Phase::Open, Input::Unread) => Rule::Unread,
        (Phase::Open, Input::PeerClose(_)) => Rule::Echo,
        (Phase::Open, Input::UserPing) => Rule::UserPing,
        (Phase::Open, Input::UserClose(_) | Input::Drain) => Rule::Close,
        (Phase::Open, Input::Reconfigured) => Rule::Rebase,

        (Phase::Closing, Input::PeerClose(_)) => Rule::End,
        (Phase::Closing | Phase::Echoed, Input::Tick) => Rule::CloseDue,
        (Phase::Closing | Phase::Echoed, _) => Rule::Ignore,
    }
}
