//! The round trip and what follows from it, after RFC 6298.

use crate::time::Span;

/// Smoothed round trip and its variation, in microseconds (saturating at 71 minutes).
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(crate) struct Rtt {
    srtt_us: u32,
    var_us: u32,
    /// How many there were, as far as it matters: at most [`SAMPLES_MIN`].
    samples: u8,
}

/// The clock granularity G of RFC 6298: 1 ms, what the shell's timer resolves.
const GRANULARITY_US: u64 = 1_000;
/// The lower bound of an adaptive timeout.
const TIMEOUT_MIN: Span = Span::from_secs(2);
/// The number of samples from which on the timeout adapts.
const SAMPLES_MIN: u8 = 3;

impl Rtt {
    /// What [`parts`](Rtt::parts) gave.
    pub(crate) const fn of_parts(srtt_us: u32, var_us: u32, samples: u8) -> Self {
        Rtt { srtt_us, var_us, samples }
    }

    /// The smoothed round trip and its variation, in microseconds, and the number of samples, 0 to 3.
    pub(crate) const fn parts(self) -> ([u32; 2], u8) {
        ([self.srtt_us, self.var_us], self.samples)
    }

    /// RFC 6298 §2.2 and §2.3, α = 1/8, β = 1/4.
    pub(crate) fn sample(&mut self, rtt: Span) {
        let r = u32::try_from(rtt.as_nanos() / 1_000).unwrap_or(u32::MAX);
        if self.samples == 0 {
            (self.srtt_us, self.var_us) = (r, r / 2);
        } else {
            let off = self.srtt_us.abs_diff(r);
            self.var_us = self.var_us - self.var_us / 4 + off / 4;
            self.srtt_us = self.srtt_us - self.srtt_us / 8 + r / 8;
        }
        self.samples = SAMPLES_MIN.min(self.samples + 1);
    }

    /// The smoothed round trip, once there is one.
    pub(crate) fn smoothed(&self) -> Option<Span> {
        (self.samples > 0).then(|| Span::from_nanos(u64::from(self.srtt_us) * 1_000))
    }

    /// `clamp(SRTT + max(G, 4·RTTVAR), 2 s, ceiling)`, doubled for each of the `missed` pings up to the ceiling.
    pub(crate) fn timeout(&self, ceiling: Span, missed: u32) -> Span {
        if self.samples < SAMPLES_MIN {
            return ceiling;
        }
        let us = u64::from(self.srtt_us) + GRANULARITY_US.max(4 * u64::from(self.var_us));
        let base = Span::from_nanos(us * 1_000).max(TIMEOUT_MIN);
        base.times(1 << missed.min(32)).min(ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples_ms: &[u64]) -> Rtt {
        let mut rtt = Rtt::default();
        samples_ms.iter().for_each(|ms| rtt.sample(Span::from_millis(*ms)));
        rtt
    }

    #[test]
    fn the_first_sample_sets_the_estimate_and_half_of_it_the_variation() {
        let rtt = after(&[800]);
        assert_eq!((rtt.srtt_us, rtt.var_us), (800_000, 400_000));
        assert_eq!(rtt.smoothed(), Some(Span::from_millis(800)));
    }

    #[test]
    fn later_samples_move_the_estimate_by_an_eighth_and_the_variation_by_a_quarter() {
        let rtt = after(&[800, 1_200]);
        // 7/8 · 800 + 1/8 · 1,200 ms; 3/4 · 400 + 1/4 · 400 ms.
        assert_eq!((rtt.srtt_us, rtt.var_us), (850_000, 400_000));
    }

    #[test]
    fn the_timeout_adapts_from_the_third_sample_on() {
        let ceiling = Span::from_secs(20);
        assert_eq!(after(&[1000, 1000]).timeout(ceiling, 0), ceiling);
        // SRTT 1 s; RTTVAR 500 -> 375 -> 281.25 ms: 1 s + 4 · 281.25 ms.
        assert_eq!(after(&[1000, 1000, 1000]).timeout(ceiling, 0), Span::from_millis(2125));
    }

    #[test]
    fn the_timeout_doubles_for_missed_pings_and_stays_inside_its_bounds() {
        let rtt = after(&[10, 10, 10, 10]);
        assert_eq!(rtt.timeout(Span::from_secs(20), 0), Span::from_secs(2));
        assert_eq!(rtt.timeout(Span::from_secs(20), 2), Span::from_secs(8));
        assert_eq!(rtt.timeout(Span::from_secs(20), 900), Span::from_secs(20));
        assert_eq!(rtt.timeout(Span::from_secs(1), 0), Span::from_secs(1));
    }
}
