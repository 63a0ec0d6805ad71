//! Our server in every dialect against a client written from the documents.

use std::net::SocketAddr;
use std::time::Duration;

use wsbeat_core::event::{Verdict, VerdictKind};
use wsbeat_tests::exchange::{Fault, Log, Part, ROWS, Row, Script, Seen, Side, client};
use wsbeat_tests::scaled::scaled;
use wsbeat_tests::serving::{self, Serving, config, config_in};
use wsbeat_tokio::server::ServerConfig;

/// How many heartbeats an honest connection has to see.
const PERIODS: usize = 5;

fn period(row: &Row) -> Duration {
    Duration::from_millis(match row.id {
        // Thirty periods until a client is given up.
        "bybit-v5" => 120,
        // Intervals are told in whole seconds.
        "deribit" | "centrifugo" => 1_000,
        // A few tenths of a period between an honest client and its end.
        "okx" | "cryptocom" | "engineio-4" => 1_000,
        _ => 500,
    })
}

fn serve(row: &Row) -> Serving {
    Serving::start(ServerConfig { dialect: Some(scaled(row.id, period(row))), ..config() })
}

async fn meet(address: SocketAddr, row: &'static Row, fault: Fault) -> (Log, tokio::task::JoinHandle<()>) {
    let script = Script { fault, ..Script::new(row, period(row)) };
    client(address, script).await
}

/// Whether the client has seen enough heartbeats of both sides.
fn lived(row: &Row, log: &Log) -> bool {
    let of_ours = match row.server {
        Part::Asks if row.by_ping_frames() => log.count(|s| *s == Seen::HeardPing),
        Part::Asks | Part::Beats => log.count(|s| *s == Seen::HeardAsk),
        Part::Listens => PERIODS,
    };
    let of_its = match row.client {
        Part::Asks => log.count(|s| *s == Seen::Answered),
        Part::Beats => log.count(|s| matches!(s, Seen::Asked(_))),
        Part::Listens => PERIODS,
    };
    of_ours >= PERIODS && of_its >= PERIODS
}

async fn for_all_rows<F: Future<Output = ()>>(test: impl Fn(&'static Row) -> F) {
    futures_util::future::join_all(ROWS.iter().map(test)).await;
}

#[tokio::test]
async fn an_honest_client_stays_connected_over_several_periods() {
    for_all_rows(async |row| {
        let server = serve(row);
        let (log, task) = meet(server.address, row, Fault::None).await;
        log.until("several periods", |log| lived(row, log)).await;
        let bad = |s: &Seen| matches!(s, Seen::Closed(..) | Seen::End | Seen::WrongAnswer(_));
        assert_eq!(log.count(bad), 0, "{}:\n{log}", row.id);
        if row.id == "kucoin" {
            assert_eq!(log.count(|s| *s == Seen::Welcomed), 1, "{log}");
        }
        task.abort();
    })
    .await;
}

/// The verdict about the one client of `server`, waited for beside other tests.
async fn verdict(server: Serving) -> Verdict {
    let waiting = tokio::task::spawn_blocking(move || {
        server.saw(|seen| match seen {
            serving::Seen::Verdict(verdict) => Some(verdict),
            _ => None,
        })
    });
    waiting.await.expect("a verdict")
}

#[tokio::test]
async fn a_silent_client_is_dropped_with_the_dialects_code_but_where_nothing_is_asked_of_it() {
    for_all_rows(async |row| {
        let server = serve(row);
        // Control pings are answered by the client's library: it has to stop reading.
        let fault = if row.by_ping_frames() { Fault::Mute } else { Fault::Silent };
        let (log, task) = meet(server.address, row, fault).await;
        if matches!(row.id, "kraken-v2" | "coinbase") {
            log.until("ten heartbeats", |log| log.count(|s| *s == Seen::HeardAsk) >= 10).await;
            assert_eq!(log.count(|s| matches!(s, Seen::Closed(..) | Seen::End)), 0, "{}:\n{log}", row.id);
            task.abort();
            return;
        }
        let verdict = verdict(server).await;
        let code = match row.id {
            "blog" => None,
            "centrifugo" => Some(3012),
            _ => Some(4408),
        };
        assert!(matches!(verdict.kind, VerdictKind::PeerSilent), "{}: {verdict}\n{log}", row.id);
        assert_eq!(verdict.code, code, "{}: {verdict}", row.id);
        if fault == Fault::Silent {
            log.until("closed", |log| log.count(|s| matches!(s, Seen::Closed(..))) == 1).await;
            let closed = log.count(|s| matches!(s, Seen::Closed(c, _) if *c == code.unwrap_or(0)));
            assert_eq!(closed, 1, "{}:\n{log}", row.id);
        }
        if row.part(Side::Server) == Part::Asks {
            let asked = log.count(|s| *s == Seen::HeardAsk);
            assert!(asked >= 1 || row.by_ping_frames(), "{}:\n{log}", row.id);
            // Where any packet is life it is not the answers that are counted.
            assert!(verdict.unanswered >= 1 || row.id == "engineio-4", "{}: {verdict}", row.id);
        }
        task.abort();
    })
    .await;
}

#[tokio::test]
async fn a_client_that_answers_for_a_while_and_then_no_more_is_dropped_after_that() {
    for_all_rows(async |row| {
        if row.by_ping_frames() || matches!(row.id, "kraken-v2" | "coinbase") {
            return;
        }
        let server = serve(row);
        let script = Script { fault: Fault::Silent, after: 3, ..Script::new(row, period(row)) };
        let (log, task) = client(server.address, script).await;
        let verdict = verdict(server).await;
        assert!(verdict.kind.is_silence(), "{}: {verdict}\n{log}", row.id);
        let lived = match row.client {
            Part::Asks => log.count(|s| *s == Seen::Answered),
            _ => 3,
        };
        assert_eq!(lived, 3, "{}:\n{log}", row.id);
        task.abort();
    })
    .await;
}

/// A STOMP client that says what it can and wants, over a raw socket.
async fn stomp(server: &Serving, heart_beat: &str) -> tokio_tungstenite::WebSocketStream<tokio::net::TcpStream> {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
    let tcp = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let mut request = format!("ws://{}/", server.address).into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "v12.stomp".parse().unwrap());
    let (mut stream, _) = tokio_tungstenite::client_async(request, tcp).await.unwrap();
    stream.send(Message::text(format!("CONNECT\naccept-version:1.2\nhost:x\n{heart_beat}\n\0"))).await.unwrap();
    let connected = stream.next().await.unwrap().unwrap();
    assert!(connected.to_text().unwrap().starts_with("CONNECTED\n"), "{connected:?}");
    stream
}

