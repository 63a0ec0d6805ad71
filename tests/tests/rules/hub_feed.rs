//! A hub whose connections have more to be looked at than their grids: feeds, unwritten heartbeats, policies that ask for less.

use wsbeat_core::event::{Action, ConnId, Input, Token, VerdictKind};
use wsbeat_core::hub::{Hub, Next};
use wsbeat_core::policy::{Application, Ask, Death, Policy, Start};
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_tests::trace::replayed;

fn now(secs: u64) -> Now {
    Now::new(Instant::from_secs(secs), 0)
}

fn asking(feed_timeout: Option<Span>) -> Policy {
    let ask = Some(Ask { start: Start::Interval, ..Ask::every(Span::from_secs(5), Death::MissesBefore(2)) });
    let application = Some(Application { ask, listen: None, answers_peer: true, feed_timeout, close_code: Some(4408) });
    Policy { application, ..Policy::off() }
}

fn opened(policy: Policy) -> (Hub, ConnId) {
    let mut hub = Hub::new(1, 1);
    let policy = hub.register(policy);
    let id = hub.accept(now(0), policy).unwrap();
    hub.input(now(0), id, Input::Opened, &mut |_, _| {});
    (hub, id)
}

/// One tick, in which heartbeats are written and answered at once. Gives the verdict, if there is one, and what comes next.
fn tick(hub: &mut Hub, at: Now) -> (Option<VerdictKind>, Next) {
    let (mut verdict, mut asked) = (None, vec![]);
    let _ = hub.advance(at, 9, &mut |id, action| match action {
        Action::Heartbeat(token) => asked.push((id, token)),
        Action::Close(v) => verdict = Some(v.kind),
        other => panic!("{other:?}"),
    });
    for (id, token) in asked {
        hub.input(at, id, Input::HeartbeatFlushed(token), &mut |_, _| {});
        hub.input(at, id, Input::Answer(token), &mut |_, _| {});
    }
    (verdict, hub.next_due())
}

#[test]
fn a_feed_is_stalled_so_long_after_its_last_message_and_not_after_its_heartbeats() {
    let (mut hub, id) = opened(asking(Some(Span::from_secs(9))));
    hub.input(now(3), id, Input::Data, &mut |_, _| {});
    hub.input(now(4), id, Input::Heartbeat(Token(1)), &mut |_, _| {});
    let mut at = now(5);
    for _ in 0..9 {
        let (verdict, next) = tick(&mut hub, at);
        if verdict.is_some() {
            assert_eq!((verdict, at.at), (Some(VerdictKind::FeedStalled), Instant::from_secs(12)));
            return;
        }
        let Next::At(next) = next else { panic!("{next:?}") };
        assert!(next > at.at, "{next:?}");
        at = Now::new(next, 0);
    }
    panic!("the feed has not stalled by {:?}", at.at);
}

#[test]
fn a_heartbeat_that_is_not_written_yet_is_seen_without_a_time_of_its_writing() {
    let (mut hub, id) = opened(asking(None));
    let mut token = Token(0);
    let _ = hub.advance(now(5), 9, &mut |_, action| match action {
        Action::Heartbeat(beat) => token = beat,
        other => panic!("{other:?}"),
    });
    let written = |hub: &Hub| {
        let recent = hub.view(id).unwrap().application.unwrap().recent;
        recent.into_iter().flatten().map(|asked| (asked.token, asked.written)).collect::<Vec<_>>()
    };
    assert_eq!(written(&hub), [(token, None)]);
    hub.input(now(6), id, Input::HeartbeatFlushed(token), &mut |_, _| {});
    assert_eq!(written(&hub), [(token, Some(Instant::from_secs(6)))]);
}

#[test]
fn a_policy_that_allows_fewer_misses_than_stand_unanswered_closes_at_the_next_beat() {
    let header = r#"{"v":1,"trace":"wsbeat","ticks":"auto","dialect":"htx-spot-v1","cadence":"together","misses":"5"}"#;
    let lines = |more: &str| format!("{header}\n{{\"t\":0,\"in\":\"open\"}}\n{more}");
    let fewer = "{\"t\":21000000000,\"in\":\"reconfigure\",\"misses\":\"2\"}\n";
    let close = |text: &str| replayed(text).unwrap().into_iter().find(|line| line.contains("\"out\":\"close\"")).unwrap();
    let told = close(&lines(fewer));
    assert!(told.contains("\"t\":25000000000,") && told.contains("\"unanswered\":2"), "{told}");
    let told = close(&lines(""));
    assert!(told.contains("\"t\":30000000000,") && told.contains("\"unanswered\":5"), "{told}");
}
