//! A server's certificate and key, by rustls.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConnection};

use crate::dense::tls::Tls;

/// A fatal alert before any handshake: `internal_error` (RFC 8446 §6), for those who are turned away unheard.
pub(super) const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// The certificate and key of a server, and what it speaks: TLS 1.2 and 1.3 by rustls, no client certificates, sessions
/// resumed by tickets that only this process can read. Cheap to clone.
#[derive(Clone)]
pub struct TlsConfig(Arc<rustls::ServerConfig>);

impl TlsConfig {
    /// The chain in `cert`, the server's own certificate first, and the key in `key`, both PEM; the key PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn from_pem_files(cert: &Path, key: &Path) -> Result<Self, TlsConfigError> {
        let chain = chain(cert)?;
        let of_key = |problem: String| TlsConfigError { file: key.into(), problem };
        let pem = std::fs::read(key).map_err(|e| of_key(e.to_string()))?;
        let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|e| match e {
            rustls::pki_types::pem::Error::NoItemsFound => of_key("no private key in it, or one that wants a password".to_owned()),
            other => of_key(other.to_string()),
        })?;
        let refused = |e: rustls::Error| match e {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                of_key(format!("this key is not that of the certificate in {}", cert.display()))
            }
            rustls::Error::InvalidCertificate(_) => TlsConfigError { file: cert.into(), problem: e.to_string() },
            other => of_key(other.to_string()),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(refused)?.with_no_client_auth();
        let mut config = builder.with_single_cert(chain, secret).map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Tickets cost no memory here, and whoever comes back after a restart of its network has a cheap handshake.
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(refused)?;
        Ok(TlsConfig(Arc::new(config)))
    }

    /// The server's side of a handshake. `None` where rustls cannot begin one.
    pub(super) fn accept(&self) -> Option<Box<Tls>> {
        Some(Tls::begin(ServerConnection::new(Arc::clone(&self.0)).ok()?.into()))
    }
}

fn chain(cert: &Path) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let refuse = |problem: String| TlsConfigError { file: cert.into(), problem };
    let pem = std::fs::read(cert).map_err(|e| refuse(e.to_string()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|e| refuse(e.to_string()))?;
    if chain.is_empty() {
        return Err(refuse("no certificate in it".to_owned()));
    }
    Ok(chain)
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
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