/// How many heartbeats came, and the end if one came, within `time`.
async fn newlines(stream: &mut tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>, time: Duration) -> (usize, bool) {
    use futures_util::StreamExt;
    use tokio_tungstenite::tungstenite::Message;
    let (mut beats, end) = (0, tokio::time::Instant::now() + time);
    loop {
        match tokio::time::timeout_at(end, stream.next()).await {
            Err(_) => return (beats, false),
            Ok(Some(Ok(Message::Text(text)))) if text.as_str() == "\n" => beats += 1,
            Ok(Some(Ok(Message::Close(_))) | None) => return (beats, true),
            Ok(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stomp_client_is_held_to_what_it_said_it_can_and_sent_what_it_wants() {
    let own = Duration::from_millis(200);
    let server = Serving::start(ServerConfig { dialect: Some(scaled("stomp-1.2", own)), ..config() });
    let while_ = Duration::from_millis(3_000);
    let cases = [
        // It sends nothing and wants nothing: it lives and hears nothing.
        ("heart-beat:0,0\n", 0..=0, false),
        ("", 0..=0, false),
        // It sends nothing and wants heartbeats: it lives and gets them.
        ("heart-beat:0,200\n", 5..=15, false),
        // It sends none of those that it said it would.
        ("heart-beat:200,0\n", 0..=0, true),
        // It said it sends one every 10 s: nobody waits for one sooner.
        ("heart-beat:10000,800\n", 2..=4, false),
    ];
    let meet = async |heart_beat: &str| {
        let mut stream = stomp(&server, heart_beat).await;
        newlines(&mut stream, while_).await
    };
    let met = futures_util::future::join_all(cases.iter().map(|(heart_beat, ..)| meet(heart_beat))).await;
    for ((heart_beat, expected, ends), (beats, ended)) in cases.iter().zip(met) {
        assert!(expected.contains(&beats), "{heart_beat:?}: {beats}");
        assert_eq!(ended, *ends, "{heart_beat:?}");
    }
}

#[tokio::test]
async fn a_pong_that_nobody_asked_for_is_an_error_in_centrifugos_dialect_and_ignored_in_htxs() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    for (id, pong, code) in [("centrifugo", "{}", Some(1002)), ("htx-spot-v1", r#"{"pong":1}"#, None)] {
        let server = Serving::start(config_in(id));
        let (mut stream, _) = tokio_tungstenite::connect_async(format!("ws://{}/", server.address)).await.unwrap();
        stream.send(Message::text(pong)).await.unwrap();
        stream.send(Message::text("after it")).await.unwrap();
        let closed = match stream.next().await.unwrap().unwrap() {
            Message::Close(frame) => frame.map(|f| u16::from(f.code)),
            other => {
                assert_eq!(other, Message::text("after it"), "{id}");
                None
            }
        };
        assert_eq!(closed, code, "{id}");
    }
}
