//! TLS for the tests: certificates, and clients that trust them.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use wsbeat_tokio::server::{ServerConfig, TlsConfig};

use crate::raw::{Raw, TlsStream};

/// A file beside the tests.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The server's certificate of this name, for `localhost` and 127.0.0.1: `server`, or `self_signed`.
#[must_use]
pub fn identity(name: &str) -> TlsConfig {
    TlsConfig::from_pem_files(&fixture(&format!("{name}.pem")), &fixture(&format!("{name}.key"))).expect("both can be used")
}

/// A server as [`config`](crate::serving::config), with TLS.
#[must_use]
pub fn config() -> ServerConfig {
    ServerConfig { tls: Some(identity("server")), ..crate::serving::config() }
}

/// A client that trusts the authority of the certificate `server`, and speaks `versions`.
#[must_use]
pub fn trusting(versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture("ca.pem")).expect("a certificate")).expect("an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_protocol_versions(versions).expect("versions that go with the ciphers");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// TLS to `address`; the handshake comes with the first bytes.
#[must_use]
pub fn dial(address: SocketAddr, config: &Arc<ClientConfig>) -> TlsStream {
    let tcp = TcpStream::connect(address).expect("connects");
    tcp.set_nodelay(true).expect("nodelay");
    let name = ServerName::try_from("localhost").expect("a name");
    TlsStream::new(ClientConnection::new(Arc::clone(config), name).expect("a client"), tcp)
}

/// Connects, shakes hands and upgrades.
#[must_use]
pub fn open(address: SocketAddr) -> Raw {
    Raw::over(dial(address, &trusting(rustls::ALL_VERSIONS))).upgraded()
}

/// The first bytes of a client's handshake.
#[must_use]
pub fn client_hello() -> Vec<u8> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(trusting(rustls::ALL_VERSIONS), name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a vector takes it");
    hello
}
