//! What is packed comes back as it went.

use super::*;
use crate::time::Span;

#[test]
fn a_connection_with_both_planes_takes_104_bytes() {
    assert_eq!(size_of::<State>(), 104);
}

#[test]
fn phases_and_profiles_come_back_as_they_went() {
    let mut state = State::ended();
    for phase in Phase::ALL {
        state.set_phase(phase);
        assert_eq!(state.phase(), phase);
    }
    for unwritten in [Unwritten::None, Unwritten::Counted, Unwritten::Uncounted] {
        state.set_beat_unwritten(unwritten);
        assert_eq!((state.beat_unwritten(), state.is_beat_unwritten()), (unwritten, unwritten != Unwritten::None));
    }
    for profile in Profile::ALL {
        state.set_profile(profile);
        assert_eq!(state.profile(), profile);
    }
}

#[test]
fn an_instant_that_is_too_far_for_its_field_is_kept_apart_and_not_rounded() {
    let mut state = State::accepted(Instant::ZERO, Instant::from_secs(5));
    for secs in [10, 1_000_000, 1_000_020, 1_000_500] {
        state.set_pings_due(Instant::from_secs(secs));
        let times = [Instant::from_secs(secs).before(Span::from_nanos(7)), Instant::from_nanos(3), Instant::NEVER];
        for time in times {
            state.set_time(At::LastPong, time);
            assert_eq!(state.time(At::LastPong), time);
            state.set_pings_due(Instant::from_secs(secs + 50_000));
            assert_eq!(state.time(At::LastPong), time);
        }
    }
}

#[test]
fn tokens_and_round_trips_come_back_whatever_their_size() {
    let mut state = State::accepted(Instant::ZERO, Instant::NEVER);
    for step in [1, 5_000, 65_535, 65_536, u64::MAX / 8] {
        let tokens = [7, 6, 5, 4].map(|k| k * step);
        state.set_tokens(7 * step + step, tokens, 4);
        assert_eq!((state.tokens(), state.last_token(), state.tokens_known()), (tokens, 8 * step, 4));
    }
    for us in [[0, 0], [1, 2], [0xFF_FFFF, 3], [3, 0x100_0000], [0x100_0000, 0], [u32::MAX, u32::MAX]] {
        state.set_rtt(Rtt::of_parts(us[0], us[1], 2));
        assert_eq!(state.rtt().parts(), (us, 2));
    }
    for pings in [0, 6, 7, 8, u32::MAX] {
        state.set_unanswered(pings);
        assert_eq!(state.unanswered(), pings);
    }
}
