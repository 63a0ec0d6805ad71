//! What arrives, between a socket and tungstenite's frames.

use std::io::{self, Cursor, Read, Write};

use tungstenite::Error;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{Message, Role, WebSocketConfig, WebSocketContext};
use wsbeat_core::event::Fault;

/// How much tungstenite copies (and first fills with zeros) at a time: a heartbeat fits, a long message takes few rounds.
const READ_BUFFER_BYTES: usize = 1_024;

/// What tungstenite sees of a connection: the bytes that were received, and a place for its own answers.
///
/// It takes every write whole, so the library never holds unwritten output. With its write buffer turned off, each write
/// is one frame: a pong, or the echo of a close, which the caller sends or drops.
pub(crate) struct View<'r, 'w> {
    pub(crate) received: &'r [u8],
    pub(crate) replies: &'w mut Vec<u8>,
}

impl Read for View<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.received.read(into)
    }
}

impl Write for View<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A context that has read nothing yet; boxed, as it changes hands with every read and has some hundred bytes.
pub(crate) fn context(role: Role, message_bytes_max: u32) -> Box<WebSocketContext> {
    let message_bytes_max = Some(message_bytes_max as usize);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(512)
        .max_message_size(message_bytes_max)
        .max_frame_size(message_bytes_max);
    Box::new(WebSocketContext::new(role, Some(config)))
}

/// What stands next in the bytes that were received.
#[derive(Debug)]
pub(crate) enum Next {
    /// A whole message or control frame.
    Frame(Message),
    /// Nothing whole: more bytes have to come.
    Wait,
    /// What cannot be read, nor anything behind it.
    Fault(Fault),
}

/// Takes what stands next off `received`.
///
/// `replies` has then what tungstenite says to earlier frames, and nothing else: it writes the pong to a ping before it reads
/// on, and the echo of a close.
pub(crate) fn next(context: &mut WebSocketContext, received: &mut &[u8], replies: &mut Vec<u8>) -> Next {
    replies.clear();
    let mut view = View { received, replies };
    let read = context.read(&mut view);
    *received = view.received;
    match read {
        Ok(frame) => Next::Frame(frame),
        Err(error) => fault(&error).map_or(Next::Wait, Next::Fault),
    }
}

/// What an error of tungstenite's says of the peer; `None` where it only wants more bytes.
pub(crate) fn fault(error: &Error) -> Option<Fault> {
    match error {
        Error::Io(e) if e.kind() == io::ErrorKind::WouldBlock => None,
        Error::Utf8(_) => Some(Fault::Utf8),
        Error::Capacity(_) => Some(Fault::TooBig),
        _ => Some(Fault::Protocol),
    }
}

/// Follows the frame headers of what arrives: tells whether a connection is at rest, and counts the frames of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk {
    /// The bytes of the payload that are still to come.
    payload_left: u64,
    /// A header of which not all has come.
    head: [u8; HEAD_MAX],
    head_len: u8,
    in_message: bool,
    /// The frames of the message so far.
    frames: u32,
    /// The bytes that their headers announced.
    message_bytes: u64,
    /// A header that is none: tungstenite finds the same and says what it is.
    broken: bool,
    /// A message ended in the bytes followed last.
    rested: bool,
}

const HEAD_MAX: usize = 14;

