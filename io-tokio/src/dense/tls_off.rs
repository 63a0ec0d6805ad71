//! TLS where the crate is built without it: nothing of it can be made.

use std::convert::Infallible;
use std::io;

use mio::net::TcpStream;

use super::received::Received;

/// TLS over one connection: there is none.
#[derive(Debug)]
pub(crate) struct Tls(Infallible);

impl Tls {
    pub(crate) fn read(&mut self, _: &mut TcpStream, _: &mut [u8]) -> Received {
        match self.0 {}
    }

    pub(crate) fn has_plaintext(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn failure(&self) -> Option<&Infallible> {
        match self.0 {}
    }

    pub(crate) fn write(&mut self, _: &mut TcpStream, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub(crate) fn flush(&mut self, _: &mut TcpStream) -> io::Result<bool> {
        match self.0 {}
    }

    pub(crate) fn close(&mut self, _: &mut TcpStream) {
        match self.0 {}
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn take_sent(&mut self) -> usize {
        match self.0 {}
    }
}
