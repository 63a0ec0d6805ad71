//! When to connect again: a pure function.

use std::time::Duration;

use wsbeat_core::rng::Rng;

/// How a lost connection is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The upper end of the first delay; default 1 s.
    pub base: Duration,
    /// The upper end of every delay; default 60 s.
    pub cap: Duration,
    /// How long a connection has to last until delays begin at `base` again; default 60 s.
    pub stable_after: Duration,
    /// How many attempts in a row may follow a loss or a failure without a stable connection; 0: none; `None`: no limit;
    /// default none.
    pub attempts_max: Option<u32>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60), stable_after: Duration::from_secs(60), attempts_max: None }
    }
}

impl Backoff {
    /// The longest `Retry-After` that is obeyed: 24 h.
    pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

    /// Never connect again.
    #[must_use]
    pub fn never() -> Self {
        Backoff { attempts_max: Some(0), ..Backoff::default() }
    }
}

/// Why a connection is no more, as far as the next attempt depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The peer closed.
    Closed {
        /// Its code; `None` for an empty body.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
    /// We closed or aborted.
    GivenUp {
        /// The verdict's name.
        verdict: &'static str,
        /// The code we sent.
        code: Option<u16>,
    },
    /// The upgrade was refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// What was asked for cannot be: a URL, a header, a setting. No attempt will change it.
    Unusable(String),
    /// The connection was lost, or could not be made: what was said.
    Lost(String),
}

/// What to do after a connection is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Connect again after this long.
    After(Duration),
    /// Stop: another attempt would meet the same end, or there were enough.
    Stop,
}

/// The attempts since the last stable connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    made: u32,
    factor: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts { made: 0, factor: 1 }
    }
}

/// The class of an end.
enum Kind {
    /// No attempt will change it.
    Final,
    /// The peer restarts or is overloaded, and says so (IANA: 1012 Service Restart, 1013 Try Again Later).
    Announced,
    /// The peer found us too loud.
    TooLoud,
    /// The peer named the time.
    Named(Duration),
    Other,
}

const ANNOUNCED_MIN: Duration = Duration::from_secs(5);
const ANNOUNCED_MAX: Duration = Duration::from_secs(30);
const TOO_LOUD_FACTOR: u32 = 4;

impl Attempts {
    /// What to do now that a connection, which had been open for `lasted` (zero where it never was), is no more.
    ///
    /// Full jitter: a delay is drawn from [0, min(`cap`, `base`·2ⁿ)], n counting the attempts since the last connection
    /// that lasted `stable_after`. After 1012 and 1013 it is drawn from [5 s, 30 s]; "too many pings" makes the base four
    /// times as long; any other 1008, 1002, 1003, 1007, 1009 and 1010 and a refusal with 401, 403 or 404 stop; the
    /// `Retry-After` of a 503 is waited for, and a drawn delay on top of it, so that not all come at once.
    pub fn decide(&mut self, backoff: &Backoff, why: &Why, lasted: Duration, rng: &mut Rng) -> Decision {
        if lasted >= backoff.stable_after {
            *self = Attempts::default();
        }
        let kind = classify(why);
        if matches!(kind, Kind::Final) || backoff.attempts_max.is_some_and(|max| self.made >= max) {
            return Decision::Stop;
        }
        if matches!(kind, Kind::TooLoud) {
            self.factor = self.factor.saturating_mul(TOO_LOUD_FACTOR);
        }
        let jittered = draw(Duration::ZERO, self.ceiling(backoff), rng);
        self.made = self.made.saturating_add(1);
        Decision::After(match kind {
            Kind::Announced => draw(ANNOUNCED_MIN, ANNOUNCED_MAX, rng),
            Kind::Named(time) => time.min(Backoff::RETRY_AFTER_MAX).saturating_add(jittered),
            Kind::Final | Kind::TooLoud | Kind::Other => jittered,
        })
    }

    fn ceiling(&self, backoff: &Backoff) -> Duration {
        let doubled = 2_u32.saturating_pow(self.made);
        backoff.base.saturating_mul(self.factor).saturating_mul(doubled).min(backoff.cap)
    }
}

fn classify(why: &Why) -> Kind {
    match why {
        Why::Closed { code: Some(code), reason } => classify_code(*code, reason),
        Why::GivenUp { code: Some(code), .. } => classify_code(*code, ""),
        Why::Refused { status: 401 | 403 | 404, .. } | Why::Unusable(_) => Kind::Final,
        Why::Refused { status: 503, retry_after: Some(time) } => Kind::Named(*time),
        Why::Closed { code: None, .. } | Why::GivenUp { code: None, .. } | Why::Refused { .. } | Why::Lost(_) => Kind::Other,
    }
}

fn classify_code(code: u16, reason: &str) -> Kind {
    match code {
        1012 | 1013 => Kind::Announced,
        1008 if reason.to_ascii_lowercase().contains("too many pings") => Kind::TooLoud,
        1002 | 1003 | 1007..=1010 => Kind::Final,
        _ => Kind::Other,
    }
}

