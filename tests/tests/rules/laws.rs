//! The laws that hold for every policy, over arbitrary interleavings and times.

use proptest::prelude::*;
use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Action, Input, Plane};
use wsbeat_core::policy::Death;
use wsbeat_core::time::Instant;
use wsbeat_tests::arbitrary::{Happening, happening, policy, start_ns};
use wsbeat_tests::world::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_1_the_same_inputs_give_the_same_actions(p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..80)) {
        let run = || {
            let mut w = World::new(&p, start);
            all.iter().for_each(|h| { w.happen(h); });
            (w.actions, w.deadline)
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn law_2_a_step_gives_a_bounded_number_of_actions(p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..80)) {
        let mut w = World::new(&p, start);
        for h in &all {
            // At most: a note, a ping, a heartbeat and the blog's close after it.
            prop_assert!(w.happen(h) <= 4);
        }
    }

    #[test]
    fn law_3_the_deadline_of_a_tick_is_later_than_now_or_never(p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..80)) {
        let mut w = World::new(&p, start);
        for h in &all {
            w.happen(h);
            if matches!(h, Happening::Tick | Happening::Due) {
                prop_assert!(w.deadline > w.now || w.now == Instant::NEVER, "deadline {:?} at {:?} after {h:?}", w.deadline, w.now);
            }
        }
    }

    #[test]
    fn law_4_a_tick_before_the_deadline_does_nothing(p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..80)) {
        let mut w = World::new(&p, start);
        for h in &all {
            w.happen(h);
            if w.now < w.deadline {
                let before = w.deadline;
                prop_assert_eq!(w.step(Input::Tick), 0);
                prop_assert_eq!(w.deadline, before);
            }
        }
    }

    #[test]
    fn law_5_ticks_where_nothing_is_due_change_nothing(
        p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..60), parts in prop::collection::vec(0.0f64..1.0, 1..5)
    ) {
        let mut often = World::new(&p, start);
        all.iter().for_each(|h| { often.happen(h); });
        prop_assume!(often.deadline > often.now);
        let mut once = often.clone();
        for part in parts {
            let gap = often.deadline.since(often.now).as_nanos();
            let at = often.now.as_nanos() + ((gap - 1) as f64 * part) as u64;
            often.now = Instant::from_nanos(at.min(often.deadline.as_nanos() - 1));
            prop_assert_eq!(often.step(Input::Tick), 0);
        }
        // And a nanosecond before it is due.
        often.now = Instant::from_nanos(often.deadline.as_nanos() - 1);
        prop_assert_eq!(often.step(Input::Tick), 0);
        once.happen(&Happening::Due);
        often.happen(&Happening::Due);
        prop_assert_eq!((once.actions, once.deadline), (often.actions, often.deadline));
    }

    #[test]
    fn laws_6_and_10_one_close_one_abort_and_nothing_after_the_end(p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..120)) {
        let mut w = World::new(&p, start);
        let (mut closed, mut aborted, mut ended) = (false, false, false);
        for h in &all {
            let from = w.actions.len();
            w.happen(h);
            for (_, action) in &w.actions[from..] {
                prop_assert!(!ended, "{action:?} after the end");
                prop_assert!(!closed || matches!(action, Action::Abort(_)), "{action:?} after the close");
                match action {
                    Action::Close(_) => closed = true,
                    Action::Abort(_) => (aborted, ended) = (true, true),
                    _ => {}
                }
            }
            ended |= w.connection.phase() == Phase::Ended;
            prop_assert!(!aborted || ended);
            prop_assert!(!ended || w.deadline == Instant::NEVER);
        }
    }

    #[test]
    fn law_7_no_more_than_l_heartbeats_stand_unanswered(p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..120)) {
        let limit = p.application.and_then(|a| a.ask).map(|ask| match ask.death {
            Death::MissesBefore(l) | Death::MissesAfter(l) => u32::from(l),
            Death::Timeout(_) | Death::Never => 255,
        });
        let mut w = World::new(&p, start);
        for h in &all {
            w.happen(h);
            prop_assert!(w.connection.status(Plane::Application).unanswered <= limit.unwrap_or(0));
        }
    }

    #[test]
    fn law_11_no_verdict_of_silence_on_a_ping_that_was_not_written(p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..120)) {
        use wsbeat_core::policy::{Counts, Profile};
        prop_assume!(p.transport.is_none_or(|t| t.profile == Profile::Strict));
        prop_assume!(p.application.is_none_or(|a| a.listen.is_none() && a.ask.is_none_or(|ask| ask.counts == Counts::Written)));
        let mut w = World::new(&p, start);
        for h in all.iter().filter(|h| **h != Happening::Flush) {
            w.happen(h);
        }
        let silence = w.actions.iter().find(|(_, a)| matches!(a, Action::Close(v) if v.kind.is_silence()));
        prop_assert!(silence.is_none(), "{silence:?}");
    }

    #[test]
    fn an_input_never_leaves_a_deadline_in_the_past_that_was_in_the_future(
        p in policy(), start in start_ns(), all in prop::collection::vec(happening(), 0..120), other in policy()
    ) {
        let mut w = World::new(&p, start);
        for h in &all {
            let promised = if matches!(h, Happening::Input(Input::Reconfigured)) {
                let before = w.deadline;
                w.policy = other.clone();
                before
            } else {
                w.deadline
            };
            w.happen(h);
            if promised > w.now && !matches!(h, Happening::Wait(_)) {
                prop_assert!(w.deadline >= w.now, "promised {promised:?}, left {:?} at {:?} by {h:?}", w.deadline, w.now);
            }
        }
    }
}
