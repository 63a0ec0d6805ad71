//! The examples run, against peers over real sockets, and do what they are there to show.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_tokio::client::{Client, Connection};
use wsbeat_tokio::heartbeat::{AnswerFaults, Voice};

const SOON: Duration = Duration::from_secs(30);

/// An example's process; it ends with the test.
struct Example {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Example {
    fn start(name: &str, words: &[&str]) -> Self {
        let mut path = std::env::current_exe().unwrap();
        path.pop();
        path.pop();
        path.extend(["examples", name]);
        path.set_extension(std::env::consts::EXE_EXTENSION);
        assert!(path.exists(), "{} is not built: run `cargo test` without --test, or `cargo build --examples`", path.display());
        let mut child = Command::new(path).args(words).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Example { _child: child, lines }
    }

    /// The next line that holds `words`.
    async fn says(&mut self, words: &str) -> String {
        let find = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(words) {
                    return line;
                }
            }
            panic!("it ended without {words:?}");
        };
        timeout(SOON, find).await.unwrap_or_else(|_| panic!("no {words:?}"))
    }

    async fn url(&mut self) -> String {
        self.says("listening on ").await.replace("listening on ", "")
    }
}

async fn hears(connection: &mut Connection, words: &str) {
    let find = async {
        while let Some(message) = connection.next().await {
            if message.unwrap() == Message::text(words) {
                return;
            }
        }
        panic!("closed before {words:?}");
    };
    timeout(SOON, find).await.unwrap_or_else(|_| panic!("no {words:?}"));
}

/// With which code one that answers no heartbeat is closed.
async fn mute(url: &str) -> Option<u16> {
    let faults = AnswerFaults { voice: Voice::Mute, ..AnswerFaults::default() };
    let mut connection = Client::new(url).answer_faults(faults).connect().await.unwrap();
    timeout(SOON, async { while connection.next_event().await.is_some() {} }).await.unwrap();
    connection.ending().unwrap().peer_close.clone().unwrap().code
}

#[cfg(feature = "axum")]
mod route {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use wsbeat_tokio::heartbeat::Event;

    use super::*;

    #[tokio::test]
    async fn a_route_of_axum_echoes_asks_and_closes_who_does_not_answer() {
        let mut example = Example::start("axum_route", &["127.0.0.1:0"]);
        let url = example.url().await;
        let mut connection = Client::new(&url).connect().await.unwrap();
        connection.send(Message::text("hello")).await.unwrap();
        hears(&mut connection, "hello").await;
        let asked = async {
            let mut left = 2;
            while left > 0 {
                let event = connection.next_event().await.unwrap();
                left -= u32::from(matches!(event, Event::Asked { answered_in: Some(_), .. }));
            }
        };
        timeout(SOON, asked).await.unwrap();
        example.says("answered in").await;
        connection.close(Some(1000), "enough").unwrap();
        timeout(SOON, async { while connection.next_event().await.is_some() {} }).await.unwrap();
        assert!(connection.ending().unwrap().is_clean());
        example.says("ended: closed by the peer: 1000 enough").await;
        assert_eq!(mute(&url).await, Some(4408));
        example.says("closed: peer-silent").await;
    }

    /// The code of the close frame that answers `bytes`.
    async fn code_after(url: &str, bytes: &[u8]) -> u16 {
        let address = url.trim_start_matches("ws://").trim_end_matches("/ws");
        let mut tcp = TcpStream::connect(address).await.unwrap();
        let request = "GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        tcp.write_all(&[request.as_bytes(), bytes].concat()).await.unwrap();
        let mut all = vec![];
        timeout(SOON, tcp.read_to_end(&mut all)).await.unwrap().unwrap();
        let close = all.windows(2).rposition(|pair| pair[0] == 0x88 && pair[1] >= 2).expect("a close frame");
        u16::from_be_bytes([all[close + 2], all[close + 3]])
    }

    #[tokio::test]
    async fn faults_of_the_peer_have_the_same_codes_over_axum_as_elsewhere() {
        let mut example = Example::start("axum_route", &["127.0.0.1:0"]);
        let url = example.url().await;
        assert_eq!(code_after(&url, &[0x81, 0x01, b'a']).await, 1002, "a frame without a mask");
        assert_eq!(code_after(&url, &[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0]).await, 1002, "a message within another");
        assert_eq!(code_after(&url, &[0x81, 0x81, 0, 0, 0, 0, 0xff]).await, 1007, "a text that is not UTF-8");
        assert_eq!(code_after(&url, &[0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0]).await, 1009, "2 MiB where 1 may be");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn in_a_chat_all_hear_what_one_says_and_who_does_not_answer_is_shown_out() {
    let mut example = Example::start("chat", &["127.0.0.1:0"]);
    let url = example.url().await;
    let mut first = Client::new(&url).connect().await.unwrap();
    hears(&mut first, "guest 1 comes: 1 here").await;
    let mut second = Client::new(&url).connect().await.unwrap();
    hears(&mut first, "guest 2 comes: 2 here").await;
    second.send(Message::text("hello")).await.unwrap();
    hears(&mut first, "guest 2: hello").await;
    let (code, ()) = tokio::join!(mute(&url), hears(&mut first, "guest 3 is gone"));
    assert_eq!(code, Some(4408));
    example.says("guest 3: peer-silent").await;
}

fn packed(text: &str) -> Message {
    let mut gzip = GzEncoder::new(vec![], Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    Message::binary(gzip.finish().unwrap())
}

/// One connection of an exchange: asks, waits for the subscription and the answer, sends a trade, and is gone without a word.
async fn trade_once(listener: &TcpListener, beat: u64) {
    let (tcp, _) = listener.accept().await.unwrap();
    let mut peer = tokio_tungstenite::accept_async(tcp).await.unwrap();
    peer.send(packed(&format!("{{\"ping\":{beat}}}"))).await.unwrap();
    let (subscription, pong) = (Message::text("{\"sub\":\"trades\"}"), Message::text(format!("{{\"pong\":{beat}}}")));
    let mut heard = vec![];
    while !(heard.contains(&subscription) && heard.contains(&pong)) {
        heard.push(peer.next().await.unwrap().unwrap());
    }
    peer.send(packed(&format!("{{\"price\":{beat}}}"))).await.unwrap();
}

#[tokio::test]
async fn a_feed_is_answered_for_and_connected_and_subscribed_again_when_it_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let mut example = Example::start("exchange_feed", &[&url, "{\"sub\":\"trades\"}"]);
    for beat in [1_489_474_081_631, 1_489_474_082_631] {
        timeout(SOON, trade_once(&listener, beat)).await.unwrap();
        example.says("connected 127.0.0.1").await;
        example.says(&format!("{{\"price\":{beat}}}")).await;
        example.says("again in").await;
    }
}
