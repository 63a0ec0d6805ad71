//! What tungstenite sees of a connection.

use std::io::{self, Read, Write};

use tungstenite::Error;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use wsbeat_core::event::Fault;

/// The bytes of one message at most, all its frames together.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 << 10;
/// How much is read at a time.
const READ_BUFFER_BYTES: usize = 1_024;

/// Bytes that have arrived, and a place for the library's own answers.
pub(super) struct View<'r, 'w> {
    pub(super) received: &'r [u8],
    pub(super) replies: &'w mut Vec<u8>,
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

/// A context with small buffers, each of its writes one frame.
pub(super) fn context(role: Role) -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(512)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    WebSocketContext::new(role, Some(config))
}

/// What an error says of the peer; `None` where it only wants more bytes.
pub(super) fn fault(error: &Error) -> Option<Fault> {
    match error {
        Error::Io(e) if e.kind() == io::ErrorKind::WouldBlock => None,
        Error::Utf8(_) => Some(Fault::Utf8),
        Error::Capacity(_) => Some(Fault::TooBig),
        Error::Protocol(_) => Some(Fault::Protocol),
        other => panic!("an error that is none of the documented ones: {other:?}"),
    }
}
