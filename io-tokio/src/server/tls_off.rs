//! TLS where the crate is built without it: nothing of it can be made.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

use mio::net::TcpStream;

use super::socket::Received;

/// Who is turned away unheard gets an alert; there is nobody to get one.
pub(super) const ALERT: [u8; 0] = [];

/// The certificate and key of a server. This build has no TLS (feature `tls`): there is none of these.
#[derive(Clone, Debug)]
pub struct TlsConfig(Infallible);

impl TlsConfig {
    /// Nothing but an error: this build has no TLS.
    ///
    /// # Errors
    /// Always.
    pub fn from_pem_files(cert: &Path, _key: &Path) -> Result<Self, TlsConfigError> {
        Err(TlsConfigError { file: cert.into(), problem: "built without the feature tls".to_owned() })
    }
}

/// A certificate or key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", .file.display())]
pub struct TlsConfigError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// TLS over one connection: there is none.
#[derive(Debug)]
pub(crate) struct Tls(Infallible);

impl Tls {
    pub(super) fn accept(config: &TlsConfig) -> Option<Box<Self>> {
        match config.0 {}
    }

    pub(super) fn read(&mut self, _: &mut TcpStream, _: &mut [u8]) -> Received {
        match self.0 {}
    }

    pub(super) fn has_plaintext(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn failure(&self) -> Option<&Infallible> {
        match self.0 {}
    }

    pub(super) fn write(&mut self, _: &mut TcpStream, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub(super) fn flush(&mut self, _: &mut TcpStream) -> io::Result<bool> {
        match self.0 {}
    }

    pub(super) fn close(&mut self, _: &mut TcpStream) {
        match self.0 {}
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        match self.0 {}
    }

    pub(super) fn take_sent(&mut self) -> usize {
        match self.0 {}
    }
}
