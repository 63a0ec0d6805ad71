//! TLS on the server's side, by rustls.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Connection, InconsistentKeys, ServerConnection};

use super::socket::Received;

/// The most that is encrypted before the kernel has taken what was encrypted before: one record (RFC 8446 §5.1).
const RECORD_BYTES_MAX: usize = 16 << 10;

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
    /// The server's side of a handshake. `None` where rustls cannot begin one.
    pub(super) fn accept(config: &TlsConfig) -> Option<Box<Self>> {
        Some(Tls::begin(ServerConnection::new(Arc::clone(&config.0)).ok()?.into()))
    }

    /// Either side of a handshake.
    pub(crate) fn begin(mut connection: Connection) -> Box<Self> {
        connection.set_buffer_limit(Some(RECORD_BYTES_MAX));
        Box::new(Tls { connection, plaintext: 0, encrypted: 0, sent: 0, is_over: false, failure: None })
    }

    /// Fills `into` with what has arrived, from at most about as many bytes on the wire: records need not hold anything.
    pub(super) fn read(&mut self, stream: &mut TcpStream, into: &mut [u8]) -> Received {
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
    pub(super) fn has_plaintext(&self) -> bool {
        self.plaintext > 0
    }

    /// Why it ended, where it was not the peer's wish.
    pub(crate) fn failure(&self) -> Option<&rustls::Error> {
        self.failure.as_ref()
    }

    /// Encrypts one record at most, and offers it to the kernel. Returns how many bytes are in it; none while an older one waits.
    pub(super) fn write(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush(stream)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = self.connection.writer().write(&bytes[..bytes.len().min(RECORD_BYTES_MAX)])?;
        self.encrypted = n;
        self.flush(stream)?;
        Ok(n)
    }

    /// Offers the kernel what is encrypted. Returns whether it has taken all of it.
    pub(super) fn flush(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
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
    pub(super) fn close(&mut self, stream: &mut TcpStream) {
        self.connection.send_close_notify();
        let _ = self.flush(stream);
    }

    /// What the kernel has not taken, in bytes; 1 where only records of the protocol's own wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        if self.connection.wants_write() { self.encrypted.max(1) } else { 0 }
    }

    /// The bytes of records that the kernel took since this was asked last.
    pub(super) fn take_sent(&mut self) -> usize {
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
