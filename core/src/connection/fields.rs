//! The small fields of a state, each some bits of its [`Flags`](super::flags::Flags).

use super::state::State;

/// Makes the methods that read and write the small fields: a bit, or a number of some bits.
macro_rules! flags {
    ($($(#[$doc:meta])* $get:ident, $set:ident, $at:literal $(, $bits:literal)?;)*) => {
        impl State { $(flags!(@ $(#[$doc])* $get, $set, $at $(, $bits)?);)* }
    };
    (@ $(#[$doc:meta])* $get:ident, $set:ident, $at:literal) => {
        $(#[$doc])*
        pub(super) const fn $get(&self) -> bool {
            self.flags.get($at, 1) == 1
        }
        pub(super) fn $set(&mut self, value: bool) {
            self.flags.set($at, 1, u8::from(value));
        }
    };
    (@ $(#[$doc:meta])* $get:ident, $set:ident, $at:literal, $bits:literal) => {
        $(#[$doc])*
        pub(super) const fn $get(&self) -> u8 {
            self.flags.get($at, $bits)
        }
        pub(super) fn $set(&mut self, value: u8) {
            self.flags.set($at, $bits, value);
        }
    };
}

flags! {
    phase_index, set_phase_index, 0, 3;
    profile_index, set_profile_index, 3, 3;
    /// What arrived was not read to its end (R11).
    unread, set_unread, 6;
    /// The newest ping is not written yet.
    ping_unwritten, set_ping_unwritten, 7;
    /// A pong that counts has come.
    pings_answered, set_pings_answered, 8;
    /// Something was heard since the oldest outstanding ping.
    pings_heard, set_pings_heard, 9;
    /// Profiles with one outstanding ping: it waits for its pong.
    ping_waits, set_ping_waits, 10;
    /// How many written pings have their deadline running.
    undischarged, set_undischarged, 11, 3;
    /// How many of the remembered pings, the newest, have had no pong.
    unresolved, set_unresolved, 14, 3;
    /// Written pings without a pong, as far as they can be counted here.
    unanswered_few, set_unanswered_few, 17, 3;
    rtt_samples, set_rtt_samples, 20, 2;
    rtt_is_wide, set_rtt_is_wide, 22;
    beat_unwritten_index, set_beat_unwritten_index, 23, 2;
    /// Something was heard since the oldest unanswered heartbeat.
    beats_heard, set_beats_heard, 25;
    /// How many tokens of heartbeats are remembered.
    tokens_known, set_tokens_known, 26, 3;
    tokens_are_wide, set_tokens_are_wide, 29;
}
