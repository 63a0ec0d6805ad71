//! The adaptor's application plane, in virtual time over a pipe: heartbeats are taken out of the messages, answered
//! word for word and ahead of data, and beaten as a server.

use crate::adaptor_support::{BINARY, CLOSE, Frame, Peer, Piped, TEXT, WALL_MS, events, events_for, pair, secs, times};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::codec::gzip::write_gzip;
use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::event::{Counter, Plane, Token, VerdictKind};
use wsbeat_core::policy::{Cadence, PolicyConfig};
use wsbeat_tokio::heartbeat::{AnswerFaults, Builder, DialectChoice, Event, Voice};

fn named(id: &str) -> DialectChoice {
    DialectChoice::Named(Dialect::preset(id).unwrap().clone())
}

async fn speaking(role: Role, dialect: DialectChoice, config: PolicyConfig) -> (Piped, Peer) {
    pair(Builder::new(role).dialect(dialect).policy(config), role, 1 << 16).await
}

async fn htx_client() -> (Piped, Peer) {
    speaking(Role::Client, named("htx-spot-v1"), PolicyConfig::default()).await
}

fn gzip(text: &str) -> Vec<u8> {
    let mut out = vec![];
    write_gzip(text.as_bytes(), &mut out);
    out
}

fn asked(events: &[Event]) -> Vec<Token> {
    let token = |e: &Event| match e {
        Event::Asked { plane: Plane::Application, token, answered_in: Some(_) } => Some(*token),
        _ => None,
    };
    events.iter().filter_map(token).collect()
}

fn messages(events: &[Event]) -> Vec<Message> {
    let message = |e: &Event| match e {
        Event::Message(message) => Some(message.clone()),
        _ => None,
    };
    events.iter().filter_map(message).collect()
}

#[tokio::test(start_paused = true)]
async fn gzip_heartbeats_are_answered_with_their_token_word_for_word() {
    let (mut adaptor, mut peer) = htx_client().await;
    for token in ["1492420473027", "9007199254740993", "18446744073709551615", "1"] {
        peer.send(BINARY, &gzip(&format!("{{\"ping\":{token}}}"))).await;
        let events = events_for(&mut adaptor, secs(0.5)).await;
        assert_eq!(peer.next().await.unwrap().text(), format!("{{\"pong\":{token}}}"));
        assert_eq!(asked(&events), [Token(token.parse().unwrap())]);
        assert_eq!(messages(&events), [], "heartbeats are not delivered");
    }
}

#[tokio::test(start_paused = true)]
async fn string_tokens_are_answered_as_strings() {
    let (mut adaptor, mut peer) = speaking(Role::Client, named("htx-contract-order"), PolicyConfig::default()).await;
    peer.send(BINARY, &gzip("{\"op\":\"ping\",\"ts\":\"1492420473027\"}")).await;
    events_for(&mut adaptor, secs(0.5)).await;
    assert_eq!(peer.next().await.unwrap().text(), "{\"op\":\"pong\",\"ts\":\"1492420473027\"}");
}

