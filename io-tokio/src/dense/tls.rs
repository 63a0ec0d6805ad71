//! TLS over one connection, by rustls.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use rustls::Connection;

use super::received::Received;

/// The most that is encrypted before the kernel has taken what was encrypted before: one record (RFC 8446 §5.1).
const RECORD_BYTES_MAX: usize = 16 << 10;

/// TLS over one connection.
pub(crate) struct Tls {
    connection: Connection,
    /// What is decrypted and not read yet, in bytes.
    plaintext: usize,
    /// What was encrypted last and the kernel has not taken whole, in bytes of plaintext.
    encrypted: usize,
    /// What the kernel took, not asked for yet, in bytes of records.
    sent: usize,
    /// No more will come.
    is_over: bool,
    /// Why, where it is not the peer's wish.
    failure: Option<rustls::Error>,
}

impl Tls {
    /// Either side of a handshake.
    pub(crate) fn begin(mut connection: Connection) -> Box<Self> {
        connection.set_buffer_limit(Some(RECORD_BYTES_MAX));
        Box::new(Tls { connection, plaintext: 0, encrypted: 0, sent: 0, is_over: false, failure: None })
    }

    /// Fills `into` with what has arrived, from at most about as many bytes on the wire: records need not hold anything.
    pub(crate) fn read(&mut self, stream: &mut TcpStream, into: &mut [u8]) -> Received {
        let mut received = Received::default();
        loop {
            self.take_plaintext(&mut into[received.bytes..], &mut received.bytes);
            received.is_over = self.is_over;
            if self.is_over || received.bytes == into.len() || received.wire_bytes >= into.len() {
                return received;
            }
            let mut counted = Counted { stream, wire_bytes: 0, is_drained: false };
            let read = self.connection.read_tls(&mut counted);
            let Counted { wire_bytes, is_drained, .. } = counted;
            received.wire_bytes += wire_bytes;
            match read {
                Ok(0) => self.is_over = true,
                Ok(_) => self.decrypt(stream),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Received { is_drained: true, ..received },
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.is_over = true,
            }
            if is_drained && self.plaintext == 0 && !self.is_over {
                return Received { is_drained: true, ..received };
            }
        }
    }

    fn take_plaintext(&mut self, into: &mut [u8], taken: &mut usize) {
        if self.plaintext > 0 {
            // What is there can be read; an error would speak of the end behind it.
            let n = self.connection.reader().read(into).unwrap_or(0);
            self.plaintext -= n;
            *taken += n;
        }
    }

    fn decrypt(&mut self, stream: &mut TcpStream) {
        match self.connection.process_new_packets() {
            Ok(state) => {
                self.plaintext = state.plaintext_bytes_to_read();
                self.is_over = state.peer_has_closed();
            }
            Err(error) => {
                self.is_over = true;
                self.failure = Some(error);
            }
        }
        // Handshakes, key updates and alerts; whether the peer takes them is seen by who reads or writes next.
        let _ = self.flush(stream);
    }

    /// Whether something is decrypted that was not read.
    pub(crate) fn has_plaintext(&self) -> bool {
        self.plaintext > 0
    }

    /// Why it ended, where it was not the peer's wish.
    pub(crate) fn failure(&self) -> Option<&rustls::Error> {
        self.failure.as_ref()
    }

    /// Whether the two have not agreed yet.
    #[cfg(feature = "load")]
    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Encrypts one record at most, and offers it to the kernel. Returns how many bytes are in it; none while an older one waits.
    pub(crate) fn write(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush(stream)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = self.connection.writer().write(&bytes[..bytes.len().min(RECORD_BYTES_MAX)])?;
        self.encrypted = n;
        self.flush(stream)?;
        Ok(n)
    }

    /// Offers the kernel what is encrypted. Returns whether it has taken all of it.
    pub(crate) fn flush(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.encrypted = 0;
        Ok(true)
    }

    /// The last record: no more will be sent.
    pub(crate) fn close(&mut self, stream: &mut TcpStream) {
        self.connection.send_close_notify();
        let _ = self.flush(stream);
    }

    /// What the kernel has not taken, in bytes; 1 where only records of the protocol's own wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        if self.connection.wants_write() { self.encrypted.max(1) } else { 0 }
    }

    /// The bytes of records that the kernel took since this was asked last.
    pub(crate) fn take_sent(&mut self) -> usize {
        std::mem::take(&mut self.sent)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("waiting_bytes", &self.waiting_bytes()).field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

/// Counts what is read, and sees whether it was all that had arrived.
struct Counted<'a> {
    stream: &'a mut TcpStream,
    wire_bytes: usize,
    is_drained: bool,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(into)?;
        self.wire_bytes += n;
        self.is_drained = n < into.len();
        Ok(n)
    }
}
