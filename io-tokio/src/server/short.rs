//! The frames of which nearly all traffic consists: one pong or one short text, whole and alone.
//!
//! A heartbeat's answer is such a frame. tungstenite reads its header; its buffer and its state, which cost more than all the
//! rest of a heartbeat in user code, are left out. Whatever is not plainly such a frame goes the whole way and is judged there.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The longest payload: that of a control frame (RFC 6455 §5.5).
pub(super) const PAYLOAD_BYTES_MAX: usize = 125;

/// One frame, whole and alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Short<'s> {
    Pong(&'s [u8]),
    Text(&'s str),
}

/// The frame in `bytes`, where they are one pong or one text of at most 125 bytes, without its mask in `space`.
pub(super) fn read<'s>(bytes: &[u8], space: &'s mut [u8; PAYLOAD_BYTES_MAX]) -> Option<Short<'s>> {
    let mut cursor = Cursor::new(bytes);
    let (header, len) = FrameHeader::parse(&mut cursor).ok()??;
    let len = usize::try_from(len).ok().filter(|len| *len <= PAYLOAD_BYTES_MAX)?;
    let masked = bytes.get(usize::try_from(cursor.position()).ok()?..).filter(|payload| payload.len() == len)?;
    let FrameHeader { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: Some(mask) } = header else { return None };
    let payload = &mut space[..len];
    for ((byte, masked), mask) in payload.iter_mut().zip(masked).zip(mask.into_iter().cycle()) {
        *byte = masked ^ mask;
    }
    match opcode {
        OpCode::Control(Control::Pong) => Some(Short::Pong(payload)),
        OpCode::Data(Data::Text) => std::str::from_utf8(payload).ok().map(Short::Text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::inbound::{View, context};
    use tungstenite::protocol::{Message, Role};
    use wsbeat_core::rng::Rng;

    /// What tungstenite makes of the bytes, where that is one message and nothing to say.
    fn whole_way(bytes: &[u8]) -> Option<Message> {
        let (mut context, mut replies) = (context(Role::Server, 1 << 20), Vec::new());
        let mut view = View { received: bytes, replies: &mut replies };
        let message = context.read(&mut view).ok()?;
        let next = context.read(&mut view);
        (matches!(next, Err(tungstenite::Error::Io(_))) && replies.is_empty()).then_some(message)
    }

    #[test]
    fn what_is_taken_here_is_what_tungstenite_makes_of_it() {
        let (mut rng, mut taken) = (Rng::new(3), 0);
        for _ in 0..200_000 {
            let is_long = rng.below(8) == 0;
            let len = rng.below(if is_long { 140 } else { 9 }) as usize;
            // Mostly what a client sends, but each part of it wrong now and then.
            let odd = |rng: &mut Rng| rng.below(12) == 0;
            let first = if odd(&mut rng) { rng.below(256) as u8 } else { [0x8a, 0x81][rng.below(2) as usize] };
            let second = if odd(&mut rng) { rng.below(256) as u8 } else { 0x80 | len.min(125) as u8 };
            let mut bytes = vec![first, second];
            (0..4 + len).for_each(|_| bytes.push(rng.below(if len > 6 { 128 } else { 256 }) as u8));
            let mut space = [0; PAYLOAD_BYTES_MAX];
            let Some(short) = read(&bytes, &mut space) else { continue };
            taken += 1;
            let expected = match short {
                Short::Pong(payload) => Message::Pong(payload.to_vec().into()),
                Short::Text(text) => Message::Text(text.into()),
            };
            assert_eq!(whole_way(&bytes), Some(expected), "{bytes:02x?}");
        }
        assert!(taken > 50_000, "{taken}");
    }

    #[test]
    fn all_else_goes_the_whole_way() {
        let frame = |first: u8, second: u8, payload: &[u8]| [&[first, second, 0, 0, 0, 0], payload].concat();
        for (why, bytes) in [
            ("a ping, which is answered", frame(0x89, 0x80, b"")),
            ("a close", frame(0x88, 0x80, b"")),
            ("binary", frame(0x82, 0x81, b"a")),
            ("a fragment", frame(0x01, 0x81, b"a")),
            ("a reserved bit", frame(0xc1, 0x81, b"a")),
            ("not masked", vec![0x81, 0x01, b'a']),
            ("not whole", frame(0x81, 0x82, b"a")),
            ("more behind it", frame(0x81, 0x81, b"ab")),
            ("no text", frame(0x81, 0x81, b"\xff")),
            ("nothing", Vec::new()),
        ] {
            assert_eq!(read(&bytes, &mut [0; PAYLOAD_BYTES_MAX]), None, "{why}");
        }
    }
}
