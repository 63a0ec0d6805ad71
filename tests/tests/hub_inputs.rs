//! Inputs that are given to the hub together do what they do one after another.

use wsbeat_core::event::{Action, ConnId, Fault, Input, Payload, Token};
use wsbeat_core::hub::Hub;
use wsbeat_core::policy::{Plan, PolicyConfig};
use wsbeat_core::rng::Rng;
use wsbeat_core::time::{Instant, Now};

/// What a peer's bytes may contain; tokens and payloads are those that were sent last, or none of ours.
fn drawn(rng: &mut Rng, sent: &[Action]) -> Input {
    let last = sent.len().checked_sub(1 + rng.below(3) as usize).and_then(|place| sent.get(place));
    match (rng.below(12), last) {
        (0..5, Some(Action::Ping(payload))) => Input::Pong(*payload),
        (0..5, Some(Action::Heartbeat(token))) => Input::Answer(*token),
        (0..5, _) | (5, _) => Input::Data,
        (6, _) => Input::Ping,
        (7, _) => Input::Pong(Payload::Empty),
        (8, _) => Input::Answer(Token(7)),
        (9, _) => Input::Unread,
        (10, _) if rng.below(40) == 0 => Input::PeerClose(1000),
        (11, _) if rng.below(40) == 0 => Input::Fault(Fault::Protocol),
        _ => Input::Wrote(1),
    }
}

#[test]
fn together_they_do_what_they_do_one_after_another() {
    let dialect = wsbeat_core::dialect::Dialect::preset("htx-spot-v1").unwrap();
    for seed in 0..200 {
        let wishes = PolicyConfig { ping_interval: Some(std::time::Duration::from_secs(2)), ..PolicyConfig::default() };
        let plan: Plan = dialect.plan(wsbeat_core::dialect::Role::Server, &wishes).unwrap();
        let policy = wishes.check(plan).unwrap();
        let (mut apart, mut together, mut rng) = (Hub::new(seed, 4), Hub::new(seed, 4), Rng::new(seed));
        let mut ids = Vec::new();
        for hub in [&mut apart, &mut together] {
            let policy = hub.register(policy.clone());
            ids = (0..4).map(|_| hub.accept(Now::default(), policy).unwrap()).collect();
            ids.iter().for_each(|id| drop(hub.input(Now::default(), *id, Input::Opened, &mut |_: ConnId, _: Action| {})));
        }
        let (mut ms, mut all) = (0, 0);
        let mut sent: Vec<Vec<Action>> = vec![Vec::new(); 4];
        for _ in 0..300 {
            ms += rng.below(400);
            let now = Now::new(Instant::from_millis(ms), ms);
            let place = rng.below(4) as usize;
            let inputs: Vec<Input> =
                std::iter::once(Input::Bytes(9)).chain((0..rng.below(3)).map(|_| drawn(&mut rng, &sent[place]))).collect();
            let (mut one, mut other) = (Vec::new(), Vec::new());
            let mut phase = apart.input(now, ids[place], Input::Wrote(0), &mut |id, action| one.push((id, action)));
            for input in &inputs {
                phase = apart.input(now, ids[place], *input, &mut |id, action| one.push((id, action)));
            }
            assert_eq!(
                together.inputs(now, ids[place], &inputs, &mut |id, action| other.push((id, action))),
                phase,
                "seed {seed} at {ms} ms"
            );
            let _ = apart.advance(now, 8, &mut |id, action| one.push((id, action)));
            let _ = together.advance(now, 8, &mut |id, action| other.push((id, action)));
            assert_eq!(one, other, "seed {seed} at {ms} ms");

            for (id, action) in one {
                all += 1;
                let flushed = match action {
                    Action::Ping(payload) => Input::PingFlushed(payload),
                    Action::Heartbeat(token) => Input::HeartbeatFlushed(token),
                    _ => continue,
                };
                sent[id.index as usize].push(action);
                for hub in [&mut apart, &mut together] {
                    hub.input(now, id, flushed, &mut |_: ConnId, _: Action| {});
                }
            }
        }
        assert!(all > 10, "seed {seed}: {all} actions are no test");
        assert_eq!(apart.stats(), together.stats());
    }
}
