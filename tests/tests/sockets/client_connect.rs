//! The way to an open connection over real sockets: what goes wrong is told with its stage.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::client::{Client, ConnectError, Limits, Stage, Trust};
use wsbeat_tokio::heartbeat::DialectChoice;

const SOON: Duration = Duration::from_secs(20);

async fn listen() -> (TcpListener, String) {
    listen_at("127.0.0.1").await
}

async fn listen_at(host: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address.to_string())
}

fn client(scheme: &str, address: &str) -> Client {
    Client::new(format!("{scheme}://{address}/stream?x=1")).dialect(DialectChoice::None)
}

fn hurried(client: Client) -> Client {
    client.limits(Limits { connect_timeout: Duration::from_millis(300), ..Limits::default() })
}

/// A server that reads a request, gives back `answer` and keeps the connection.
async fn answering(answer: &'static str) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.read(&mut [0; 4096]).await;
        tcp.write_all(answer.as_bytes()).await.unwrap();
        tokio::time::sleep(SOON).await;
    });
    address
}

async fn echo(listener: TcpListener) {
    let (tcp, _) = listener.accept().await.unwrap();
    echo_over(tcp).await;
}

async fn echo_over<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: T) {
    let mut stream = tokio_tungstenite::accept_async(stream).await.unwrap();
    while let Some(Ok(message)) = stream.next().await {
        if message.is_text() {
            stream.send(message).await.unwrap();
        }
    }
}

async fn error_of(client: Client) -> ConnectError {
    tokio::time::timeout(SOON, client.connect()).await.expect("in time").expect_err("refused")
}

#[tokio::test]
async fn a_connection_comes_with_its_address_and_sends_the_subscriptions() {
    let (listener, address) = listen().await;
    tokio::spawn(echo(listener));
    let client = client("ws", &address).subscribe(Message::text("one")).subscribe(Message::text("two"));
    let mut connection = client.connect().await.unwrap();
    assert_eq!(connection.peer_addr().to_string(), address);
    assert!(connection.upgraded_in() > Duration::ZERO);
    for expected in ["one", "two"] {
        assert_eq!(connection.next().await.unwrap().unwrap(), Message::text(expected));
    }
}

#[tokio::test]
async fn a_name_with_several_addresses_is_tried_until_one_accepts() {
    let (listener, address) = listen().await;
    tokio::spawn(echo(listener));
    let port = address.rsplit_once(':').unwrap().1;
    let connection = client("ws", &format!("localhost:{port}")).connect().await.unwrap();
    assert_eq!(connection.peer_addr().to_string(), address);
}

#[tokio::test]
async fn headers_and_the_subprotocol_are_sent_and_the_choice_is_told() {
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let n = tcp.read(&mut request).await.unwrap();
        String::from_utf8(request[..n].to_vec()).unwrap()
    });
    let asking = client("ws", &address).header("X-Key", "secret").subprotocol("v2.market");
    assert_eq!(error_of(asking).await.stage(), Some(Stage::Upgrade));
    let request = serving.await.unwrap();
    assert!(request.starts_with("GET /stream?x=1 HTTP/1.1\r\n"), "{request}");
    for line in ["\r\nx-key: secret\r\n", "\r\nSec-WebSocket-Protocol: v2.market\r\n"] {
        assert!(request.contains(line), "{request}");
    }
}

#[tokio::test]
async fn a_refused_upgrade_tells_its_status_and_retry_after() {
    let refused = error_of(client("ws", &answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await)).await;
    assert!(matches!(refused, ConnectError::Http { status: 403, retry_after: None }), "{refused}");
    let busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n";
    let refused = error_of(client("ws", &answering(busy).await)).await;
    assert!(matches!(refused, ConnectError::Http { status: 503, retry_after: Some(t) } if t == Duration::from_secs(7)));
    let moved = "HTTP/1.1 301 Moved\r\nLocation: ws://example.org/\r\n\r\n";
    let refused = error_of(client("ws", &answering(moved).await)).await;
    assert!(matches!(refused, ConnectError::Http { status: 301, .. }), "redirects are not followed");
}

#[tokio::test]
async fn threat_26_a_server_that_is_no_web_socket_server_fails_the_upgrade() {
    for answer in ["HTTP/1.1 101 Switching Protocols\r\n\r\n", "SSH-2.0-OpenSSH_9.6\r\n", "\0\0\0\0\0\0\0\0"] {
        let error = error_of(hurried(client("ws", &answering(answer).await))).await;
        assert_eq!(error.stage(), Some(Stage::Upgrade), "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn threat_26_an_extension_that_nobody_asked_for_fails_the_upgrade() {
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        #[allow(clippy::result_large_err, reason = "the library's signature")]
        let extend = |_: &Request, mut response: Response| {
            response.headers_mut().insert("Sec-WebSocket-Extensions", "permessage-deflate".parse().unwrap());
            Ok(response)
        };
        let _stream = tokio_tungstenite::accept_hdr_async(tcp, extend).await;
        tokio::time::sleep(SOON).await;
    });
    let error = error_of(client("ws", &address)).await;
    assert!(matches!(&error, ConnectError::Upgrade(why) if why.contains("extension")), "{error}");
}