/// An even draw from [`from`, `to`].
fn draw(from: Duration, to: Duration, rng: &mut Rng) -> Duration {
    let width = u64::try_from(to.saturating_sub(from).as_nanos()).unwrap_or(u64::MAX);
    from.saturating_add(Duration::from_nanos(rng.below(width.saturating_add(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(1);

    fn closed(code: u16, reason: &str) -> Why {
        Why::Closed { code: Some(code), reason: reason.to_owned() }
    }

    fn lost() -> Why {
        Why::Lost("reset".to_owned())
    }

    fn delays(attempts: Attempts, why: &Why) -> Vec<Duration> {
        let mut rng = Rng::new(11);
        let delay = |_| match { attempts }.decide(&Backoff::default(), why, SHORT, &mut rng) {
            Decision::After(delay) => delay,
            Decision::Stop => panic!("stopped after {why:?}"),
        };
        (0..2_000).map(delay).collect()
    }

    /// Draws fill [from, to] from end to end.
    fn assert_fill(delays: &[Duration], from: Duration, to: Duration) {
        let (min, max) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
        let slack = (to - from) / 50;
        assert!(*min >= from && *min < from + slack, "{min:?} is not just above {from:?}");
        assert!(*max <= to && *max > to - slack, "{max:?} is not just below {to:?}");
    }

    #[test]
    fn delays_are_drawn_from_zero_to_a_ceiling_that_doubles_up_to_the_cap() {
        for (made, ceiling) in [(0, 1), (1, 2), (3, 8), (5, 32), (6, 60), (40, 60), (u32::MAX, 60)] {
            let attempts = Attempts { made, factor: 1 };
            assert_fill(&delays(attempts, &lost()), Duration::ZERO, Duration::from_secs(ceiling));
        }
    }

    #[test]
    fn a_stable_connection_starts_the_delays_anew() {
        let mut attempts = Attempts { made: 9, factor: 16 };
        let mut rng = Rng::new(1);
        let _ = attempts.decide(&Backoff::default(), &lost(), Duration::from_secs(59), &mut rng);
        assert_eq!(attempts, Attempts { made: 10, factor: 16 });
        let _ = attempts.decide(&Backoff::default(), &lost(), Duration::from_secs(60), &mut rng);
        assert_eq!(attempts, Attempts { made: 1, factor: 1 });
    }

    #[test]
    fn a_restart_that_was_announced_spreads_clients_over_5_to_30_s() {
        for code in [1012, 1013] {
            let attempts = Attempts { made: 8, factor: 1 };
            assert_fill(&delays(attempts, &closed(code, "")), Duration::from_secs(5), Duration::from_secs(30));
        }
    }

    #[test]
    fn too_many_pings_makes_the_base_four_times_as_long_each_time() {
        let loud = closed(1008, "too many pings");
        assert_fill(&delays(Attempts::default(), &loud), Duration::ZERO, Duration::from_secs(4));
        let mut attempts = Attempts::default();
        let mut rng = Rng::new(3);
        for factor in [4, 16, 64] {
            let _ = attempts.decide(&Backoff::default(), &loud, SHORT, &mut rng);
            assert_eq!(attempts.factor, factor);
        }
    }

    #[test]
    fn ends_that_another_attempt_would_meet_again_stop() {
        let refused = |status| Why::Refused { status, retry_after: None };
        let mut ends: Vec<Why> = [1002, 1003, 1007, 1008, 1009, 1010].map(|code| closed(code, "no")).to_vec();
        ends.extend([401, 403, 404].map(refused));
        ends.push(Why::Unusable("bad header".to_owned()));
        ends.push(Why::GivenUp { verdict: "too-big", code: Some(1009) });
        for why in ends {
            let decision = Attempts::default().decide(&Backoff::default(), &why, SHORT, &mut Rng::new(1));
            assert_eq!(decision, Decision::Stop, "{why:?}");
        }
    }

    #[test]
    fn ends_that_may_pass_do_not_stop() {
        let mut ends: Vec<Why> = [1000, 1001, 1005, 1006, 1011, 1014, 3012, 4408, 4409].map(|code| closed(code, "")).to_vec();
        ends.extend([400, 429, 500, 502, 503].map(|status| Why::Refused { status, retry_after: None }));
        ends.push(Why::Closed { code: None, reason: String::new() });
        for why in ends {
            assert_eq!(delays(Attempts::default(), &why).len(), 2_000);
        }
    }

    #[test]
    fn retry_after_of_a_503_is_waited_for_within_bounds() {
        let refused = |secs| Why::Refused { status: 503, retry_after: Some(Duration::from_secs(secs)) };
        let from = Duration::from_secs(7);
        assert_fill(&delays(Attempts::default(), &refused(7)), from, from + Duration::from_secs(1));
        let day = Backoff::RETRY_AFTER_MAX;
        assert_fill(&delays(Attempts::default(), &refused(u64::MAX)), day, day + Duration::from_secs(1));
    }

    #[test]
    fn attempts_in_a_row_are_limited() {
        let backoff = Backoff { attempts_max: Some(2), ..Backoff::default() };
        let mut attempts = Attempts::default();
        let mut rng = Rng::new(5);
        let mut stops = || attempts.decide(&backoff, &lost(), SHORT, &mut rng) == Decision::Stop;
        assert_eq!([stops(), stops(), stops()], [false, false, true]);
        let never = Attempts::default().decide(&Backoff::never(), &lost(), SHORT, &mut Rng::new(1));
        assert_eq!(never, Decision::Stop);
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        assert_eq!(delays(Attempts::default(), &lost()), delays(Attempts::default(), &lost()));
    }
}