#[tokio::test(start_paused = true)]
async fn data_arrives_inflated_and_in_order() {
    let (mut adaptor, mut peer) = htx_client().await;
    peer.send(BINARY, &gzip("{\"ch\":\"market.btcusdt\",\"tick\":1}")).await;
    peer.send(BINARY, &gzip("{\"ping\":1}")).await;
    peer.send(TEXT, b"plain").await;
    peer.send(BINARY, b"no gzip").await;
    let events = events_for(&mut adaptor, secs(0.5)).await;
    let expected = [Message::text("{\"ch\":\"market.btcusdt\",\"tick\":1}"), Message::text("plain"), Message::binary(b"no gzip".to_vec())];
    assert_eq!(messages(&events), expected);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_server_sends_no_heartbeat_for_three_periods_gives_it_up() {
    let (adaptor, mut peer) = htx_client().await;
    let (outcome, (frames, _)) = tokio::join!(events(adaptor), peer.rest());
    assert_eq!(times(&frames, CLOSE), [15.0]);
    assert_eq!(frames[0].close().0, 4408);
    assert_eq!(outcome.1.ending().unwrap().verdict.unwrap().kind, VerdictKind::PeerSilent);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_without_data_are_a_stalled_feed() {
    let config = PolicyConfig { feed_timeout: Some(secs(30.0)), ..PolicyConfig::default() };
    let (adaptor, mut peer) = speaking(Role::Client, named("htx-spot-v1"), config).await;
    let beating = async {
        let mut closes = vec![];
        for n in 1..10 {
            tokio::time::sleep(secs(5.0)).await;
            peer.send(BINARY, &gzip(&format!("{{\"ping\":{n}}}"))).await;
            let frame = peer.next().await.unwrap();
            if frame.opcode == CLOSE {
                closes.push(frame);
                break;
            }
        }
        drop(peer);
        closes
    };
    let (outcome, closes) = tokio::join!(events(adaptor), beating);
    assert_eq!(closes[0].close(), (4409, "feed stalled".to_owned()));
    assert_eq!(outcome.1.ending().unwrap().verdict.unwrap().kind, VerdictKind::FeedStalled);
}

#[tokio::test(start_paused = true)]
async fn answers_leave_ahead_of_data_and_a_blocked_writer_keeps_the_newest() {
    let builder = Builder::new(Role::Client).dialect(named("htx-spot-v1"));
    let (mut adaptor, mut peer) = pair(builder, Role::Client, 512).await;
    let blocked = tokio::time::timeout(secs(0.1), adaptor.send(Message::text("x".repeat(2_000)))).await;
    assert!(blocked.is_err());
    adaptor.feed(Message::text("queued")).await.unwrap();
    for n in 1..=3 {
        peer.send(BINARY, &gzip(&format!("{{\"ping\":{n}}}"))).await;
        events_for(&mut adaptor, secs(0.1)).await;
    }
    let reading = async {
        let mut frames = vec![];
        for _ in 0..3 {
            frames.push(peer.next().await.unwrap());
        }
        frames
    };
    let (events, frames) = tokio::join!(events_for(&mut adaptor, secs(1.0)), reading);
    let texts: Vec<&str> = frames[1..].iter().map(Frame::text).collect();
    assert_eq!(texts, ["{\"pong\":3}", "queued"]);
    assert_eq!(asked(&events), [Token(3)]);
}

#[tokio::test(start_paused = true)]
async fn two_heartbeats_at_once_are_both_answered_where_the_writer_is_free() {
    let (mut adaptor, mut peer) = htx_client().await;
    let both = [peer.frame(0x80 | BINARY, &gzip("{\"ping\":1}")), peer.frame(0x80 | BINARY, &gzip("{\"ping\":2}"))].concat();
    peer.send_raw(&both).await;
    let events = events_for(&mut adaptor, secs(0.5)).await;
    assert_eq!(asked(&events), [Token(1), Token(2)]);
    assert_eq!(peer.next().await.unwrap().text(), "{\"pong\":1}");
    assert_eq!(peer.next().await.unwrap().text(), "{\"pong\":2}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_still_answers_the_heartbeat_before_it_gets_the_data_behind() {
    let (mut adaptor, mut peer) = htx_client().await;
    let both = [peer.frame(0x80 | BINARY, &gzip("{\"ping\":1}")), peer.frame(0x80 | TEXT, b"data")].concat();
    peer.send_raw(&both).await;
    assert_eq!(adaptor.next().await.unwrap().unwrap(), Message::text("data"));
    // Nobody polls the adaptor any more.
    let answer = tokio::time::timeout(secs(1.0), peer.next()).await.unwrap().unwrap();
    assert_eq!(answer.text(), "{\"pong\":1}");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_that_cannot_be_decoded_close_after_the_third() {
    let (adaptor, mut peer) = htx_client().await;
    let mut broken = gzip("{\"ping\":1}");
    broken.truncate(12);
    for _ in 0..4 {
        peer.send(BINARY, &broken).await;
    }
    let (outcome, (frames, _)) = tokio::join!(events(adaptor), peer.rest());
    assert_eq!(frames[0].close().0, 1007);
    assert_eq!(outcome.1.stats().get(Counter::Malformed), 4);
}

#[tokio::test(start_paused = true)]
async fn as_a_server_it_beats_in_htx_spot_v1_and_a_client_that_answers_lives() {
    let config = PolicyConfig { cadence: Some(Cadence::Together), ..PolicyConfig::default() };
    let (mut adaptor, mut peer) = speaking(Role::Server, named("htx-spot-v1"), config).await;
    let answering = async {
        let mut beats = vec![];
        for _ in 0..6 {
            let frame = peer.next().await.unwrap();
            let token = WALL_MS + (frame.at_s.round() * 1000.0) as u64;
            assert_eq!((frame.opcode, &frame.payload), (BINARY, &gzip(&format!("{{\"ping\":{token}}}"))));
            peer.send(TEXT, format!("{{\"pong\":{token}}}").as_bytes()).await;
            beats.push(frame);
        }
        beats
    };
    let (events, beats) = tokio::join!(events_for(&mut adaptor, secs(31.0)), answering);
    assert_eq!(times(&beats, BINARY), [5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
    let answered = |e: &Event| matches!(e, Event::Answered { plane: Plane::Application, .. });
    assert!(events.iter().all(answered) && events.len() == 6, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn as_a_server_it_closes_a_silent_client_at_the_third_beat() {
    for (id, heartbeats, code) in [("htx-spot-v1", 2, Some(4408)), ("blog", 3, None)] {
        let config = PolicyConfig { cadence: Some(Cadence::Together), ..PolicyConfig::default() };
        let (adaptor, mut peer) = speaking(Role::Server, named(id), config).await;
        let (outcome, (frames, _)) = tokio::join!(events(adaptor), peer.rest());
        assert_eq!(times(&frames, BINARY).len(), heartbeats, "{id}");
        assert_eq!(times(&frames, CLOSE), [15.0], "{id}");
        assert_eq!(frames.last().unwrap().payload.is_empty(), code.is_none(), "{id}");
        let verdict = outcome.1.ending().unwrap().verdict.unwrap();
        assert_eq!((verdict.code, verdict.unanswered), (code, 2), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_shows_a_dialect_is_recognised_and_answered() {
    let gzipped = gzip("{\"ping\":1492420473027}");
    let cases: [(u8, &[u8], &str, &str); 4] = [
        (BINARY, &gzipped, "htx-spot-v1", "{\"pong\":1492420473027}"),
        (
            TEXT,
            b"{\"action\":\"ping\",\"data\":{\"ts\":1492420473027}}",
            "htx-spot-v2",
            "{\"action\":\"pong\",\"data\":{\"ts\":1492420473027}}",
        ),
        (TEXT, b"{\"type\":\"ping\"}", "graphql-ws", "{\"type\":\"pong\"}"),
        (TEXT, b"{\"id\":7,\"method\":\"public/heartbeat\"}", "cryptocom", "{\"id\":7,\"method\":\"public/respond-heartbeat\"}"),
    ];
    for (opcode, heartbeat, id, answer) in cases {
        let (mut adaptor, mut peer) = speaking(Role::Client, DialectChoice::Auto, PolicyConfig::default()).await;
        peer.send(TEXT, b"{\"hello\":1}").await;
        peer.send(opcode, heartbeat).await;
        let events = events_for(&mut adaptor, secs(0.5)).await;
        assert_eq!(events[..2], [Event::Message(Message::text("{\"hello\":1}")), Event::Dialect(id.to_owned())]);
        assert_eq!(asked(&events).len(), 1, "{id}: {events:?}");
        assert_eq!(peer.next().await.unwrap().text(), answer);
        assert_eq!(adaptor.dialect().unwrap().id(), id);
    }
}

#[tokio::test(start_paused = true)]
async fn until_a_dialect_is_recognised_everything_is_data_and_nobody_is_judged() {
    let (mut adaptor, mut peer) = speaking(Role::Client, DialectChoice::Auto, PolicyConfig::default()).await;
    let data: [&[u8]; 6] = [b"2", b"{}", b"\n", b"ping", b"{\"price\":1.5}", b"[1,2,3,4,5]"];
    for text in data {
        peer.send(TEXT, text).await;
    }
    let events = events_for(&mut adaptor, secs(3_600.0)).await;
    let expected: Vec<Message> = data.iter().map(|t| Message::text(std::str::from_utf8(t).unwrap())).collect();
    assert_eq!((messages(&events), events.len()), (expected, 6));
    assert!(adaptor.dialect().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_recognised_server_that_goes_silent_is_given_up() {
    let (adaptor, mut peer) = speaking(Role::Client, DialectChoice::Auto, PolicyConfig::default()).await;
    tokio::time::sleep(secs(100.0)).await;
    peer.send(BINARY, &gzip("{\"ping\":1}")).await;
    let (outcome, (frames, _)) = tokio::join!(events(adaptor), peer.rest());
    assert_eq!(times(&frames, CLOSE), [115.0]);
    assert_eq!(outcome.1.ending().unwrap().verdict.unwrap().kind, VerdictKind::PeerSilent);
}

#[tokio::test(start_paused = true)]
async fn answers_can_be_muted_delayed_and_dropped() {
    let delay = secs(2.0);
    let cases = [
        (AnswerFaults { voice: Voice::Mute, ..AnswerFaults::default() }, 0, 0.0),
        (AnswerFaults { delay, ..AnswerFaults::default() }, 100, 2.0),
        (AnswerFaults { drop_share: 0.5, ..AnswerFaults::default() }, 50, 0.0),
    ];
    for (faults, expected, later_s) in cases {
        let builder = Builder::new(Role::Client).dialect(named("htx-spot-v1")).answer_faults(faults);
        let (mut adaptor, mut peer) = pair(builder, Role::Client, 1 << 16).await;
        let beating = async {
            for n in 0..100 {
                tokio::time::sleep(secs(4.0)).await;
                peer.send(BINARY, &gzip(&format!("{{\"ping\":{n}}}"))).await;
            }
        };
        let (events, ()) = tokio::join!(events_for(&mut adaptor, secs(403.0)), beating);
        let got = asked(&events).len();
        assert!(got.abs_diff(expected) <= 20 && (expected % 100 != 0 || got == expected), "{faults:?}: {got}");
        for event in &events {
            let Event::Asked { answered_in, .. } = event else { panic!("{event:?}") };
            assert!(answered_in.is_none_or(|t| t >= secs(later_s)));
        }
        drop(adaptor);
        assert_eq!(peer.rest().await.0.len(), got);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_may_ask_after_a_welcome_asks_then_at_the_interval_it_was_told() {
    let (mut adaptor, mut peer) = speaking(Role::Client, named("kucoin"), PolicyConfig::default()).await;
    let serving = async {
        tokio::time::sleep(secs(60.0)).await;
        peer.send(TEXT, b"{\"id\":\"h\",\"type\":\"welcome\",\"pingInterval\":7000,\"pingTimeout\":3000}").await;
        let mut asked = vec![];
        for _ in 0..3 {
            let frame = peer.next().await.unwrap();
            let pong = frame.text().replace("ping", "pong");
            peer.send(TEXT, pong.as_bytes()).await;
            asked.push(frame);
        }
        asked
    };
    let (events, asked) = tokio::join!(events_for(&mut adaptor, secs(85.0)), serving);
    assert_eq!(times(&asked, TEXT), [67.0, 74.0, 81.0]);
    assert_eq!(messages(&events).len(), 1, "the welcome is data: {events:?}");
}

#[tokio::test(start_paused = true)]
async fn with_the_plane_turned_off_heartbeats_are_data() {
    let config = PolicyConfig { interval: Some(secs(0.0)), ..PolicyConfig::default() };
    let (mut adaptor, mut peer) = speaking(Role::Client, named("htx-spot-v2"), config).await;
    let heartbeat = "{\"action\":\"ping\",\"data\":{\"ts\":1}}";
    peer.send(TEXT, heartbeat.as_bytes()).await;
    let events = events_for(&mut adaptor, secs(60.0)).await;
    assert_eq!(events, [Event::Message(Message::text(heartbeat))]);
}
