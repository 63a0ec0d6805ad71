//! TLS by rustls, and the trust behind it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::pinned::{TrustsFile, is_authority};
use super::{ConnectError, Trust};

/// The TLS handshake with `host` over `stream`.
pub(super) async fn handshake<T>(trust: &Trust, host: &str, stream: T) -> Result<TlsStream<T>, ConnectError>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned()).map_err(failed)?;
    let connector = TlsConnector::from(Arc::new(config(trust)?));
    connector.connect(name, stream).await.map_err(|error| refused(&error))
}

/// What every connection to one host has in common.
#[cfg(all(unix, feature = "load"))]
pub(crate) struct ClientTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

#[cfg(all(unix, feature = "load"))]
impl ClientTls {
    pub(crate) fn new(trust: &Trust, host: &str) -> Result<Self, ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(failed)?;
        Ok(ClientTls { config: Arc::new(config(trust)?), name })
    }

    /// The client's side of a handshake. `None` where rustls cannot begin one.
    pub(crate) fn begin(&self) -> Option<Box<crate::dense::tls::Tls>> {
        let connection = rustls::ClientConnection::new(Arc::clone(&self.config), self.name.clone()).ok()?;
        Some(crate::dense::tls::Tls::begin(connection.into()))
    }
}

fn config(trust: &Trust) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(failed)?;
    let builder = match trust {
        Trust::Platform => builder.with_platform_verifier().map_err(failed)?,
        Trust::CaFile(path) => builder.dangerous().with_custom_certificate_verifier(Arc::new(trusting(path, provider)?)),
        Trust::Insecure => builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustsAnyone { provider })),
    };
    Ok(builder.with_no_client_auth())
}

fn trusting(path: &Path, provider: Arc<CryptoProvider>) -> Result<TrustsFile, ConnectError> {
    let refuse = |problem: String| ConnectError::Tls(format!("CA file {}: {problem}", path.display()));
    let pem = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|e| refuse(e.to_string()))?;
    if certificates.is_empty() {
        return Err(refuse("no certificate in it".to_owned()));
    }
    let roots = TrustsFile::roots(&certificates).map_err(|e| refuse(e.to_string()))?;
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    Ok(TrustsFile::new(authorities.map_err(|e| refuse(e.to_string()))?, certificates))
}

fn failed(error: impl std::fmt::Display) -> ConnectError {
    ConnectError::Tls(error.to_string())
}

/// Why a handshake failed, with what helps where nobody vouches for the server's certificate.
fn refused(error: &io::Error) -> ConnectError {
    let of_rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    ConnectError::Tls(match of_rustls {
        Some(error) if is_authority(error) => "the server's certificate is self-signed: give it as --ca (Trust::CaFile)".to_owned(),
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "nobody who is trusted signed the server's certificate: give the one that did, or a self-signed one itself, as --ca (Trust::CaFile)"
                .to_owned()
        }
        Some(Error::InvalidMessage(_)) => format!("the server does not speak TLS here ({error}); perhaps it does without TLS: ws://"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server hung up during the handshake; perhaps it does without TLS: ws://".to_owned()
        }
        _ => error.to_string(),
    })
}

/// Takes any certificate, but no forged signature.
#[derive(Debug)]
struct TrustsAnyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for TrustsAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
