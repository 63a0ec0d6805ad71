//! Counters and round trips, as plain integers.

use crate::event::{Counter, Plane};
use crate::time::Span;

/// What was counted, and how long answers took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    counts: [u64; Counter::COUNT],
    transport: Histogram,
    application: Histogram,
}

impl Default for Stats {
    fn default() -> Self {
        Stats { counts: [0; Counter::COUNT], transport: Histogram::default(), application: Histogram::default() }
    }
}

impl Stats {
    /// How often `counter` was counted.
    #[must_use]
    pub const fn get(&self, counter: Counter) -> u64 {
        self.counts[counter as usize]
    }

    /// Counts once more; saturates.
    pub const fn add(&mut self, counter: Counter) {
        let n = &mut self.counts[counter as usize];
        *n = n.saturating_add(1);
    }

    /// The round trips of a plane: of pings, or of heartbeats.
    #[must_use]
    pub const fn rtt(&self, plane: Plane) -> &Histogram {
        match plane {
            Plane::Transport => &self.transport,
            Plane::Application => &self.application,
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Stats) {
        for (n, more) in self.counts.iter_mut().zip(&other.counts) {
            *n = n.saturating_add(*more);
        }
        self.transport.merge(&other.transport);
        self.application.merge(&other.application);
    }

    /// Records a round trip of a plane.
    pub const fn record(&mut self, plane: Plane, rtt: Span) {
        match plane {
            Plane::Transport => self.transport.record(rtt),
            Plane::Application => self.application.record(rtt),
        }
    }
}

/// The buckets of each power of two of microseconds.
const PARTS: u64 = 4;
/// Whole microseconds from 0 to 3, then four buckets for each power of two from 2^2 to 2^31.
const BUCKETS: usize = 124;

/// How often spans of which length came: four buckets to a power of two of microseconds.
///
/// Spans are cut to whole microseconds. Up to 8 µs a bucket is one microsecond wide, above that at most a quarter of
/// where it begins, and so is the error of [`quantile`](Histogram::quantile). The last one begins at 7 · 2^29 µs (63 minutes)
/// and takes all that is longer. A kilobyte, whatever comes; nothing is allocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    sum: Span,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: [0; BUCKETS], sum: Span::ZERO }
    }
}

impl Histogram {
    /// Counts a span.
    pub const fn record(&mut self, span: Span) {
        let n = &mut self.buckets[bucket_of(span)];
        *n = n.saturating_add(1);
        self.sum = self.sum.plus(span);
    }

    /// Adds the spans of another.
    pub fn merge(&mut self, other: &Histogram) {
        for (n, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *n = n.saturating_add(*more);
        }
        self.sum = self.sum.plus(other.sum);
    }

    /// How many spans were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// All spans together, exact; saturates at [`Span::MAX`].
    #[must_use]
    pub const fn sum(&self) -> Span {
        self.sum
    }

    /// The span that `per_mille` thousandths of all do not exceed, rounded up to the end of its bucket; `None` when
    /// nothing was counted. Over 1,000 counts as 1,000.
    #[must_use]
    pub fn quantile(&self, per_mille: u32) -> Option<Span> {
        let share = u128::from(self.count()) * u128::from(per_mille.min(1_000));
        let rank = share.div_ceil(1_000).max(1);
        self.buckets().find(|(_, n)| u128::from(*n) >= rank).map(|(end, _)| end)
    }

    /// Every bucket in ascending order: where it ends, and how many spans were shorter than that.
    ///
    /// These are the buckets of a Prometheus histogram, `le` and count; its `+Inf` is [`count`](Histogram::count). The
    /// end of the last one is [`Span::MAX`]. Every fourth, from the fourth on, ends at a power of two of microseconds.
    pub fn buckets(&self) -> impl Iterator<Item = (Span, u64)> + '_ {
        let mut sum = 0u64;
        self.buckets.iter().enumerate().map(move |(bucket, n)| {
            sum = sum.saturating_add(*n);
            (end_of(bucket), sum)
        })
    }
}

