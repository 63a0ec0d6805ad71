//! The state of a connection, packed: 104 bytes with both planes on.
//!
//! A server holds as many of these as it has connections, so each field takes the bits it needs. Nothing is rounded: what
//! does not fit (a round trip of minutes, an interval of hours, a fifth unanswered ping) goes to the [`Rest`].

use super::Phase;
use super::beats::Unwritten;
use super::flags::Flags;
use super::grid::Grid;
use super::near::{Forty, Near};
use super::rest::{NEARS, RING, Rest};
use crate::policy::{Policy, Profile};
use crate::rtt::Rtt;
use crate::time::Instant;

/// What is known of a connection.
#[derive(Clone, Debug, Hash)]
pub(crate) struct State {
    pub(super) opened: Instant,
    pub(super) last_byte: Instant,
    /// The next ping; before and after [`Phase::Open`] the deadline of the handshake, or of the close handshake.
    pings_due: Instant,
    /// The next heartbeat; before [`Phase::Open`] since when what arrived is unread.
    beats_due: Instant,
    /// The newest token, in the ring or not.
    last_token: u64,
    pub(super) rest: Rest,
    /// By their names in [`At`].
    near: [Near; NEARS],
    /// How much the newest remembered token lies below `last_token`, and each older one below the one after it.
    tokens_back: [u16; RING],
    /// The low 24 bits of the smoothed round trip and of its variation, in microseconds.
    rtt_us: [[u8; 3]; 2],
    /// How many pings were queued: the newest is ping number `sent`. (At the shortest interval it wraps after 34 years.)
    sent: Forty,
    /// How many pings of the user's may still be answered.
    pub(super) user_pings: u8,
    /// Malformed heartbeats in a row.
    pub(super) malformed: u8,
    /// Heartbeats that count and are not answered.
    pub(super) beats_unanswered: u8,
    pub(super) flags: Flags,
}

/// The instants that are kept by their distance from another.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// The first point of the grid of pings; from the opening.
    PingsFirst,
    /// When the newest ping was written; while it is unwritten, from when it counts as stalled. From the next ping.
    PingWritten,
    /// When the last pong that counts came; before the first, when the plane started. From the next ping.
    LastPong,
    /// The first point of the grid of heartbeats; from the opening.
    BeatsFirst,
    /// When the newest heartbeat was written (queued, where rule R6 does not hold); while it is unwritten, from when it
    /// counts as stalled. From the next heartbeat.
    BeatWritten,
    /// When the last answer that counts came; [`Instant::NEVER`] is none. From the next heartbeat.
    LastAnswer,
}

/// More unanswered pings than this are counted in the [`Rest`].
const UNANSWERED_FEW: u8 = 7;

impl State {
    /// A connection whose upgrade is under way since `now`.
    pub(crate) fn new(policy: &Policy, now: Instant) -> Self {
        State::accepted(now, now.after(policy.limits.handshake_timeout))
    }

    fn accepted(now: Instant, handshake_ends: Instant) -> Self {
        State {
            opened: now,
            last_byte: now,
            pings_due: handshake_ends,
            beats_due: Instant::NEVER,
            last_token: 0,
            rest: Rest::NONE,
            near: [Near::NEVER; NEARS],
            tokens_back: [0; RING],
            rtt_us: [[0; 3]; 2],
            sent: Forty::ZERO,
            user_pings: 0,
            malformed: 0,
            beats_unanswered: 0,
            flags: Flags::default(),
        }
    }

    /// A connection that is over: what an empty place of a slab holds.
    pub(crate) fn ended() -> Self {
        let mut state = State::accepted(Instant::ZERO, Instant::NEVER);
        state.set_phase(Phase::Ended);
        state
    }

    pub(crate) const fn phase(&self) -> Phase {
        match self.phase_index() {
            0 => Phase::Handshake,
            1 => Phase::Open,
            2 => Phase::Closing,
            3 => Phase::Echoed,
            _ => Phase::Ended,
        }
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        self.set_phase_index(phase as u8);
    }

