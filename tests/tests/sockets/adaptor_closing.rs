//! How connections end under the adaptor: who closes, with what, and when the stream underneath goes.

use crate::adaptor_support::{BINARY, CLOSE, Peer, Piped, TEXT, client, events, pair, secs, strict};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::connection::Phase;
use wsbeat_core::dialect::Role;
use wsbeat_core::event::VerdictKind;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::heartbeat::{Builder, Error, Event, PeerClose};

async fn quiet(role: Role) -> (Piped, Peer) {
    pair(Builder::new(role), role, 1 << 17).await
}

#[tokio::test(start_paused = true)]
async fn the_users_close_carries_code_and_reason_and_ends_with_the_peers() {
    for role in [Role::Client, Role::Server] {
        let (mut adaptor, mut peer) = quiet(role).await;
        adaptor.close(Some(4_000), "done").unwrap();
        assert!(matches!(adaptor.send(Message::text("late")).await, Err(Error::Closing)));
        let answering = async {
            let close = peer.next().await.unwrap();
            assert_eq!(close.close(), (4_000, "done".to_owned()));
            peer.close(4_000, "").await;
            assert!(peer.next().await.is_none());
        };
        let (outcome, ()) = tokio::join!(events(adaptor), answering);
        let ending = outcome.1.ending().unwrap();
        assert!(ending.is_clean(), "{ending:?}");
        assert_eq!(ending.verdict.unwrap().kind, VerdictKind::User);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_fed_before_a_close_leaves_before_it() {
    let (mut adaptor, mut peer) = quiet(Role::Client).await;
    adaptor.feed(Message::text("last")).await.unwrap();
    adaptor.close(Some(1_000), "").unwrap();
    let (_, frames) = tokio::join!(events(adaptor), async { [peer.next().await.unwrap(), peer.next().await.unwrap()] });
    assert_eq!((frames[0].text(), frames[1].opcode), ("last", CLOSE));
}

#[tokio::test(start_paused = true)]
async fn closing_the_sink_flushes_then_closes_with_1000() {
    let (mut adaptor, mut peer) = quiet(Role::Client).await;
    adaptor.feed(Message::text("last")).await.unwrap();
    SinkExt::close(&mut adaptor).await.unwrap();
    assert_eq!(adaptor.phase(), Phase::Closing);
    assert_eq!(peer.next().await.unwrap().text(), "last");
    assert_eq!(peer.next().await.unwrap().close(), (1_000, String::new()));
}

#[tokio::test(start_paused = true)]
async fn closes_that_may_not_be_sent_are_refused() {
    let (mut adaptor, _peer) = quiet(Role::Client).await;
    for code in [0, 999, 1_004, 1_005, 1_006, 1_015, 2_999, 5_000] {
        assert!(matches!(adaptor.close(Some(code), ""), Err(Error::CloseCode { code: c }) if c == code));
    }
    assert!(matches!(adaptor.close(Some(1_000), &"x".repeat(124)), Err(Error::CloseReason { len: 124 })));
    assert!(matches!(adaptor.close(None, "why"), Err(Error::CloseReason { .. })));
    assert_eq!(adaptor.phase(), Phase::Open);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_our_close_is_dropped_after_close_timeout() {
    let (mut adaptor, mut peer) = quiet(Role::Client).await;
    adaptor.close(None, "").unwrap();
    let (outcome, (frames, end_s)) = tokio::join!(events(adaptor), peer.rest());
    assert_eq!((frames.len(), frames[0].opcode, frames[0].payload.len()), (1, CLOSE, 0));
    assert_eq!(end_s.round(), 5.0);
    let kinds: Vec<_> = outcome.0.iter().map(|e| matches!(e, Event::Verdict(v) if v.kind == VerdictKind::CloseTimeout)).collect();
    assert_eq!(kinds, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_after_our_close_are_not_delivered() {
    let (mut adaptor, mut peer) = quiet(Role::Client).await;
    adaptor.close(Some(1_000), "").unwrap();
    peer.send(TEXT, b"late").await;
    peer.close(1_000, "").await;
    let (outcome, _) = events(adaptor).await;
    assert!(!outcome.iter().any(|e| matches!(e, Event::Message(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn the_peers_close_is_echoed_and_told_with_its_code() {
    for code in [1_000, 1_001, 1_008, 1_012, 1_013, 3_012, 4_408] {
        let (adaptor, mut peer) = quiet(Role::Client).await;
        let closing = async {
            peer.close(code, "because").await;
            let echo = peer.next().await.unwrap();
            assert_eq!(echo.close().0, code);
            drop(peer);
        };
        let (outcome, ()) = tokio::join!(events(adaptor), closing);
        let close = PeerClose { code: Some(code), reason: "because".to_owned() };
        assert_eq!(outcome.0, [Event::PeerClosed(close.clone())]);
        let ending = outcome.1.ending().unwrap();
        assert_eq!((ending.peer_close.as_ref(), ending.verdict), (Some(&close), None));
        assert!(ending.is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn as_a_stream_of_messages_a_clean_close_is_just_the_end() {
    let (mut adaptor, mut peer) = quiet(Role::Client).await;
    peer.send(TEXT, b"one").await;
    peer.close(1_000, "").await;
    drop(peer);
    assert_eq!(adaptor.next().await.unwrap().unwrap(), Message::text("one"));
    assert!(adaptor.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_and_does_not_hang_up_is_dropped_after_close_timeout() {
    let (adaptor, mut peer) = quiet(Role::Client).await;
    peer.close(1_000, "").await;
    let (outcome, (_, end_s)) = tokio::join!(events(adaptor), peer.rest());
    assert_eq!(end_s.round(), 5.0);
    assert!(outcome.1.ending().unwrap().is_clean(), "who closed does not change");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_just_ends_is_lost_and_answered_with_nothing() {
    for role in [Role::Client, Role::Server] {
        let (adaptor, mut peer) = quiet(role).await;
        tokio::io::AsyncWriteExt::shutdown(&mut peer.pipe).await.unwrap();
        let (outcome, (frames, _)) = tokio::join!(events(adaptor), peer.rest());
        assert_eq!((frames, outcome.0), (vec![], vec![]));
        let ending = outcome.1.ending().unwrap();
        assert!(!ending.is_clean() && ending.error.is_some(), "{ending:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_break_the_rules_are_answered_with_their_code() {
    let bad_utf8: &[u8] = &[0x81, 0x02, 0xC3, 0x28];
    let reserved_bits: &[u8] = &[0xC1, 0x00];
    let long_ping: &[u8] = &[0x89, 126, 0, 126];
    let cases = [(bad_utf8, 1_007), (reserved_bits, 1_002), (long_ping, 1_002)];
    for (bytes, code) in cases {
        let (adaptor, mut peer) = quiet(Role::Client).await;
        peer.send_raw(bytes).await;
        peer.send_raw(&[0; 126]).await;
        let (outcome, (frames, _)) = tokio::join!(events(adaptor), peer.rest());
        assert_eq!(frames.last().unwrap().close().0, code, "{bytes:?}");
        assert!(outcome.1.ending().unwrap().error.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_answered_with_1009() {
    let (adaptor, mut peer) = quiet(Role::Client).await;
    let half = vec![7; (1 << 15) + 1];
    let (first, last) = (peer.frame(BINARY, &half), peer.frame(0x80, &half));
    peer.send_raw(&first).await;
    peer.send_raw(&last).await;
    let (outcome, (frames, _)) = tokio::join!(events(adaptor), peer.rest());
    assert_eq!(frames.last().unwrap().close().0, 1_009);
    assert_eq!(outcome.1.ending().unwrap().verdict.unwrap().kind, VerdictKind::TooBig);
}

#[tokio::test(start_paused = true)]
async fn closing_a_blocked_writer_ends_in_time() {
    let (mut adaptor, _peer) = pair(Builder::new(Role::Client), Role::Client, 64).await;
    let blocked = tokio::time::timeout(secs(1.0), adaptor.send(Message::text("x".repeat(500)))).await;
    assert!(blocked.is_err());
    let begun = tokio::time::Instant::now();
    adaptor.close(Some(1_000), "").unwrap();
    SinkExt::close(&mut adaptor).await.unwrap();
    assert_eq!(begun.elapsed().as_secs_f64().round(), 5.0);
    assert_eq!(adaptor.phase(), Phase::Ended);
}

#[tokio::test(start_paused = true)]
async fn the_halves_of_a_split_adaptor_work_from_two_tasks() {
    let (adaptor, mut peer) = client(PolicyConfig { first_ping: Some(secs(1.0)), ..strict() }).await;
    let (mut sink, mut stream) = adaptor.split();
    let reader = tokio::spawn(async move {
        let mut got = vec![];
        while let Some(Ok(message)) = stream.next().await {
            got.push(message);
        }
        got
    });
    let echo = tokio::spawn(async move {
        for _ in 0..100 {
            let frame = loop {
                let frame = peer.next().await.unwrap();
                if frame.opcode == TEXT {
                    break frame;
                }
            };
            peer.send(TEXT, &frame.payload).await;
        }
        peer.close(1_000, "").await;
        let _ = peer.rest().await;
    });
    for n in 0..100 {
        sink.send(Message::text(n.to_string())).await.unwrap();
        tokio::time::sleep(secs(0.1)).await;
    }
    let got = reader.await.unwrap();
    assert_eq!(got, (0..100).map(|n| Message::text(n.to_string())).collect::<Vec<_>>());
    echo.await.unwrap();
}
