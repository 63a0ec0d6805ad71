//! A server's certificate and key where the crate is built without TLS: there is none.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use crate::dense::tls::Tls;

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

    pub(super) fn accept(&self) -> Option<Box<Tls>> {
        match self.0 {}
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
