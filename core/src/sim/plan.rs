//! What a run is made of: times that follow from the policy, and who is away when.

use alloc::vec::Vec;

use super::fault::{Fault, Faults};
use crate::policy::{Cadence, Counts, Death, Policy, Profile};
use crate::rng::Rng;
use crate::time::{Instant, Span};

/// Someone who is frozen by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Freeze {
    pub(super) client: u32,
    pub(super) from: Instant,
    /// `NEVER` is for ever.
    pub(super) until: Instant,
}

/// The times of a run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) faults: Faults,
    pub(super) freezes: Vec<Freeze>,
    /// The time in which this policy finds a dead peer.
    pub(super) reach: Span,
    /// How often a peer that is listened for speaks.
    pub(super) peer_period: Option<Span>,
    /// How long the transport may take no byte.
    pub(super) write_stall: Span,
    /// How long a handshake may take.
    pub(super) handshake: Span,
    /// When the storm ends.
    pub(super) storm_ends: Instant,
    /// Whether this policy finds a dead peer.
    pub(super) finds_the_dead: bool,
    /// From when on nobody may be given up; `NEVER` where that cannot be asked of this policy and network.
    pub(super) calm_from: Instant,
    pub(super) ends: Instant,
}

impl Plan {
    pub(super) fn new(policy: &Policy, seed: u64, faults: Faults, freezes: Vec<Freeze>, round_trip_max: Span, length: Span) -> Self {
        let reach = reach(policy);
        let settle = reach.times(2).plus(Span::from_secs(20));
        let calm = settle.times(2).min(length.part(2));
        let storm_ends = if faults.is_none() { Instant::ZERO } else { Instant::ZERO.after(length.minus(calm)) };
        let judged = !faults.is_none() && freezes.is_empty() && keeps_the_honest(policy, round_trip_max);
        Plan {
            seed,
            faults,
            freezes,
            reach,
            peer_period: policy.application.and_then(|app| app.listen).map(|listen| listen.limit.part(3)),
            write_stall: write_stall(policy),
            handshake: policy.limits.handshake_timeout,
            storm_ends,
            finds_the_dead: finds_the_dead(policy),
            calm_from: if judged { storm_ends.after(settle) } else { Instant::NEVER },
            ends: Instant::ZERO.after(length),
        }
    }

    pub(super) fn is_stormy(&self, at: Instant) -> bool {
        at < self.storm_ends
    }

    /// No fault holds anything up for longer than the storm.
    pub(super) fn clip(&self, at: Instant) -> Instant {
        at.min(self.storm_ends)
    }

    /// The while for which faults that befall clients and the host are drawn once.
    pub(super) fn a_while(&self) -> Span {
        self.reach.times(4)
    }

    /// When the peer of `client` works again, where it is frozen at `at`: `NEVER` where it never does.
    pub(super) fn frozen_until(&self, client: u32, at: Instant) -> Option<(Instant, Instant)> {
        let named = self.freezes.iter().find(|f| f.client == client && f.from <= at && at < f.until);
        named.map(|f| (f.from, f.until)).or_else(|| self.window(Fault::Freeze, client, at))
    }

    /// When what `client` sends comes through again, where it does not at `at`.
    pub(super) fn cut_until(&self, client: u32, at: Instant) -> Option<(Instant, Instant)> {
        self.window(Fault::Partition, client, at)
    }

    /// The window of `fault` that `at` lies in. It is drawn from seed, client and the while alone, so that nothing of it
    /// has to be kept: a client costs a few bytes, and what happens to one does not move what happens to another.
    fn window(&self, fault: Fault, client: u32, at: Instant) -> Option<(Instant, Instant)> {
        if self.faults.ppm(fault) == 0 || at >= self.storm_ends {
            return None;
        }
        let a_while = self.a_while().as_nanos().max(1);
        let number = at.as_nanos() / a_while;
        [number, number.wrapping_sub(1)].into_iter().find_map(|number| {
            let start = number.checked_mul(a_while)?;
            let key = (u64::from(client) << 8 | fault as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.rotate_left(40);
            let mut rng = Rng::new(self.seed ^ key);
            // The first numbers of streams whose keys are near each other are near each other in nothing but their key.
            if !self.faults.strikes(fault, &mut rng) {
                return None;
            }
            let from = Instant::from_nanos(start.saturating_add(rng.below(a_while)));
            let until = self.clip(from.after(Span::from_nanos(rng.below(a_while / 2))));
            (from <= at && at < until).then_some((from, until))
        })
    }
}

/// The time in which this policy finds a dead peer, at least a second.
fn reach(policy: &Policy) -> Span {
    let transport = policy.transport.map(|t| t.interval.plus(t.timeout));
    let asked = policy.application.and_then(|app| app.ask).map(|ask| match ask.death {
        Death::MissesBefore(misses) | Death::MissesAfter(misses) => ask.period.times(u64::from(misses) + 1),
        Death::Timeout(timeout) => ask.period.plus(timeout),
        Death::Never => ask.period.times(2),
    });
    let listened = policy.application.and_then(|app| app.listen).map(|listen| listen.limit);
    let longest = [transport, asked, listened].into_iter().flatten().max();
    longest.unwrap_or(Span::from_secs(20)).max(Span::from_secs(1))
}

fn finds_the_dead(policy: &Policy) -> bool {
    let app = policy.application;
    let asks = app.and_then(|app| app.ask).is_some_and(|ask| ask.death != Death::Never);
    policy.transport.is_some() || asks || app.is_some_and(|app| app.listen.is_some())
}

fn write_stall(policy: &Policy) -> Span {
    let transport = policy.transport.map(|t| t.write_stall);
    let asked = policy.application.and_then(|app| app.ask).map(|ask| ask.write_stall);
    [transport, asked].into_iter().flatten().min().unwrap_or(Span::from_secs(20))
}

/// Whether this policy promises to give up nobody who answers within `round_trip_max`.
fn keeps_the_honest(policy: &Policy, round_trip_max: Span) -> bool {
    let transport = policy.transport.is_none_or(|t| t.profile == Profile::Strict && t.timeout > round_trip_max);
    let Some(app) = &policy.application else {
        return transport;
    };
    let asked = app.ask.is_none_or(|ask| {
        let window = u64::from(ask.matching.window());
        // Beats that jitter are nearer to each other by twice that.
        let wobble = Span::from_nanos(ask.period.as_nanos() / 1_000_000 * u64::from(ask.jitter_ppm) * 2);
        let within = |misses: u8| ask.period.times(u64::from(misses).min(window)).minus(wobble) > round_trip_max;
        match ask.death {
            Death::MissesBefore(misses) => within(misses),
            // The blog's way has no rule against a host that is late: it promises nothing.
            Death::MissesAfter(_) => false,
            Death::Timeout(timeout) => timeout > round_trip_max,
            Death::Never => true,
        }
    });
    let counted = app.ask.is_none_or(|ask| ask.counts == Counts::Written && (ask.cadence == Cadence::Spread || ask.jitter_ppm == 0));
    let listened = app.listen.is_none_or(|listen| listen.limit.part(3) > round_trip_max);
    // Honest peers answer; they have no data to send.
    let fed = app.feed_timeout.is_none();
    transport && asked && counted && listened && fed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Application, Ask, Listen, ListenFor, Matching, Transport};

