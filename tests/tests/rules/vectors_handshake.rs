//! The time for the handshake: it is the peer's, and what arrived while we were busy counts as having come in time (R5, R11).

use proptest::prelude::*;
use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::event::{Action, Input, Verdict};
use wsbeat_core::policy::{Limits, Policy};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_tests::drive::Drive;
use wsbeat_tests::model::handshake::Handshake;

fn accepted() -> Drive {
    Drive::accept(Policy::strict())
}

#[test]
fn threat_21_a_request_that_lies_unread_when_the_time_is_over_is_read_before_the_peer_is_judged() {
    let mut d = accepted();
    d.at(4.9, Input::Unread).run(6.0);
    assert_eq!(d.log(), "", "R11");
    d.input(Input::Bytes(200)).input(Input::Opened);
    assert_eq!(d.phase(), Phase::Open, "it had come in time");
}

#[test]
fn threat_21_a_request_that_is_seen_after_the_time_and_before_the_tick_is_read_first() {
    let mut d = accepted();
    d.now = Instant::from_nanos(5_100_000_000);
    d.input(Input::Unread).input(Input::Tick);
    assert_eq!(d.log(), "", "the driver was late, not the peer");
    d.at(5.2, Input::Bytes(200)).input(Input::Opened).run(6.0);
    assert_eq!(d.phase(), Phase::Open);
}

#[test]
fn the_time_for_which_bytes_lay_unread_is_not_the_peers() {
    let mut d = accepted();
    d.at(1.0, Input::Unread).at(4.0, Input::Bytes(200)).run(20.0);
    assert_eq!(d.log(), "abort 8", "a TLS client could not go on before its first bytes were read");
    let verdict = d.verdict().expect("an abort");
    assert_eq!(verdict.deadline, Instant::from_secs(8), "R8");
}

#[test]
fn a_host_that_is_late_by_just_the_limit_was_not_late() {
    let mut d = accepted();
    d.jump(10.0);
    assert_eq!(d.log(), "abort 10");
    let mut d = accepted();
    d.jump(10.000_000_001).run(20.0);
    assert_eq!(d.log(), "abort 15.000000001", "the peer has its time anew");
}

#[test]
fn to_be_left_unread_again_and_again_stops_the_time_only_meanwhile() {
    let mut d = accepted();
    d.at(1.0, Input::Unread).at(2.0, Input::Unread).at(3.0, Input::Bytes(1)).at(4.0, Input::Bytes(1));
    d.at(6.0, Input::Unread).at(6.5, Input::Bytes(1)).run(20.0);
    assert_eq!(d.log(), "abort 7.5", "two seconds and a half");
}

#[test]
fn threat_10_bytes_that_drip_in_do_not_move_the_time() {
    let mut d = accepted();
    for second in [1.0, 2.0, 3.0, 4.0] {
        d.at(second, Input::Bytes(1));
    }
    d.run(20.0);
    assert_eq!(d.log(), "abort 5", "slow loris");
}

#[test]
fn whoever_opens_with_bytes_unread_is_not_judged_before_they_are_read() {
    let mut d = accepted();
    d.at(1.0, Input::Unread).input(Input::Opened).run(60.0);
    assert!(!d.log().contains("close"), "R11 holds across the opening: {}", d.log());
    d.input(Input::Bytes(1)).run(200.0);
    assert!(d.log().contains("close 4408"), "{}", d.log());
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Wait(u64),
    /// Time comes to the deadline and this many ms past it, and a tick with it.
    Due(u64),
    Put(Input),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let inputs = [Input::Unread, Input::Bytes(1), Input::Bytes(0), Input::Tick, Input::Data, Input::Wrote(9), Input::Reconfigured];
    let event = prop_oneof![
        3 => (0u64..3_000).prop_map(Event::Wait),
        1 => (0u64..9_000).prop_map(Event::Due),
        6 => proptest::sample::select(inputs.to_vec()).prop_map(Event::Put),
        1 => proptest::sample::select(vec![Input::Lost, Input::Drain, Input::UserClose(1000), Input::Opened]).prop_map(Event::Put),
    ];
    proptest::collection::vec(event, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_naive_model_says_the_same_of_every_handshake(limit_ms in 1u64..12_000, events in events()) {
        let limits = Limits { handshake_timeout: Span::from_millis(limit_ms), ..Limits::default() };
        let policy = Policy { limits, ..Policy::strict() };
        let mut now = Instant::ZERO;
        let mut core = Connection::accepted(&policy, Now::new(now, 0), Chance::new(1, 7));
        let mut model = Handshake::accepted(limit_ms);
        for event in events {
            let deadline = core.deadline(&policy);
            let input = match event {
                Event::Wait(ms) => {
                    now = now.after(Span::from_millis(ms));
                    continue;
                }
                Event::Due(_) if deadline == Instant::NEVER => continue,
                Event::Due(late_ms) => {
                    now = now.max(deadline).after(Span::from_millis(late_ms));
                    Input::Tick
                }
                Event::Put(input) => input,
            };
            let mut abort = None;
            let after = core.step(&policy, Now::new(now, 0), input, &mut |action| {
                if let Action::Abort(Verdict { kind, .. }) = action {
                    abort = Some(kind);
                }
            });
            prop_assert_eq!(model.step(now.as_nanos() / 1_000_000, input), abort, "{:?} at {:?}", input, now);
            prop_assert_eq!(core.phase() == Phase::Handshake, model.is_under_way());
            if !model.is_under_way() {
                break;
            }
            let due = model.due_ms().map_or(Instant::NEVER, |ms| Instant::from_nanos(ms * 1_000_000));
            prop_assert_eq!(after, due, "{:?} at {:?}", input, now);
        }
    }
}
