//! The way through a proxy over real sockets: the tunnel is asked for as the RFCs say, and what goes wrong is told.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use wsbeat_tokio::client::{Client, ConnectError, Limits, Proxy, Stage};
use wsbeat_tokio::heartbeat::DialectChoice;

const SOON: Duration = Duration::from_secs(20);

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A server that sends back what it gets.
async fn echo() -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut stream = tokio_tungstenite::accept_async(tcp).await.unwrap();
        while let Some(Ok(message)) = stream.next().await {
            stream.send(message).await.unwrap();
        }
    });
    address
}

/// The head of a request, without the empty line.
async fn head(tcp: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(tcp.read_u8().await.unwrap()));
    }
    head.trim_end().to_owned()
}

/// A proxy for one connection, which asks for `credentials` where there are some; gives the request it got.
async fn connect_proxy(to: String, credentials: Option<&'static str>) -> (String, tokio::task::JoinHandle<String>) {
    let (listener, address) = listen().await;
    let request = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let request = head(&mut tcp).await;
        let wanted = credentials.map(|c| format!("Proxy-Authorization: Basic {c}"));
        if wanted.is_some_and(|line| !request.lines().any(|l| l == line)) {
            let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
            tcp.write_all(refusal).await.unwrap();
            return request;
        }
        let mut target = TcpStream::connect(to).await.unwrap();
        tcp.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut tcp, &mut target).await });
        request
    });
    (address, request)
}

fn client(url: &str, proxy: String) -> Client {
    Client::new(url).dialect(DialectChoice::None).proxy(Proxy::Url(proxy))
}

async fn assert_echoes(client: Client) {
    let mut connection = tokio::time::timeout(SOON, client.connect()).await.expect("in time").unwrap();
    connection.send(Message::text("through")).await.unwrap();
    assert_eq!(connection.next().await.unwrap().unwrap(), Message::text("through"));
}

async fn error_of(client: Client) -> ConnectError {
    tokio::time::timeout(SOON, client.connect()).await.expect("in time").expect_err("refused")
}

#[tokio::test]
async fn a_tunnel_is_asked_for_by_the_targets_name_and_with_the_users_credentials() {
    // The name has no address here: the proxy looks it up.
    for (user, credentials) in [("", None), ("Aladdin:open%20sesame@", Some("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="))] {
        let (address, request) = connect_proxy(echo().await, credentials).await;
        assert_echoes(client("ws://exchange.invalid/ws", format!("http://{user}{address}"))).await;
        let request = request.await.unwrap();
        assert!(request.starts_with("CONNECT exchange.invalid:80 HTTP/1.1\r\nHost: exchange.invalid:80"), "{request}");
        assert_eq!(request.contains("Authorization"), credentials.is_some(), "{request}");
    }
}

#[tokio::test]
async fn an_ipv6_target_keeps_its_brackets() {
    let (address, request) = connect_proxy(echo().await, None).await;
    assert_echoes(client("ws://[2001:db8::1]:9443/", format!("http://{address}"))).await;
    assert!(request.await.unwrap().starts_with("CONNECT [2001:db8::1]:9443 HTTP/1.1"));
}

#[tokio::test]
async fn credentials_that_are_missing_or_wrong_are_refused_by_status_and_not_shown() {
    for user in ["", "u:secret@"] {
        let (address, _) = connect_proxy(String::new(), Some("bm90IHlvdXJz")).await;
        let error = error_of(client("ws://exchange.invalid", format!("http://{user}{address}"))).await;
        assert_eq!(error.stage(), Some(Stage::Proxy));
        assert_eq!(error.to_string(), format!("proxy: http://{address}: status 407 Proxy Authentication Required"));
    }
}

/// A proxy that answers with these bytes and then keeps silent.
async fn answering(answer: Vec<u8>) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        head(&mut tcp).await;
        let _ = tcp.write_all(&answer).await;
        tokio::time::sleep(SOON).await;
    });
    address
}

#[tokio::test]
async fn a_proxy_that_answers_nonsense_without_end_or_ahead_of_us_is_given_up() {
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'a'; 64 << 10]].concat();
    for (answer, problem) in [
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), "no HTTP answer"),
        (endless, "more than 16 KiB"),
        (b"HTTP/1.1 200 OK\r\n\r\nahead".to_vec(), "bytes behind its answer"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n".to_vec(), "status 302"),
    ] {
        let error = error_of(client("ws://exchange.invalid", format!("http://{}", answering(answer).await))).await;
        assert!(matches!(&error, ConnectError::Proxy { problem: p, .. } if p.contains(problem)), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_that_keeps_silent_runs_into_the_one_deadline_at_its_stage() {
    for scheme in ["http", "socks5"] {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            let accepted = listener.accept().await;
            tokio::time::sleep(SOON).await;
            drop(accepted);
        });
        let hurried = Limits { connect_timeout: Duration::from_millis(300), ..Limits::default() };
        let error = error_of(client("ws://exchange.invalid", format!("{scheme}://{address}")).limits(hurried)).await;
        assert!(matches!(error, ConnectError::Timeout { stage: Stage::Proxy, .. }), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_fails_at_tcp_and_one_that_has_no_address_at_dns() {
    let (listener, address) = listen().await;
    drop(listener);
    let error = error_of(client("ws://exchange.invalid", format!("http://{address}"))).await;
    assert_eq!(error.stage(), Some(Stage::Tcp), "{error}");
    let error = error_of(client("ws://127.0.0.1:1", "http://proxy.invalid:3128".to_owned())).await;
    assert!(matches!(&error, ConnectError::Dns { host, .. } if host == "proxy.invalid"), "{error}");
}

/// A SOCKS 5 proxy (RFC 1928, RFC 1929) for one connection; gives the name and port it was asked for.
async fn socks_proxy(to: String, user: Option<(&'static str, &'static str)>) -> (String, tokio::task::JoinHandle<(String, u16)>) {
    let (listener, address) = listen().await;
    let asked = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        assert_eq!(tcp.read_u8().await.unwrap(), 5);
        let methods = counted(&mut tcp).await;
        let method = if user.is_some() { 2 } else { 0 };
        assert!(methods.contains(&method), "{methods:?}");
        tcp.write_all(&[5, method]).await.unwrap();
        if let Some((name, password)) = user {
            assert_eq!(tcp.read_u8().await.unwrap(), 1);
            assert_eq!((counted(&mut tcp).await, counted(&mut tcp).await), (name.into(), password.into()));
            tcp.write_all(&[1, 0]).await.unwrap();
        }
        let mut request = [0; 4];
        tcp.read_exact(&mut request).await.unwrap();
        assert_eq!(request, [5, 1, 0, 3], "CONNECT by name");
        let name = String::from_utf8(counted(&mut tcp).await).unwrap();
        let port = tcp.read_u16().await.unwrap();
        let mut target = TcpStream::connect(to).await.unwrap();
        tcp.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut tcp, &mut target).await });
        (name, port)
    });
    (address, asked)
}

async fn counted(tcp: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; tcp.read_u8().await.unwrap().into()];
    tcp.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn a_socks_proxy_is_asked_by_name_with_and_without_a_password() {
    for (user, prefix) in [(None, ""), (Some(("u", "p w")), "u:p%20w@")] {
        let (address, asked) = socks_proxy(echo().await, user).await;
        assert_echoes(client("ws://exchange.invalid:8443/ws", format!("socks5h://{prefix}{address}"))).await;
        assert_eq!(asked.await.unwrap(), ("exchange.invalid".to_owned(), 8443));
    }
}