    /// Whose rules the pings started under.
    pub(super) const fn profile(&self) -> Profile {
        Profile::ALL[self.profile_index() as usize]
    }

    pub(super) fn set_profile(&mut self, profile: Profile) {
        self.set_profile_index(profile as u8);
    }

    // Times.

    #[inline]
    const fn anchor(&self, at: At) -> Instant {
        match at {
            At::PingsFirst | At::BeatsFirst => self.opened,
            At::PingWritten | At::LastPong => self.pings_due,
            At::BeatWritten | At::LastAnswer => self.beats_due,
        }
    }

    #[inline]
    pub(super) fn time(&self, at: At) -> Instant {
        match self.near[at as usize].at(self.anchor(at)) {
            Some(time) => time,
            None => self.far_time(at),
        }
    }

    #[inline]
    pub(super) fn set_time(&mut self, at: At, time: Instant) {
        let near = Near::new(time, self.anchor(at));
        self.near[at as usize] = near;
        if near == Near::FAR {
            self.set_far_time(at, time);
        }
    }

    #[cold]
    fn far_time(&self, at: At) -> Instant {
        self.rest.wide().instants[at as usize]
    }

    #[cold]
    fn set_far_time(&mut self, at: At, time: Instant) {
        self.rest.make_wide().instants[at as usize] = time;
    }

    /// Before and after [`Phase::Open`]: when the handshake, or the close handshake, ends.
    pub(super) const fn ends_at(&self) -> Instant {
        self.pings_due
    }

    /// Before [`Phase::Open`]: since when what arrived is unread.
    pub(super) const fn handshake_unread_since(&self) -> Instant {
        self.beats_due
    }

    pub(super) fn set_handshake_unread_since(&mut self, at: Instant) {
        self.set_beats_due(at);
    }

    /// The next ping.
    pub(super) const fn pings_due(&self) -> Instant {
        self.pings_due
    }

    #[inline]
    pub(super) fn set_pings_due(&mut self, at: Instant) {
        let times = [At::PingWritten, At::LastPong].map(|at| (at, self.time(at)));
        self.pings_due = at;
        times.into_iter().for_each(|(at, time)| self.set_time(at, time));
    }

    /// The next heartbeat.
    pub(super) const fn beats_due(&self) -> Instant {
        self.beats_due
    }

    #[inline]
    pub(super) fn set_beats_due(&mut self, at: Instant) {
        let times = [At::BeatWritten, At::LastAnswer].map(|at| (at, self.time(at)));
        self.beats_due = at;
        times.into_iter().for_each(|(at, time)| self.set_time(at, time));
    }

    /// Whether pings are due at all.
    pub(super) fn pings_on(&self) -> bool {
        !self.near[At::PingsFirst as usize].is_never()
    }

    /// Whether heartbeats are due at all.
    pub(super) fn beats_on(&self) -> bool {
        !self.near[At::BeatsFirst as usize].is_never()
    }

    pub(super) fn pings_grid(&self) -> Grid {
        Grid::new(self.time(At::PingsFirst), self.pings_due)
    }

    pub(super) fn beats_grid(&self) -> Grid {
        Grid::new(self.time(At::BeatsFirst), self.beats_due)
    }

    pub(super) fn set_pings_grid(&mut self, first: Instant) {
        self.set_time(At::PingsFirst, first);
        self.set_pings_due(first);
    }

    pub(super) fn set_beats_grid(&mut self, first: Instant) {
        self.set_time(At::BeatsFirst, first);
        self.set_beats_due(first);
    }

    // Pings.

    /// How many pings were queued.
    pub(super) const fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// One more ping was queued.
    pub(super) fn count_sent(&mut self) {
        self.sent = Forty::new(self.sent.get() + 1);
    }

    /// When the ping that `age` newer ones followed was written; [`Instant::NEVER`] where that is not kept.
    #[inline]
    pub(super) fn ping_written(&self, age: u8) -> Instant {
        match age.checked_sub(1) {
            None => self.time(At::PingWritten),
            Some(place) => self.older_ping_written(place),
        }
    }

