//! What the adaptor records on either side of a connection replays identically.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role as Side;
use tokio_tungstenite::{WebSocketStream, tungstenite::Bytes};
use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::trace::differences;
use wsbeat_tokio::heartbeat::{AnswerFaults, Builder, DialectChoice, Event, Heartbeat, Voice};

type Written = Arc<Mutex<String>>;
type Connection = Heartbeat<WebSocketStream<tokio::io::DuplexStream>>;

const BEAT: Duration = Duration::from_millis(40);
const SOON: Duration = Duration::from_secs(20);

fn tap(written: &Written) -> impl FnMut(&str) -> ControlFlow<()> + Send + 'static {
    let written = Arc::clone(written);
    move |lines| {
        written.lock().unwrap().push_str(lines);
        ControlFlow::Continue(())
    }
}

/// A server that beats and a client that finds out in which dialect, both recorded.
async fn both(faults: AnswerFaults, written: [&Written; 2]) -> (Connection, Connection) {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let dialect = Dialect::preset("htx-spot-v1").unwrap().clone();
    let beats = PolicyConfig { interval: Some(BEAT), ping_interval: Some(BEAT), ping_timeout: Some(BEAT), ..PolicyConfig::default() };
    let server = Builder::new(Role::Server).dialect(DialectChoice::Named(dialect)).policy(beats);
    let client = Builder::new(Role::Client).dialect(DialectChoice::Auto).answer_faults(faults);
    let server = server.build_recorded(WebSocketStream::from_raw_socket(ours, Side::Server, None).await, tap(written[0]));
    let client = client.build_recorded(WebSocketStream::from_raw_socket(theirs, Side::Client, None).await, tap(written[1]));
    (server.unwrap(), client.unwrap())
}

async fn until_the_end(mut connection: Connection) {
    while connection.next_event().await.is_some() {}
}

#[tokio::test]
async fn both_sides_of_a_healthy_connection_replay_identically() {
    let (at_server, at_client) = (Written::default(), Written::default());
    let (mut server, client) = both(AnswerFaults::default(), [&at_server, &at_client]).await;
    let serving = async {
        server.send(Message::text("a secret")).await.unwrap();
        server.send(Message::Ping(Bytes::from_static(b"mine"))).await.unwrap();
        let mut answered = 0;
        while let Some(event) = server.next_event().await {
            answered += u32::from(matches!(event, Event::Answered { .. }));
            if answered == 8 {
                server.close(Some(1000), "enough").unwrap();
            }
        }
    };
    tokio::time::timeout(SOON, async { tokio::join!(serving, until_the_end(client)) }).await.unwrap();
    let (at_server, at_client) = (at_server.lock().unwrap().clone(), at_client.lock().unwrap().clone());
    assert_eq!(differences(&at_server).unwrap(), "");
    assert_eq!(differences(&at_client).unwrap(), "");
    for said in ["\"out\":\"heartbeat\"", "\"b64\":\"bWluZQ==\"", "\"reason\":\"enough\",\"verdict\":\"user\""] {
        assert!(at_server.contains(said), "{said} is not in\n{at_server}");
    }
    for said in ["\"role\":\"client\"", "\"in\":\"reconfigure\",\"dialect\":\"htx-spot-v1\"", "\"out\":\"answer\""] {
        assert!(at_client.contains(said), "{said} is not in\n{at_client}");
    }
    assert!(!format!("{at_server}{at_client}").contains("secret"), "a message is no part of a trace");
}

#[tokio::test]
async fn a_verdict_on_a_mute_peer_replays_identically() {
    let (at_server, at_client) = (Written::default(), Written::default());
    let mute = AnswerFaults { voice: Voice::Mute, ..AnswerFaults::default() };
    let (server, client) = both(mute, [&at_server, &at_client]).await;
    tokio::time::timeout(SOON, async { tokio::join!(until_the_end(server), until_the_end(client)) }).await.unwrap();
    for trace in [at_server.lock().unwrap().clone(), at_client.lock().unwrap().clone()] {
        assert_eq!(differences(&trace).unwrap(), "");
    }
    assert!(at_server.lock().unwrap().contains("\"code\":4408"));
}
