//! The adaptor over real sockets and tokio-tungstenite's own handshake, both sides at once.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::event::{Plane, VerdictKind};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::client::Client;
use wsbeat_tokio::heartbeat::{AnswerFaults, Builder, DialectChoice, Ending, Event, Metered, Voice};

const SOON: Duration = Duration::from_secs(30);

fn beating() -> Builder {
    let dialect = Dialect::preset("htx-spot-v1").unwrap().clone();
    let config = PolicyConfig { interval: Some(Duration::from_millis(500)), ..PolicyConfig::default() };
    Builder::new(Role::Server).dialect(DialectChoice::Named(dialect)).policy(config)
}

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, Client::new(url))
}

/// Accepts one connection under the adaptor, collects its events, and closes it once `enough` are there.
async fn serve(listener: TcpListener, builder: Builder, enough: usize) -> (Vec<Event>, Ending) {
    let (tcp, _) = listener.accept().await.unwrap();
    let metered = Metered::new(tcp);
    let meter = metered.meter();
    let stream = tokio_tungstenite::accept_async(metered).await.unwrap();
    let mut connection = builder.meter(meter).build(stream).unwrap();
    let mut events = vec![];
    while let Some(event) = connection.next_event().await {
        events.push(event);
        if events.len() == enough {
            connection.close(Some(1000), "enough").unwrap();
        }
    }
    (events, connection.ending().unwrap().clone())
}

#[tokio::test]
async fn a_server_that_beats_is_recognised_and_answered_and_both_live() {
    let (listener, client) = listen().await;
    let client_side = async {
        let mut connection = client.connect().await.unwrap();
        let mut events = vec![];
        while let Some(event) = connection.next_event().await {
            events.push(event);
        }
        (events, connection.ending().unwrap().clone())
    };
    let both = async { tokio::join!(serve(listener, beating(), 8), client_side) };
    let ((server_events, server_end), (client_events, client_end)) = tokio::time::timeout(SOON, both).await.unwrap();
    let answered = |e: &&Event| matches!(e, Event::Answered { plane: Plane::Application, .. });
    assert_eq!(server_events.iter().filter(answered).count(), 8);
    assert!(server_end.is_clean() && client_end.is_clean(), "{server_end:?} {client_end:?}");
    assert_eq!(client_events[0], Event::Dialect("htx-spot-v1".to_owned()));
    let asked = |e: &&Event| matches!(e, Event::Asked { plane: Plane::Application, answered_in: Some(_), .. });
    assert!(client_events.iter().filter(asked).count() >= 8);
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_closed_with_4408() {
    let (listener, client) = listen().await;
    let client_side = async {
        let faults = AnswerFaults { voice: Voice::Mute, ..AnswerFaults::default() };
        let mut connection = client.answer_faults(faults).connect().await.unwrap();
        while connection.next_event().await.is_some() {}
        connection.ending().unwrap().clone()
    };
    let both = async { tokio::join!(serve(listener, beating(), usize::MAX), client_side) };
    let ((_, server_end), client_end) = tokio::time::timeout(SOON, both).await.unwrap();
    assert_eq!(server_end.verdict.unwrap().kind, VerdictKind::PeerSilent);
    assert_eq!(client_end.peer_close.unwrap().code, Some(4408));
}

#[tokio::test]
async fn heartbeats_are_answered_under_ten_thousand_messages_and_an_echo_of_each() {
    const MESSAGES: u32 = 10_000;
    let (listener, client) = listen().await;
    let server_side = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let stream = tokio_tungstenite::accept_async(tcp).await.unwrap();
        let (mut sink, mut stream) = beating().build(stream).unwrap().split();
        let sending = tokio::spawn(async move {
            for n in 0..MESSAGES {
                sink.send(Message::text(n.to_string())).await.unwrap();
            }
            sink
        });
        for n in 0..MESSAGES {
            assert_eq!(stream.next().await.unwrap().unwrap(), Message::text(n.to_string()));
        }
        let mut sink = sending.await.unwrap();
        sink.close().await.unwrap();
        assert!(stream.next().await.is_none(), "a clean end");
    };
    let client_side = async {
        let mut connection = client.connect().await.unwrap();
        let mut got = 0;
        while let Some(message) = connection.next().await {
            connection.send(message.unwrap()).await.unwrap();
            got += 1;
        }
        got
    };
    let ((), got) = tokio::time::timeout(SOON, async { tokio::join!(server_side, client_side) }).await.unwrap();
    assert_eq!(got, MESSAGES);
}
