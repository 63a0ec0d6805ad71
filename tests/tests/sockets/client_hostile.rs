//! Row 26 of the threats: our client against a hostile server. It fails with a reason, in bounded time and space.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wsbeat_core::event::VerdictKind;
use wsbeat_tokio::client::{Client, ConnectError, Limits, Stage};
use wsbeat_tokio::heartbeat::{DialectChoice, Ending};

const SOON: Duration = Duration::from_secs(20);

/// The head of a request.
async fn head(tcp: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(tcp.read_u8().await.unwrap()));
    }
    head
}

fn accept_line(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = derive_accept_key(key.as_bytes());
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n")
}

/// A server that upgrades, sends `bytes`, and keeps what the client sent after it until it ends.
async fn upgrading(bytes: Vec<u8>) -> (Client, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let answer = accept_line(&head(&mut tcp).await);
        tcp.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        let (mut read, mut write) = tcp.into_split();
        let writing = tokio::spawn(async move {
            let _ = write.write_all(&bytes).await;
            tokio::time::sleep(SOON).await;
        });
        let mut got = vec![];
        let _ = read.read_to_end(&mut got).await;
        writing.abort();
        got
    });
    (Client::new(url).dialect(DialectChoice::None), served)
}

/// How a connection to such a server ends, and the code of the close frame that the server got.
async fn ending(client: Client, served: tokio::task::JoinHandle<Vec<u8>>) -> (Ending, Option<u16>) {
    let ended = tokio::time::timeout(SOON, async {
        let mut connection = client.connect().await.unwrap();
        while connection.next_event().await.is_some() {}
        connection.ending().cloned().unwrap()
    });
    let ended = ended.await.expect("in time");
    (ended, close_code(&served.await.unwrap()))
}

/// The code of the first close frame among a client's short, masked frames.
fn close_code(mut frames: &[u8]) -> Option<u16> {
    while let [first, len, a, b, _, _, rest @ ..] = frames {
        let len = usize::from(len & 0x7F);
        if first & 0x0F == 8 {
            return Some(u16::from_be_bytes([rest[0] ^ a, rest[1] ^ b]));
        }
        frames = &rest[len..];
    }
    None
}

#[tokio::test]
async fn threat_26_frames_that_no_server_may_send_close_with_1002_and_a_reason() {
    let mask = [0x81, 0x80 | 2, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2].to_vec();
    for (what, bytes) in [
        ("masked", mask),
        ("a reserved bit, as an extension would set it", vec![0xC1, 2, b'h', b'i']),
        ("a reserved opcode", vec![0x83, 0]),
        ("a ping in two fragments", vec![0x09, 0]),
        ("a ping of 126 bytes", [&[0x89, 126, 0, 126][..], &[0; 126]].concat()),
        ("a continuation of nothing", vec![0x80, 0]),
        ("a close code that is none", vec![0x88, 2, 0x03, 0xED]),
    ] {
        let (client, served) = upgrading(bytes).await;
        let (ending, code) = ending(client, served).await;
        // The library underneath takes a code that is none for a close with 1002.
        let told = ending.error.is_some() || ending.peer_close.as_ref().is_some_and(|close| close.code == Some(1002));
        assert!(told, "{what}: {ending:?}");
        assert_eq!(code, Some(1002), "{what}: {ending:?}");
    }
}

#[tokio::test]
async fn threat_26_messages_past_the_limit_close_with_1009_and_text_that_is_no_utf8_with_1007() {
    let long = [&[0x82, 127][..], &(1_u64 << 40).to_be_bytes(), &[0; 1 << 16]].concat();
    let fragments: Vec<u8> = (0..64).flat_map(|n| [&[if n == 0 { 0x02 } else { 0x00 }, 126, 0x10, 0][..], &[0; 4096]].concat()).collect();
    for (what, bytes, code, kind) in [
        ("one frame of a tebibyte", long, 1009, VerdictKind::TooBig),
        ("fragments without end", fragments, 1009, VerdictKind::TooBig),
        ("no UTF-8", vec![0x81, 2, 0xC3, 0x28], 1007, VerdictKind::Protocol),
    ] {
        let (client, served) = upgrading(bytes).await;
        let limits = Limits { message_bytes_max: 64 << 10, ..Limits::default() };
        let (ending, sent) = ending(client.limits(limits), served).await;
        let verdict = ending.verdict.unwrap_or_else(|| panic!("{what}: {ending:?}"));
        assert_eq!((verdict.kind, verdict.code, sent), (kind, Some(code), Some(code)), "{what}");
    }
}