/// The bucket of a span.
#[allow(clippy::cast_possible_truncation, reason = "below 124 by the min")]
const fn bucket_of(span: Span) -> usize {
    let us = span.as_nanos() / 1_000;
    if us < PARTS {
        return us as usize;
    }
    let power = us.ilog2() as u64;
    let part = (us >> (power - 2)) % PARTS;
    let bucket = (power - 1) * PARTS + part;
    if bucket < BUCKETS as u64 { bucket as usize } else { BUCKETS - 1 }
}

/// Where a bucket ends: the first span that is not in it.
const fn end_of(bucket: usize) -> Span {
    let next = bucket as u64 + 1;
    if next == BUCKETS as u64 {
        return Span::MAX;
    }
    let us = if next < PARTS { next } else { (PARTS + next % PARTS) << (next / PARTS - 1) };
    Span::from_nanos(us * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_lies_in_the_bucket_that_ends_after_it() {
        let edges = (0..45).flat_map(|power| [(1u64 << power) - 1, 1 << power, (1 << power) + 1, 5 << power, 7 << power]);
        for nanos in edges.chain([u64::MAX]) {
            let bucket = bucket_of(Span::from_nanos(nanos));
            let from = if bucket == 0 { 0 } else { end_of(bucket - 1).as_nanos() };
            assert!(nanos >= from, "{nanos}");
            assert!(nanos.saturating_add(1) <= end_of(bucket).as_nanos(), "{nanos}");
        }
    }

    #[test]
    fn buckets_are_at_most_a_quarter_wide_and_every_fourth_ends_at_a_power_of_two() {
        for bucket in 4..BUCKETS - 1 {
            let (from, to) = (end_of(bucket - 1).as_nanos(), end_of(bucket).as_nanos());
            assert!((1..=from / 4).contains(&(to - from)), "{bucket}: {from} {to}");
            if bucket % 4 == 3 {
                assert!((to / 1_000).is_power_of_two());
            }
        }
        assert_eq!(end_of(BUCKETS - 2), Span::from_nanos((7u64 << 29) * 1_000));
    }

    #[test]
    fn quantiles_are_those_of_the_spans_up_to_a_quarter() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), None);
        for ms in 1..=1_000 {
            histogram.record(Span::from_millis(ms));
        }
        for per_mille in [1, 10, 500, 990, 1_000] {
            let (exact, told) = (Span::from_millis(u64::from(per_mille)), histogram.quantile(per_mille).unwrap());
            assert!((exact..=exact.plus(exact.part(4))).contains(&told), "{per_mille}: {told:?}");
        }
        assert_eq!((histogram.count(), histogram.sum()), (1_000, Span::from_millis(500_500)));
        assert_eq!(histogram.quantile(0), histogram.quantile(1));
        assert_eq!(histogram.quantile(2_000), histogram.quantile(1_000));
    }

    #[test]
    fn what_two_counted_adds_up() {
        let (mut one, mut two) = (Stats::default(), Stats::default());
        let count = |stats: &mut Stats, ms| {
            stats.add(Counter::PongsMatched);
            stats.record(Plane::Transport, Span::from_millis(ms));
        };
        count(&mut one, 1);
        count(&mut two, 1);
        count(&mut two, 7);
        one.merge(&two);
        assert_eq!((one.get(Counter::PongsMatched), one.get(Counter::PongsStale)), (3, 0));
        assert_eq!((one.rtt(Plane::Transport).count(), one.rtt(Plane::Transport).sum()), (3, Span::from_millis(9)));
        assert_eq!(one.rtt(Plane::Application).count(), 0);
    }

    #[test]
    fn buckets_add_up_to_the_count() {
        let mut stats = Stats::default();
        for nanos in [0, 999, 1_000, 2_500_000, u64::MAX] {
            stats.record(Plane::Transport, Span::from_nanos(nanos));
        }
        let buckets: alloc::vec::Vec<_> = stats.rtt(Plane::Transport).buckets().collect();
        assert_eq!(buckets[0], (Span::from_nanos(1_000), 2));
        assert_eq!(buckets[BUCKETS - 2].1, 4);
        assert_eq!(buckets[BUCKETS - 1], (Span::MAX, 5));
        assert_eq!(stats.rtt(Plane::Transport).sum(), Span::MAX);
        assert_eq!(stats.rtt(Plane::Application).count(), 0);
    }
}
