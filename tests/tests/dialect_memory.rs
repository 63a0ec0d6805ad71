//! In the steady state heartbeats are decoded, answered and encoded without an allocation.

use wsbeat_core::dialect::{Decoder, Dialect, Encoder, Heard, Layer, Message, Role};
use wsbeat_core::event::Token;
use wsbeat_tests::counting::{Counting, count};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_gzip_heartbeat_is_decoded_and_answered_without_an_allocation() {
    let d = Dialect::preset("htx-spot-v1").unwrap();
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let Message::Binary(frame) = d.heartbeat(Token(1_492_420_473_027), &mut encoder) else {
        panic!("binary");
    };
    let mut beat = || {
        let heard = d.decode(Role::Client, Message::Binary(frame), 0, &mut decoder);
        let answer = Some(Message::Text(r#"{"pong":1492420473027}"#));
        let token = Token(1_492_420_473_027);
        assert_eq!(heard, Heard::Heartbeat { token, answer });
    };
    beat();
    let (calls, _) = count(|| (0..100).for_each(|_| beat()));
    assert_eq!(calls, 0);
}

#[test]
fn no_dialect_allocates_for_heartbeats_and_answers() {
    for d in Dialect::presets().iter().filter(|d| d.layer() != Layer::Control) {
        for role in [Role::Server, Role::Client].into_iter().filter(|r| d.may_ask(*r)) {
            let (mut encoder, mut decoder, mut back) = (Encoder::default(), Decoder::default(), Decoder::default());
            let mut beat = |n: u64| {
                let heartbeat = d.heartbeat_from(role, Token(n), &mut encoder);
                if let Heard::Heartbeat { answer: Some(answer), .. } = d.decode(role.other(), heartbeat, n, &mut decoder) {
                    assert!(matches!(d.decode(role, answer, n, &mut back), Heard::Answer(_)));
                }
            };
            beat(1_500_000_000_000);
            let (calls, _) = count(|| (1_500_000_000_001..1_500_000_000_050).for_each(&mut beat));
            assert_eq!(calls, 0, "{} {role:?}", d.id());
        }
    }
}