#[tokio::test]
async fn threat_26_a_flood_of_pings_is_closed_with_1008() {
    let (client, served) = upgrading([0x89, 0].repeat(1_000)).await;
    let (ending, code) = ending(client, served).await;
    assert_eq!(ending.verdict.map(|v| (v.kind, v.code)), Some((VerdictKind::TooManyPings, Some(1008))));
    assert_eq!(code, Some(1008));
}

#[tokio::test]
async fn threat_26_a_gzip_bomb_in_a_heartbeats_place_is_closed_with_1009() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gzip.write_all(&vec![b' '; 4 << 20]).unwrap();
    let bomb = gzip.finish().unwrap();
    let frame = [&[0x82, 127][..], &(bomb.len() as u64).to_be_bytes(), &bomb].concat();
    let (client, served) = upgrading(frame).await;
    let dialect = wsbeat_core::dialect::Dialect::preset("htx-spot-v1").unwrap().clone();
    let (ending, code) = ending(client.dialect(DialectChoice::Named(dialect)), served).await;
    assert_eq!(ending.verdict.map(|v| (v.kind, v.code)), Some((VerdictKind::TooBig, Some(1009))));
    assert_eq!(code, Some(1009));
}

/// Why a client cannot connect to a server that answers the request with what `answer` makes of it, and then with
/// `endless` again and again.
async fn refused(answer: impl FnOnce(&str) -> String + Send + 'static, endless: &'static str) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let answer = answer(&head(&mut tcp).await);
        let _ = tcp.write_all(answer.as_bytes()).await;
        while !endless.is_empty() && tcp.write_all(endless.as_bytes()).await.is_ok() {}
        tokio::time::sleep(SOON).await;
    });
    let client = Client::new(url).dialect(DialectChoice::None).limits(Limits { connect_timeout: SOON / 2, ..Limits::default() });
    tokio::time::timeout(SOON, client.connect()).await.expect("in time").expect_err("refused")
}

/// What a server answers to the head of a request.
type Answer = Box<dyn FnOnce(&str) -> String + Send>;

#[tokio::test]
async fn threat_26_answers_to_the_upgrade_that_cannot_be_are_refused_with_the_reason_and_soon() {
    let wrong_key = |head: &str| format!("{}\r\n", accept_line(&head.replace("Key: ", "Key: x")));
    let cases: [(&str, Answer, &'static str, &str); 6] = [
        ("an extension", Box::new(|h| accept_line(h) + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), "", "extension"),
        ("a subprotocol", Box::new(|h| accept_line(h) + "Sec-WebSocket-Protocol: mqtt\r\n\r\n"), "", "ubprotocol"),
        ("another key", Box::new(wrong_key), "", "Accept"),
        ("endless headers", Box::new(accept_line), "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", ""),
        ("an endless header", Box::new(|h| accept_line(h) + "X: "), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""),
        ("an endless body", Box::new(|_| "HTTP/1.1 200 OK\r\n\r\n".to_owned()), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "200"),
    ];
    for (what, answer, endless, reason) in cases {
        let error = refused(answer, endless).await;
        assert_eq!(error.stage(), Some(Stage::Upgrade), "{what}: {error}");
        assert!(!matches!(error, ConnectError::Timeout { .. }), "{what}: {error}");
        assert!(error.to_string().contains(reason), "{what}: {error}");
    }
    for status in [301, 302, 307, 308] {
        let moved = move |_: &str| format!("HTTP/1.1 {status} Moved\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
        let error = refused(moved, "").await;
        assert!(matches!(error, ConnectError::Http { status: s, .. } if s == status), "not followed: {error}");
    }
}
