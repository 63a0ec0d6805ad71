//! The bytes under a connection: TCP as it is, or TLS over it.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use super::received::Received;
use super::tls::Tls;

/// The socket of a connection. TLS stands in a box that only connections with TLS have: plain ones pay a look at it.
pub(crate) struct Socket<'a> {
    pub(crate) stream: &'a mut TcpStream,
    pub(crate) tls: Option<&'a mut Tls>,
}

impl Socket<'_> {
    /// Reads as much as `into` holds, of which only a part may be for the user's side.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Received {
        if let Some(tls) = &mut self.tls {
            return tls.read(self.stream, into);
        }
        loop {
            match self.stream.read(into) {
                Ok(n) => return Received { bytes: n, wire_bytes: n, is_drained: n < into.len(), is_over: n == 0 },
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Received::default(),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Received { is_over: true, ..Received::default() },
            }
        }
    }

    /// Whether a read would find bytes; `None` where it would find that none have come yet.
    pub(crate) fn has_bytes(&mut self) -> Option<bool> {
        if self.tls.as_ref().is_some_and(|tls| tls.has_plaintext()) {
            return Some(true);
        }
        match self.stream.peek(&mut [0]) {
            Ok(n) => Some(n > 0),
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(_) => Some(false),
        }
    }

    /// Offers the kernel the records of TLS that wait. Returns whether it has taken all of them.
    pub(crate) fn flush_records(&mut self) -> io::Result<bool> {
        self.tls.as_mut().map_or(Ok(true), |tls| tls.flush(self.stream))
    }

    /// How many of the `taken` bytes count as sent: with TLS those of the records that the kernel took.
    pub(crate) fn sent(&mut self, taken: usize) -> usize {
        self.tls.as_mut().map_or(taken, |tls| tls.take_sent())
    }

    /// Ends our side behind what was written. False where the last record does not fit yet.
    pub(crate) fn finish(&mut self) -> bool {
        if let Some(tls) = &mut self.tls {
            tls.close(self.stream);
            if tls.waiting_bytes() > 0 {
                return false;
            }
        }
        // It fails where the peer has reset the connection: the reader sees that too.
        let _ = self.stream.shutdown(Shutdown::Write);
        true
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.write(self.stream, bytes),
            None => self.stream.write(bytes),
        }
    }

    /// With TLS one slice becomes one record.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.write(self.stream, slices.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice)),
            None => self.stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