    #[cold]
    fn older_ping_written(&self, place: u8) -> Instant {
        self.rest.late().pings.get(usize::from(place)).copied().unwrap_or(Instant::NEVER)
    }

    /// Written pings since the last pong that counts.
    #[inline]
    pub(super) fn unanswered(&self) -> u32 {
        match self.unanswered_few() {
            UNANSWERED_FEW => self.rest.get().map_or(0, |rest| rest.unanswered),
            few => u32::from(few),
        }
    }

    #[inline]
    pub(super) fn set_unanswered(&mut self, pings: u32) {
        let few = u8::try_from(pings).unwrap_or(UNANSWERED_FEW).min(UNANSWERED_FEW);
        self.set_unanswered_few(few);
        if few == UNANSWERED_FEW {
            self.set_unanswered_many(pings);
        }
    }

    #[cold]
    fn set_unanswered_many(&mut self, pings: u32) {
        self.rest.make().unanswered = pings;
    }

    #[inline]
    pub(super) fn rtt(&self) -> Rtt {
        let [srtt, var] =
            if self.rtt_is_wide() { self.rest.wide().rtt_us } else { self.rtt_us.map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0])) };
        Rtt::of_parts(srtt, var, self.rtt_samples())
    }

    #[inline]
    pub(super) fn set_rtt(&mut self, rtt: Rtt) {
        let ([srtt, var], samples) = rtt.parts();
        self.set_rtt_samples(samples);
        let is_wide = (srtt | var) >> 24 != 0;
        self.set_rtt_is_wide(is_wide);
        if is_wide {
            self.set_wide_rtt([srtt, var]);
        } else {
            self.rtt_us = [srtt, var].map(|us| {
                let [a, b, c, _] = us.to_le_bytes();
                [a, b, c]
            });
        }
    }

    #[cold]
    fn set_wide_rtt(&mut self, us: [u32; 2]) {
        self.rest.make_wide().rtt_us = us;
    }

    // Heartbeats.

    /// Whether the newest heartbeat is not written yet.
    pub(super) const fn is_beat_unwritten(&self) -> bool {
        self.beat_unwritten_index() != Unwritten::None as u8
    }

    /// The newest heartbeat, while it is not written yet.
    pub(super) const fn beat_unwritten(&self) -> Unwritten {
        match self.beat_unwritten_index() {
            0 => Unwritten::None,
            1 => Unwritten::Counted,
            _ => Unwritten::Uncounted,
        }
    }

    pub(super) fn set_beat_unwritten(&mut self, unwritten: Unwritten) {
        self.set_beat_unwritten_index(unwritten as u8);
    }

    /// The newest token; 0 is none.
    pub(crate) const fn last_token(&self) -> u64 {
        self.last_token
    }

    /// The remembered tokens, newest first: as many as are known.
    #[inline]
    pub(super) fn tokens(&self) -> [u64; RING] {
        if self.tokens_are_wide() {
            return self.rest.wide().tokens;
        }
        let mut token = self.last_token;
        self.tokens_back.map(|back| {
            token = token.wrapping_sub(u64::from(back));
            token
        })
    }

    /// These, newest first, are the first `known` tokens that are remembered; the newest of all is `last`.
    #[inline]
    pub(super) fn set_tokens(&mut self, last: u64, tokens: [u64; RING], known: u8) {
        self.last_token = last;
        self.set_tokens_known(known);
        let (mut newer, mut back) = (last, [0; RING]);
        for (back, token) in back.iter_mut().zip(tokens).take(usize::from(known)) {
            let Ok(distance) = u16::try_from(newer.wrapping_sub(token)) else {
                return self.set_wide_tokens(tokens);
            };
            (*back, newer) = (distance, token);
        }
        self.set_tokens_are_wide(false);
        self.tokens_back = back;
    }

    #[cold]
    fn set_wide_tokens(&mut self, tokens: [u64; RING]) {
        self.set_tokens_are_wide(true);
        self.rest.make_wide().tokens = tokens;
    }
}

#[cfg(test)]
mod tests;
