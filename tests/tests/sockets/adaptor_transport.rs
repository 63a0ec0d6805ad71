//! The adaptor's transport plane, in virtual time over a pipe: when pings and closes leave, and what saves a peer.

use crate::adaptor_support::{CLOSE, PING, PONG, TEXT, client, events, events_for, pair, secs, strict, times};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::dialect::Role;
use wsbeat_core::event::{Counter, Plane, VerdictKind};
use wsbeat_core::policy::{Evidence, PolicyConfig};
use wsbeat_tokio::heartbeat::{Builder, Error, Event};

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_at_15_closed_with_4408_at_35_and_dropped_5_s_later() {
    let (adaptor, mut peer) = client(strict()).await;
    let (outcome, (frames, end_s)) = tokio::join!(events(adaptor), peer.rest());
    assert_eq!((times(&frames, PING), times(&frames, CLOSE)), (vec![15.0], vec![35.0]));
    assert_eq!(frames[0].payload.len(), 8);
    assert_eq!(frames[1].close(), (4408, "heartbeat timeout".to_owned()));
    assert_eq!(end_s.round(), 40.0);
    let (_, adaptor) = outcome;
    let verdict = adaptor.ending().unwrap().verdict.unwrap();
    assert_eq!((verdict.kind, verdict.unanswered), (VerdictKind::PeerSilent, 1));
}

