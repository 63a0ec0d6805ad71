//! A client that comes back, over real sockets: when, after what, and what it sends again.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use wsbeat_core::event::{Note, Plane, VerdictKind};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::client::{Backoff, Client, ClientEvent, ConnectError, Reconnecting, Why};
use wsbeat_tokio::heartbeat::{AnswerFaults, DialectChoice, Event, Voice};

const SOON: Duration = Duration::from_secs(20);

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, Client::new(url).dialect(DialectChoice::None).seed(1))
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (tcp, _) = listener.accept().await.unwrap();
    tokio_tungstenite::accept_async(tcp).await.unwrap()
}

fn quick() -> Backoff {
    Backoff { base: Duration::from_millis(20), ..Backoff::default() }
}

async fn next(client: &mut Reconnecting) -> Option<ClientEvent> {
    tokio::time::timeout(SOON, client.next_event()).await.expect("in time")
}

/// Goes on until the client says when it comes back, or that it does not.
async fn decision(client: &mut Reconnecting) -> ClientEvent {
    loop {
        let event = next(client).await.expect("a decision");
        if matches!(event, ClientEvent::ReconnectingIn { .. } | ClientEvent::GaveUp(_)) {
            return event;
        }
    }
}

/// What a client decides after a server closed with `code`.
async fn after_close(code: u16, reason: &'static str) -> ClientEvent {
    let (listener, client) = listen().await;
    let mut client = client.reconnecting(Backoff::default());
    let serving = async {
        let mut stream = accept(&listener).await;
        stream.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await.unwrap();
        while stream.next().await.is_some() {}
    };
    tokio::join!(decision(&mut client), serving).0
}

#[tokio::test]
async fn it_comes_back_after_a_loss_and_subscribes_again() {
    let (listener, client) = listen().await;
    let mut client = client.subscribe(Message::text("subscribe")).reconnecting(quick());
    let serving = async {
        for n in 0..3 {
            let mut stream = accept(&listener).await;
            assert_eq!(stream.next().await.unwrap().unwrap(), Message::text("subscribe"));
            stream.send(Message::text(format!("data {n}"))).await.unwrap();
        }
    };
    let polling = async {
        let mut log = vec![];
        while log.iter().filter(|l| *l == "back").count() < 3 {
            log.push(match next(&mut client).await.unwrap() {
                ClientEvent::Connected { .. } => "open".to_owned(),
                ClientEvent::Event(Event::Message(message)) => message.to_string(),
                ClientEvent::Closed(ending) => {
                    assert!(!ending.is_clean(), "{ending:?}");
                    "lost".to_owned()
                }
                ClientEvent::ReconnectingIn { delay, why: Why::Lost(_) } => {
                    assert!(delay <= Duration::from_millis(80), "{delay:?}");
                    "back".to_owned()
                }
                other => panic!("{other:?}"),
            });
        }
        log.join(", ")
    };
    let (log, ()) = tokio::join!(polling, serving);
    assert_eq!(log, "open, data 0, lost, back, open, data 1, lost, back, open, data 2, lost, back");
}

#[tokio::test]
async fn a_restart_that_was_announced_is_waited_for_5_to_30_s() {
    for code in [1012, 1013] {
        let ClientEvent::ReconnectingIn { delay, why } = after_close(code, "restart").await else {
            panic!("gave up");
        };
        assert!((Duration::from_secs(5)..=Duration::from_secs(30)).contains(&delay), "{delay:?}");
        assert_eq!(why, Why::Closed { code: Some(code), reason: "restart".to_owned() });
    }
}

#[tokio::test]
async fn other_closes_come_back_within_the_base_and_breaches_do_not() {
    for code in [1000, 1001, 1011, 4408] {
        let event = after_close(code, "").await;
        assert!(matches!(event, ClientEvent::ReconnectingIn { delay, .. } if delay <= Duration::from_secs(1)), "{event:?}");
    }
    let event = after_close(1008, "too many pings").await;
    assert!(matches!(event, ClientEvent::ReconnectingIn { delay, .. } if delay <= Duration::from_secs(4)), "{event:?}");
    for code in [1002, 1003, 1007, 1008, 1009, 1010] {
        let event = after_close(code, "no").await;
        assert!(matches!(event, ClientEvent::GaveUp(Why::Closed { code: Some(c), .. }) if c == code), "{event:?}");
    }
}

#[tokio::test]
async fn a_refused_upgrade_is_the_last_event() {
    let (listener, client) = listen().await;
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tokio::io::AsyncReadExt::read(&mut tcp, &mut [0; 4096]).await;
        tokio::io::AsyncWriteExt::write_all(&mut tcp, b"HTTP/1.1 401 Unauthorized\r\n\r\n").await.unwrap();
    });
    let mut client = client.reconnecting(Backoff::default());
    let failed = next(&mut client).await;
    assert!(matches!(&failed, Some(ClientEvent::ConnectFailed(e)) if matches!(**e, ConnectError::Http { status: 401, .. })));
    let gave_up = next(&mut client).await;
    assert!(matches!(gave_up, Some(ClientEvent::GaveUp(Why::Refused { status: 401, .. }))), "{gave_up:?}");
    assert!(next(&mut client).await.is_none());
}

#[tokio::test]
async fn attempts_end_at_their_limit() {
    let (listener, client) = listen().await;
    drop(listener);
    let mut client = client.reconnecting(Backoff { attempts_max: Some(2), ..quick() });
    let mut failures = 0;
    while let Some(event) = next(&mut client).await {
        failures += u32::from(matches!(event, ClientEvent::ConnectFailed(_)));
    }
    assert_eq!(failures, 3, "the first connection and two attempts");
}

