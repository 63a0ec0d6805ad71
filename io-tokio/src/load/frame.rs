//! Frames of a client's: masked (RFC 6455 §5.3).

use bytes::Bytes;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use wsbeat_core::dialect::Message;

/// Appends a whole message in one frame.
pub(super) fn write_message(message: Message<'_>, mask: [u8; 4], out: &mut Vec<u8>) {
    let (payload, data) = match message {
        Message::Text(text) => (text.as_bytes(), Data::Text),
        Message::Binary(bytes) => (bytes, Data::Binary),
    };
    write(Frame::message(Bytes::new(), OpCode::Data(data), true), payload, mask, out);
}

/// Appends a close frame; without a code its body is empty.
pub(super) fn write_close(code: Option<u16>, reason: &str, mask: [u8; 4], out: &mut Vec<u8>) {
    let body = code.map_or_else(Vec::new, |code| [&code.to_be_bytes(), reason.as_bytes()].concat());
    write(Frame::close(None), &body, mask, out);
}

/// The head is the library's, the payload copied once.
fn write(frame: Frame, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    let header = FrameHeader { mask: Some(mask), ..frame.header().clone() };
    let formatted = header.format(payload.len() as u64, out);
    debug_assert!(formatted.is_ok(), "writing to a vector cannot fail");
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_masked_and_says_so() {
        let mut out = Vec::new();
        write_message(Message::Text("Hello"), [0x37, 0xfa, 0x21, 0x3d], &mut out);
        // RFC 6455 §5.7: a single-frame masked text message.
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        out.clear();
        write_close(Some(1000), "", [1, 2, 3, 4], &mut out);
        assert_eq!(out, [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2]);
    }
}