#[tokio::test(start_paused = true)]
async fn as_a_stream_of_messages_it_ends_with_the_verdict_once() {
    let (mut adaptor, _peer) = client(strict()).await;
    let Some(Err(Error::Ended(ending))) = adaptor.next().await else {
        panic!("no error");
    };
    assert_eq!(ending.verdict.unwrap().kind, VerdictKind::PeerSilent);
    assert!(adaptor.next().await.is_none());
    assert!(adaptor.send(Message::text("late")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_at_once_lives_and_is_pinged_every_20_s() {
    let (mut adaptor, mut peer) = client(strict()).await;
    let answering = async {
        let mut pings = vec![];
        while let Some(frame) = peer.next().await {
            assert_eq!(frame.opcode, PING);
            peer.send(PONG, &frame.payload).await;
            pings.push(frame);
        }
        pings
    };
    let polling = async {
        let events = events_for(&mut adaptor, secs(200.0)).await;
        drop(adaptor);
        events
    };
    let (events, pings) = tokio::join!(polling, answering);
    let expected: Vec<f64> = (0..10).map(|k| 15.0 + 20.0 * f64::from(k)).collect();
    assert_eq!(times(&pings, PING), expected);
    let answered = |e: &Event| matches!(e, Event::Answered { plane: Plane::Transport, rtt, .. } if *rtt < secs(0.01));
    assert_eq!(events.iter().filter(|e| answered(e)).count(), 10);
    assert_eq!(events.len(), 10, "pongs of ours are not delivered: {events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_is_there_exactly_at_the_deadline_saves_the_peer() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ..strict() };
    let (mut adaptor, mut peer) = client(config).await;
    assert!(events_for(&mut adaptor, secs(34.0)).await.is_empty());
    let ping = peer.next().await.unwrap();
    peer.send(PONG, &ping.payload).await;
    tokio::time::advance(secs(1.0)).await;
    let events = events_for(&mut adaptor, secs(5.0)).await;
    assert!(matches!(events[..], [Event::Answered { .. }]), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_bytes_every_10_s_but_never_a_pong_lives_and_is_counted() {
    let (mut adaptor, mut peer) = client(strict()).await;
    let sending = async {
        for _ in 0..30 {
            tokio::time::sleep(secs(10.0)).await;
            peer.send(TEXT, b"tick").await;
        }
    };
    let (events, ()) = tokio::join!(events_for(&mut adaptor, secs(305.0)), sending);
    assert_eq!(events.len(), 30);
    assert!(events.iter().all(|e| *e == Event::Message(Message::text("tick"))));
    assert!(adaptor.stats().get(Counter::PingsUnanswered) >= 10);
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_message_that_is_still_arriving_are_life() {
    let (mut adaptor, mut peer) = client(strict()).await;
    let frame = peer.frame(0x80 | TEXT, &[b'x'; 40]);
    let trickling = async {
        for byte in frame.chunks(1) {
            tokio::time::sleep(secs(10.0)).await;
            peer.send_raw(byte).await;
        }
    };
    let (events, ()) = tokio::join!(events_for(&mut adaptor, secs(430.0)), trickling);
    assert_eq!(events, [Event::Message(Message::text("x".repeat(40)))]);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_takes_nothing_is_dropped_without_a_close_after_write_stall() {
    let (mut adaptor, peer) = pair(Builder::new(Role::Client).policy(strict()), Role::Client, 64).await;
    adaptor.feed(Message::text("x".repeat(500))).await.unwrap();
    let begun = peer.begun;
    let (outcome, adaptor) = events(adaptor).await;
    assert_eq!(begun.elapsed().as_secs_f64().round(), 55.0, "ping queued at 15, 40 s without progress");
    assert!(matches!(outcome[..], [Event::Verdict(v)] if v.kind == VerdictKind::WriteStalled));
    assert_eq!(adaptor.ending().unwrap().verdict.unwrap().kind, VerdictKind::WriteStalled);
}

#[tokio::test(start_paused = true)]
async fn a_ping_of_which_the_transport_took_only_a_part_is_not_written() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ..strict() };
    let (mut adaptor, peer) = pair(Builder::new(Role::Client).policy(config), Role::Client, 64).await;
    adaptor.send(Message::text("x".repeat(50))).await.unwrap();
    let begun = peer.begun;
    let (outcome, _) = events(adaptor).await;
    assert!(matches!(outcome[..], [Event::Verdict(v)] if v.kind == VerdictKind::WriteStalled), "{outcome:?}");
    assert_eq!(begun.elapsed().as_secs_f64().round(), 55.0);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_takes_a_byte_now_and_then_is_not_stalled() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ..strict() };
    let (mut adaptor, mut peer) = pair(Builder::new(Role::Client).policy(config), Role::Client, 64).await;
    adaptor.feed(Message::text("x".repeat(500))).await.unwrap();
    let sipping = async {
        for _ in 0..10 {
            tokio::time::sleep(secs(30.0)).await;
            tokio::io::AsyncReadExt::read_u8(&mut peer.pipe).await.unwrap();
        }
    };
    let (events, ()) = tokio::join!(events_for(&mut adaptor, secs(305.0)), sipping);
    assert_eq!(events, [], "the ping is unwritten, so nobody is silent either");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_messages_with_the_pong_behind_them_cost_a_slow_reader_no_peer() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ..strict() };
    let (mut adaptor, mut peer) = pair(Builder::new(Role::Client).policy(config), Role::Client, 1 << 20).await;
    for n in 0..10_000 {
        peer.send(TEXT, n.to_string().as_bytes()).await;
    }
    let answering = tokio::spawn(async move {
        let mut pings = vec![];
        while let Some(frame) = peer.next().await {
            let pong = peer.frame(0x80 | PONG, &frame.payload);
            pings.push(frame);
            if tokio::io::AsyncWriteExt::write_all(&mut peer.pipe, &pong).await.is_err() {
                break;
            }
        }
        pings
    });
    for n in 0..10_000 {
        tokio::time::sleep(secs(0.01)).await;
        assert_eq!(adaptor.next().await.unwrap().unwrap(), Message::text(n.to_string()));
    }
    let events = events_for(&mut adaptor, secs(15.0)).await;
    let answered = events.iter().filter(|e| matches!(e, Event::Answered { .. })).count();
    assert!(answered >= 4 && answered == events.len(), "{events:?}");
    drop(adaptor);
    let pings = answering.await.unwrap();
    assert_eq!(times(&pings, PING)[..4], [15.0, 35.0, 55.0, 75.0]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_keep_a_dead_peer_alive() {
    let config = PolicyConfig { evidence: Some(Evidence::PongOnly), ..strict() };
    let (mut adaptor, mut peer) = client(config).await;
    for n in 0..20 {
        peer.send(TEXT, n.to_string().as_bytes()).await;
    }
    let closed = tokio::spawn(async move { peer.rest().await.0 });
    for n in 0..20 {
        tokio::time::sleep(secs(4.0)).await;
        assert_eq!(adaptor.next_event().await, Some(Event::Message(Message::text(n.to_string()))));
    }
    assert!(matches!(adaptor.next_event().await, Some(Event::Verdict(_))));
    drop(adaptor);
    let frames = closed.await.unwrap();
    assert_eq!((times(&frames, PING), times(&frames, CLOSE)), (vec![16.0], vec![36.0]));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_slept_judges_nobody() {
    let (mut adaptor, mut peer) = client(strict()).await;
    assert!(events_for(&mut adaptor, secs(16.0)).await.is_empty());
    tokio::time::advance(secs(3_600.0)).await;
    let events = events_for(&mut adaptor, secs(5.0)).await;
    assert!(matches!(events[..], [Event::Note(_)]), "{events:?}");
    let pings = [peer.next().await.unwrap(), peer.next().await.unwrap()];
    assert!(pings.iter().all(|f| f.opcode == PING));
}

#[tokio::test(start_paused = true)]
async fn pings_of_the_peer_are_answered_and_a_flood_of_them_is_closed_with_1008() {
    let (mut adaptor, mut peer) = client(PolicyConfig::default()).await;
    peer.send(PING, b"are you there").await;
    let asked = events_for(&mut adaptor, secs(1.0)).await;
    assert!(matches!(asked[..], [Event::Asked { plane: Plane::Transport, answered_in: Some(_), .. }]), "{asked:?}");
    let pong = peer.next().await.unwrap();
    assert_eq!((pong.opcode, &pong.payload[..]), (PONG, &b"are you there"[..]));
    for _ in 0..60 {
        peer.send(PING, b"!").await;
    }
    let (_, adaptor) = tokio::join!(peer.rest(), events(adaptor)).1;
    assert_eq!(adaptor.ending().unwrap().verdict.unwrap().kind, VerdictKind::TooManyPings);
}

#[tokio::test(start_paused = true)]
async fn a_ping_of_the_users_brings_its_pong_as_a_message_and_no_round_trip() {
    let (mut adaptor, mut peer) = client(strict()).await;
    adaptor.send(Message::Ping(b"mine".to_vec().into())).await.unwrap();
    let ping = peer.next().await.unwrap();
    assert_eq!((ping.opcode, &ping.payload[..]), (PING, &b"mine"[..]));
    peer.send(PONG, b"mine").await;
    let events = events_for(&mut adaptor, secs(1.0)).await;
    assert_eq!(events, [Event::Message(Message::Pong(b"mine".to_vec().into()))]);
    let long = adaptor.send(Message::Ping(vec![0; 126].into())).await;
    assert!(matches!(long, Err(Error::ControlTooLong { len: 126 })));
}