#[tokio::test]
async fn messages_queued_before_the_connection_are_sent_and_a_close_ends_the_stream() {
    let (listener, client) = listen().await;
    let mut client = client.reconnecting(quick());
    client.send(Message::text("early")).unwrap();
    let serving = async {
        let mut stream = accept(&listener).await;
        let early = stream.next().await.unwrap().unwrap();
        let close = stream.next().await.unwrap().unwrap();
        while stream.next().await.is_some() {}
        (early, close)
    };
    let polling = async {
        assert!(matches!(next(&mut client).await, Some(ClientEvent::Connected { .. })));
        // One turn lets the queued message out.
        let _ = tokio::time::timeout(Duration::from_millis(50), client.next_event()).await;
        client.close(Some(4000), "bye").unwrap();
        let mut last = None;
        while let Some(event) = next(&mut client).await {
            last = Some(event);
        }
        last
    };
    let (last, (early, close)) = tokio::join!(polling, serving);
    assert_eq!(early, Message::text("early"));
    assert_eq!(close, Message::Close(Some(CloseFrame { code: 4000.into(), reason: "bye".into() })));
    assert!(matches!(last, Some(ClientEvent::Closed(ending)) if ending.is_clean()));
}

#[tokio::test]
async fn the_queue_is_bounded_and_gives_the_message_back() {
    let (_listener, client) = listen().await;
    let mut client = client.reconnecting(quick());
    for n in 0..Reconnecting::QUEUE_MAX {
        client.send(Message::text(n.to_string())).unwrap();
    }
    let full = client.send(Message::text("one too many")).unwrap_err();
    assert_eq!((full.message, full.limit), (Message::text("one too many"), Reconnecting::QUEUE_MAX));
}

#[tokio::test]
async fn a_server_that_goes_mute_is_given_up_and_the_client_comes_back() {
    let (listener, client) = listen().await;
    let config = PolicyConfig {
        ping_interval: Some(Duration::from_millis(200)),
        ping_timeout: Some(Duration::from_millis(200)),
        ..PolicyConfig::default()
    };
    let mut client = client.policy(config).reconnecting(quick());
    let serving = async {
        let _mute = accept(&listener).await;
        let _second = accept(&listener).await;
    };
    let polling = async {
        let decided = decision(&mut client).await;
        assert!(
            matches!(&decided, ClientEvent::ReconnectingIn { why: Why::GivenUp { verdict: "peer-silent", code: Some(4408) }, .. }),
            "{decided:?}"
        );
        assert!(matches!(next(&mut client).await, Some(ClientEvent::Connected { .. })));
    };
    tokio::join!(polling, serving);
}

/// The pongs a server gets from a client with these faults, for pings it sends every 50 ms, ten times.
async fn pongs(faults: AnswerFaults) -> (usize, Vec<Option<Duration>>) {
    let (listener, client) = listen().await;
    let serving = async {
        let mut stream = accept(&listener).await;
        for n in 0..10_u8 {
            stream.send(Message::Ping(vec![n].into())).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stream.send(Message::text("end")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        stream.close(None).await.unwrap();
        let mut pongs = 0;
        while let Some(Ok(message)) = stream.next().await {
            pongs += usize::from(message.is_pong());
        }
        pongs
    };
    let polling = async {
        let mut connection = client.answer_faults(faults).connect().await.unwrap();
        let mut asked = vec![];
        while let Some(event) = connection.next_event().await {
            if let Event::Asked { plane: Plane::Transport, answered_in, .. } = event {
                asked.push(answered_in);
            }
        }
        asked
    };
    tokio::join!(serving, polling)
}

#[tokio::test]
async fn pongs_can_be_muted_and_delayed() {
    let (got, asked) = pongs(AnswerFaults::default()).await;
    assert_eq!((got, asked.iter().flatten().count()), (10, 10));

    let (got, asked) = pongs(AnswerFaults { voice: Voice::Mute, ..AnswerFaults::default() }).await;
    assert_eq!((got, asked.len(), asked.iter().flatten().count()), (0, 10, 0));

    let delay = Duration::from_millis(120);
    let (got, asked) = pongs(AnswerFaults { delay, ..AnswerFaults::default() }).await;
    assert_eq!(got, 10);
    assert!(asked.iter().flatten().count() == 10 && asked.iter().flatten().all(|t| *t >= delay), "{asked:?}");
}

#[tokio::test]
async fn prompt_pongs_keep_both_sides_alive_over_several_periods() {
    let (listener, client) = listen().await;
    let config = PolicyConfig {
        ping_interval: Some(Duration::from_millis(100)),
        ping_timeout: Some(Duration::from_secs(5)),
        ..PolicyConfig::default()
    };
    let client = client.policy(config);
    let mut connection = {
        let (connected, mut stream) = tokio::join!(client.connect(), accept(&listener));
        tokio::spawn(async move { while let Some(Ok(_)) = stream.next().await {} });
        connected.unwrap()
    };
    let mut answered = 0;
    while answered < 10 {
        let event = tokio::time::timeout(SOON, connection.next_event()).await.unwrap();
        match event {
            Some(Event::Answered { plane: Plane::Transport, .. }) => answered += 1,
            // The machine held this process up.
            Some(Event::Note(Note::Stalled { .. })) => {}
            other => panic!("{other:?}"),
        }
    }
    connection.close(Some(1000), "").unwrap();
    while connection.next_event().await.is_some() {}
    let ending = connection.ending().unwrap();
    assert!(ending.is_clean() && ending.verdict.unwrap().kind == VerdictKind::User, "{ending:?}");
}
