//! Frames of our own, by tungstenite's formatter (RFC 6455 §5).

use bytes::Bytes;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use wsbeat_core::dialect::Message;

/// A whole message in one frame.
pub(super) fn message(message: Message<'_>) -> Bytes {
    let mut out = Vec::new();
    write_message(message, &mut out);
    Bytes::from(out)
}

/// Appends a whole message in one frame.
pub(super) fn write_message(message: Message<'_>, out: &mut Vec<u8>) {
    let (payload, data) = match message {
        Message::Text(text) => (text.as_bytes(), Data::Text),
        Message::Binary(bytes) => (bytes, Data::Binary),
    };
    // The header is formatted by the library, the payload copied once: `Frame` would own a copy of it first.
    let head = Frame::message(Bytes::new(), OpCode::Data(data), true);
    out.reserve(payload.len() + 10);
    infallible(head.header().format(payload.len() as u64, out));
    out.extend_from_slice(payload);
}

/// Appends a ping. `payload` has at most 125 bytes.
pub(super) fn write_ping(payload: &[u8], out: &mut Vec<u8>) {
    infallible(Frame::ping(Bytes::new()).header().format(payload.len() as u64, out));
    out.extend_from_slice(payload);
}

/// Appends a close frame; without a code its body is empty.
pub(super) fn write_close(code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
    let body = code.map(|code| CloseFrame { code: CloseCode::from(code), reason: reason.into() });
    infallible(Frame::close(body).format(out));
}

/// Writing to a vector cannot fail.
fn infallible(result: tungstenite::Result<()>) {
    debug_assert!(result.is_ok());
}
