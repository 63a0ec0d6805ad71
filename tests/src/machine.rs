//! The inputs of the machine, for the tests that print it.

use wsbeat_core::event::{Fault, Input, Payload, Token};

/// One of each kind of input, in the order of their definition.
pub const INPUTS: [Input; 21] = [
    Input::Opened,
    Input::Tick,
    Input::Bytes(1),
    Input::Ping,
    Input::Pong(Payload::Empty),
    Input::Heartbeat(Token(0)),
    Input::Answer(Token(0)),
    Input::Data,
    Input::Ready,
    Input::Fault(Fault::Malformed),
    Input::Wrote(1),
    Input::PingFlushed(Payload::Empty),
    Input::HeartbeatFlushed(Token(0)),
    Input::Sent,
    Input::Unread,
    Input::PeerClose(1000),
    Input::Lost,
    Input::UserPing,
    Input::UserClose(1000),
    Input::Drain,
    Input::Reconfigured,
];

/// The name of its kind.
#[must_use]
pub fn name(input: &Input) -> String {
    let debug = format!("{input:?}");
    debug.split('(').next().unwrap_or_default().to_string()
}