#[tokio::test]
async fn threat_26_endless_headers_are_bounded() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.write_all(b"HTTP/1.1 101 Switching Protocols\r\n").await;
        while tcp.write_all(b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").await.is_ok() {}
    });
    let error = error_of(client("ws", &address)).await;
    assert_eq!(error.stage(), Some(Stage::Upgrade), "{error}");
    assert!(!matches!(error, ConnectError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn one_deadline_covers_every_stage_and_tells_which_it_was() {
    for (scheme, stage) in [("ws", Stage::Upgrade), ("wss", Stage::Tls)] {
        let (listener, address) = listen().await;
        let silent = tokio::spawn(async move {
            let accepted = listener.accept().await.unwrap();
            tokio::time::sleep(SOON).await;
            drop(accepted);
        });
        let error = error_of(hurried(client(scheme, &address)).trust(Trust::Insecure)).await;
        assert!(matches!(&error, ConnectError::Timeout { stage: s, .. } if *s == stage), "{error}");
        silent.abort();
    }
}

#[tokio::test]
async fn a_closed_port_fails_at_tcp() {
    let (listener, address) = listen().await;
    drop(listener);
    let error = error_of(client("ws", &address)).await;
    assert!(matches!(error, ConnectError::Tcp { .. }), "{error}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_before_anything_is_sent() {
    let unusable = [
        Client::new("http://127.0.0.1:1"),
        Client::new("ws://127.0.0.1:1").header("Host", "other"),
        Client::new("ws://127.0.0.1:1").limits(Limits { message_bytes_max: 0, ..Limits::default() }),
        Client::new("ws://127.0.0.1:1").policy(PolicyConfig { interval: Some(Duration::from_nanos(1)), ..PolicyConfig::default() }),
        Client::new("ws://127.0.0.1:1").policy(PolicyConfig { close_code: Some(1006), ..PolicyConfig::default() }),
        Client::new("ws://127.0.0.1:1").limits(Limits { connect_timeout: Duration::ZERO, ..Limits::default() }),
    ];
    for client in unusable {
        let error = error_of(client).await;
        assert_eq!(error.stage(), None, "{error}");
    }
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A TLS server at `host`; its certificate is for `localhost` and 127.0.0.1.
async fn tls_server_at(host: &str) -> String {
    serving_tls("server.pem", "server.key", host).await
}

async fn serving_tls(chain: &str, key: &str, host: &str) -> String {
    let chain = CertificateDer::pem_file_iter(fixture(chain)).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(fixture(key)).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listen_at(host).await;
    tokio::spawn(async move {
        let (tcp, _): (TcpStream, _) = listener.accept().await.unwrap();
        if let Ok(tls) = acceptor.accept(tcp).await {
            echo_over(tls).await;
        }
    });
    address
}

async fn tls_server() -> String {
    tls_server_at("127.0.0.1").await
}

#[tokio::test]
async fn tls_is_spoken_with_a_server_whose_ca_is_given_or_that_nobody_checks() {
    for trust in [Trust::CaFile(fixture("ca.pem")), Trust::Insecure] {
        let mut connection = client("wss", &tls_server().await).trust(trust).connect().await.unwrap();
        connection.send(Message::text("hello")).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Message::text("hello"));
    }
}

#[tokio::test]
async fn the_self_signed_certificate_of_a_server_is_trusted_where_it_is_given() {
    let trust = || Trust::CaFile(fixture("self_signed.pem"));
    let own = serving_tls("self_signed.pem", "self_signed.key", "127.0.0.1").await;
    let mut connection = client("wss", &own).trust(trust()).connect().await.unwrap();
    connection.send(Message::text("hello")).await.unwrap();
    assert_eq!(connection.next().await.unwrap().unwrap(), Message::text("hello"));

    let elsewhere = serving_tls("self_signed.pem", "self_signed.key", "127.0.0.2").await;
    let expired = serving_tls("expired.pem", "self_signed.key", "127.0.0.1").await;
    let of_another = tls_server().await;
    let alike = serving_tls("self_signed.pem", "self_signed.key", "127.0.0.1").await;
    for (what, address, trust) in [
        ("a name that is not in it", elsewhere, trust()),
        ("dates that are over", expired, Trust::CaFile(fixture("expired.pem"))),
        ("another certificate", of_another, trust()),
        ("another of the same name and key", alike, Trust::CaFile(fixture("expired.pem"))),
    ] {
        let error = error_of(client("wss", &address).trust(trust)).await;
        assert!(matches!(error, ConnectError::Tls(_)), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_fails_at_tls() {
    let wrong_name = tls_server_at("127.0.0.2").await;
    for (address, trust) in [(tls_server().await, Trust::Platform), (wrong_name, Trust::CaFile(fixture("ca.pem")))] {
        let error = error_of(client("wss", &address).trust(trust)).await;
        assert!(matches!(error, ConnectError::Tls(_)), "{error}");
    }
    for path in ["missing.pem", "server.key"] {
        let error = error_of(client("wss", &tls_server().await).trust(Trust::CaFile(fixture(path)))).await;
        assert!(matches!(&error, ConnectError::Tls(why) if why.contains(path)), "{error}");
    }
}