    const ROUND_TRIP: Span = Span::from_secs(1);

    fn pinging(change: impl FnOnce(&mut Transport)) -> Policy {
        let mut transport = Transport::strict();
        change(&mut transport);
        Policy { transport: Some(transport), ..Policy::off() }
    }

    fn asking(death: Death, change: impl FnOnce(&mut Ask)) -> Policy {
        let mut ask = Ask::every(Span::from_secs(5), death);
        change(&mut ask);
        application(Some(ask), None)
    }

    fn listening(secs: u64) -> Policy {
        application(None, Some(Listen { limit: Span::from_secs(secs), evidence: ListenFor::Messages }))
    }

    fn application(ask: Option<Ask>, listen: Option<Listen>) -> Policy {
        let application = Application { ask, listen, answers_peer: true, feed_timeout: None, close_code: None };
        Policy { application: Some(application), ..Policy::off() }
    }

    /// As `listening(4)`, and data is wanted.
    fn feeding() -> Policy {
        let feed_timeout = Some(Span::from_secs(60));
        let application = listening(4).application.map(|app| Application { feed_timeout, ..app });
        Policy { application, ..Policy::off() }
    }

    #[test]
    fn a_calm_is_asked_of_policies_alone_that_promise_one() {
        let second = Span::from_secs(1);
        for (policy, keeps) in [
            (Policy::off(), true),
            (Policy::strict(), true),
            (pinging(|t| t.timeout = second), false),
            (pinging(|t| t.profile = Profile::Websockets), false),
            (asking(Death::MissesBefore(2), |_| {}), true),
            (asking(Death::MissesBefore(2), |ask| ask.period = second), true),
            (asking(Death::MissesBefore(2), |ask| (ask.period, ask.matching) = (second, Matching::Newest)), false),
            (asking(Death::MissesBefore(2), |ask| (ask.period, ask.jitter_ppm) = (second, 500_000)), false),
            (asking(Death::MissesAfter(2), |_| {}), false),
            (asking(Death::Timeout(second), |_| {}), false),
            (asking(Death::Timeout(second.times(2)), |_| {}), true),
            (asking(Death::Never, |_| {}), true),
            (asking(Death::Never, |ask| ask.counts = Counts::Queued), false),
            (asking(Death::Never, |ask| ask.cadence = Cadence::Together), true),
            (asking(Death::Never, |ask| (ask.cadence, ask.jitter_ppm) = (Cadence::Together, 1)), false),
            (listening(3), false),
            (listening(4), true),
            (feeding(), false),
            (Policy { transport: pinging(|t| t.timeout = second).transport, ..listening(4) }, false),
        ] {
            assert_eq!(keeps_the_honest(&policy, ROUND_TRIP), keeps, "{policy:?}");
        }
    }

    #[test]
    fn a_dead_peer_is_found_by_whoever_asks_and_counts_or_listens() {
        for policy in [Policy::strict(), asking(Death::MissesBefore(2), |_| {}), listening(9)] {
            assert!(finds_the_dead(&policy), "{policy:?}");
        }
        for policy in [Policy::off(), asking(Death::Never, |_| {})] {
            assert!(!finds_the_dead(&policy), "{policy:?}");
        }
    }

    #[test]
    fn a_dead_peer_is_found_within_the_reach() {
        let secs = |policy: &Policy| reach(policy).as_nanos() / 1_000_000_000;
        assert_eq!((secs(&Policy::off()), secs(&Policy::strict()), secs(&listening(9)), secs(&listening(0))), (20, 40, 9, 1));
        let asked = [Death::MissesBefore(2), Death::MissesAfter(3), Death::Timeout(Span::from_secs(7)), Death::Never];
        assert_eq!(asked.map(|death| secs(&asking(death, |_| {}))), [15, 20, 12, 10]);
    }
}
