//! A frame that stands alone: what nearly every connection sends, a pong or an answer.

use std::io::Cursor;
use std::str::from_utf8;

use tungstenite::protocol::Role;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A frame that tungstenite's context would hand over as it came.
#[derive(Debug, PartialEq)]
pub(crate) enum Lone<'b> {
    Text(&'b str),
    Binary(&'b [u8]),
    Pong(&'b [u8]),
}

/// The longest payload of a control frame (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// Takes the frame out of `bytes`, where these are one whole frame, nothing is wrong with it and nothing has to be said to it.
///
/// Everything else is left as it came, for tungstenite's context: fragments, pings, closes, several frames or a part of one,
/// and whatever has to be refused. The context parses each header twice more, keeps a buffer and hands out a copy: of the 5,000
/// instructions that a ping and its pong took, 1,000 were that.
pub(crate) fn lone(role: Role, bytes: &mut [u8], message_bytes_max: u32) -> Option<Lone<'_>> {
    let mut cursor = Cursor::new(&*bytes);
    let (header, len) = FrameHeader::parse(&mut cursor).ok()??;
    let begin = usize::try_from(cursor.position()).ok()?;
    let is_plain = header.is_final && !(header.rsv1 || header.rsv2 || header.rsv3) && header.mask.is_some() == (role == Role::Server);
    if !is_plain || len > message_bytes_max.into() || (bytes.len() - begin) as u64 != len {
        return None;
    }
    let is_taken = match header.opcode {
        OpCode::Control(Control::Pong) => len <= CONTROL_BYTES_MAX,
        OpCode::Data(Data::Text | Data::Binary) => true,
        _ => false,
    };
    if !is_taken {
        return None;
    }
    let payload = &mut bytes[begin..];
    mask(payload, header.mask);
    if header.opcode == OpCode::Data(Data::Text) && from_utf8(payload).is_err() {
        mask(payload, header.mask);
        return None;
    }
    match header.opcode {
        OpCode::Control(_) => Some(Lone::Pong(payload)),
        OpCode::Data(Data::Text) => from_utf8(payload).ok().map(Lone::Text),
        OpCode::Data(_) => Some(Lone::Binary(payload)),
    }
}

/// Masks, or takes the mask off (RFC 6455 §5.3).
fn mask(payload: &mut [u8], key: Option<[u8; 4]>) {
    let Some(key) = key else { return };
    for word in payload.chunks_mut(key.len()) {
        word.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a client masks it: the first byte, then the payload.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first, 0x80 | payload.len() as u8, 1, 2, 3, 4];
        out.extend(payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, key)| byte ^ key));
        out
    }

    #[test]
    fn a_pong_a_text_and_a_binary_message_stand_alone() {
        assert_eq!(lone(Role::Server, &mut frame(0x8a, b"token"), 9), Some(Lone::Pong(b"token")));
        assert_eq!(lone(Role::Server, &mut frame(0x8a, b""), 9), Some(Lone::Pong(b"")));
        assert_eq!(lone(Role::Server, &mut frame(0x81, "hé".as_bytes()), 9), Some(Lone::Text("hé")));
        assert_eq!(lone(Role::Server, &mut frame(0x82, &[0xff; 9]), 9), Some(Lone::Binary(&[0xff; 9])));
        assert_eq!(lone(Role::Client, &mut [0x81, 2, b'o', b'k'], 9), Some(Lone::Text("ok")));
    }

    #[test]
    fn what_is_more_less_or_wrong_is_left_as_it_came() {
        let pong = frame(0x8a, b"token");
        for bytes in [
            frame(0x89, b"ping"),
            frame(0x88, b""),
            frame(0x01, b"a part"),
            frame(0x80, b"a part"),
            frame(0x0a, b"no end"),
            frame(0xc1, b"RSV 1"),
            frame(0xa1, b"RSV 2"),
            frame(0x91, b"RSV 3"),
            frame(0x83, b"reserved"),
            frame(0x81, b"too large "),
            frame(0x81, &[0xff]),
            [pong.clone(), pong.clone()].concat(),
            pong[..7].to_vec(),
            pong[..1].to_vec(),
            vec![],
            vec![0x81, 2, b'o', b'k'],
        ] {
            let mut left = bytes.clone();
            assert_eq!(lone(Role::Server, &mut left, 9), None, "{bytes:?}");
            assert_eq!(left, bytes);
        }
        assert_eq!(lone(Role::Client, &mut frame(0x81, b"masked"), 9), None);
        let mut long = [&[0x8a, 0xfe, 0, 126, 0, 0, 0, 0], &[7; 126][..]].concat();
        assert_eq!(lone(Role::Server, &mut long, 999), None, "a control frame has 125 bytes at most");
        long[0] = 0x82;
        assert_eq!(lone(Role::Server, &mut long, 999), Some(Lone::Binary(&[7; 126])));
    }
}