impl Walk {
    /// Follows `bytes`. False where a message has more than `frames_max` frames.
    #[must_use]
    pub(crate) fn follow(&mut self, mut bytes: &[u8], frames_max: u32) -> bool {
        self.rested = false;
        while !bytes.is_empty() && !self.broken {
            self.rested |= self.at_rest();
            if self.payload_left > 0 {
                let skip = usize::try_from(self.payload_left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.payload_left -= skip as u64;
                bytes = &bytes[skip..];
                continue;
            }
            bytes = self.follow_head(bytes);
            if self.frames > frames_max {
                return false;
            }
        }
        true
    }

    /// What a message of too many frames is: too big, where the frame that is one too many makes it that as well.
    pub(crate) fn excess(&self, message_bytes_max: u32) -> Fault {
        if self.message_bytes > message_bytes_max.into() { Fault::TooBig } else { Fault::Assembly }
    }

    /// Between two messages, nothing of the next one seen.
    pub(crate) fn at_rest(&self) -> bool {
        self.payload_left == 0 && self.head_len == 0 && !self.in_message && !self.broken
    }

    /// What is under way now began in the bytes followed last.
    pub(crate) fn began_anew(&self) -> bool {
        self.rested
    }

    /// Takes a header, or as much of it as there is, off `bytes`.
    fn follow_head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let had = usize::from(self.head_len);
        let more = bytes.len().min(HEAD_MAX - had);
        self.head[had..had + more].copy_from_slice(&bytes[..more]);
        let mut cursor = Cursor::new(&self.head[..had + more]);
        match FrameHeader::parse(&mut cursor) {
            Ok(Some((header, len))) => {
                let used = usize::try_from(cursor.position()).unwrap_or(HEAD_MAX);
                self.head_len = 0;
                self.payload_left = len;
                self.count(&header, len);
                &bytes[used.saturating_sub(had).min(more)..]
            }
            Ok(None) => {
                self.head_len = (had + more) as u8;
                &bytes[more..]
            }
            Err(_) => {
                self.broken = true;
                &[]
            }
        }
    }

    fn count(&mut self, header: &FrameHeader, len: u64) {
        let OpCode::Data(data) = header.opcode else { return };
        if data != Data::Continue {
            (self.frames, self.message_bytes) = (0, 0);
        }
        self.message_bytes = self.message_bytes.saturating_add(len);
        self.frames = self.frames.saturating_add(1);
        self.in_message = !header.is_final;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked client frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            n @ 0..126 => out.push(0x80 | n as u8),
            n @ 126..65536 => {
                out.push(0x80 | 126);
                out.extend((n as u16).to_be_bytes());
            }
            n => {
                out.push(0x80 | 127);
                out.extend((n as u64).to_be_bytes());
            }
        }
        out.extend([0; 4]);
        out.extend(payload);
        out
    }

    #[test]
    fn rest_is_found_at_every_cut() {
        let message =
            [frame(0x01, &[b'a'; 3]), frame(0x89, b"in between"), frame(0x00, &[b'b'; 200]), frame(0x80, &[b'c'; 70_000])].concat();
        for cut in (0..message.len()).filter(|cut| *cut < 300 || cut % 997 == 0) {
            let mut walk = Walk::default();
            assert!(walk.follow(&message[..cut], 3));
            assert_eq!(walk.at_rest(), cut == 0, "cut at {cut}");
            assert!(walk.follow(&message[cut..], 3));
            assert!(walk.at_rest(), "cut at {cut}");
        }
    }

    #[test]
    fn frames_are_counted_by_message() {
        let mut walk = Walk::default();
        assert!(walk.follow(&frame(0x02, b""), 3));
        assert!(walk.follow(&frame(0x00, b"").repeat(2), 3));
        assert!(walk.follow(&frame(0x89, b"").repeat(9), 3), "control frames are none of the message");
        assert!(!walk.follow(&frame(0x00, b""), 3));
        let mut walk = Walk::default();
        assert!(walk.follow(&frame(0x82, b"").repeat(9), 3), "each is a message of its own");
    }

    #[test]
    fn a_frame_too_many_that_is_too_much_too_makes_the_message_too_big() {
        let mut walk = Walk::default();
        assert!(walk.follow(&[frame(0x02, &[0; 10]), frame(0x00, &[0; 10])].concat(), 2));
        assert!(!walk.follow(&frame(0x00, &[0; 10])[..6], 2));
        assert_eq!((walk.excess(30), walk.excess(29)), (Fault::Assembly, Fault::TooBig));
    }

    #[test]
    fn what_is_no_header_is_never_rest() {
        let mut walk = Walk::default();
        assert!(walk.follow(&[0x83, 0x80, 0, 0, 0, 0], 3));
        assert!(!walk.at_rest());
    }
}
