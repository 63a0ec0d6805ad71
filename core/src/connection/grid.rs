//! The points in time at which something is due again and again.

use crate::rng::{Chance, Purpose};
use crate::time::{Instant, Span, grid_after};

/// A grid: its first point, and the next one to serve (before jitter, which is what tells one beat from another).
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Grid {
    first: Instant,
    next: Instant,
}

/// How the points of a grid lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    pub(super) period: Span,
    pub(super) jitter_ppm: u32,
    pub(super) chance: Chance,
}

impl Grid {
    /// The grid that began at `first` and whose next point is `next`; without points both are [`Instant::NEVER`].
    pub(super) const fn new(first: Instant, next: Instant) -> Self {
        Grid { first, next }
    }

    /// When the next point is due. The first one is never moved.
    pub(super) fn due(&self, spacing: Spacing) -> Instant {
        self.moved(self.next, spacing)
    }

    fn moved(&self, point: Instant, spacing: Spacing) -> Instant {
        if spacing.jitter_ppm == 0 || point == self.first || point == Instant::NEVER {
            return point;
        }
        let reach = jitter(spacing);
        let early = Instant::from_nanos(point.as_nanos().saturating_sub(reach.as_nanos()));
        early.after(spacing.chance.span(Purpose::Jitter, point.as_nanos(), reach.times(2)))
    }

    /// The point is served: the next one is the first after `now` (R4), at least one further on.
    pub(super) fn passed(&self, spacing: Spacing, now: Instant) -> Instant {
        self.moved_after(grid_after(self.next.after(spacing.period), spacing.period, now), spacing, now)
    }

    /// The period changed: the next point is the first of first + k · period after `now` (R9).
    pub(super) fn rebased(&self, spacing: Spacing, now: Instant) -> Instant {
        self.moved_after(grid_after(self.first, spacing.period, now), spacing, now)
    }

    fn moved_after(&self, point: Instant, spacing: Spacing, now: Instant) -> Instant {
        if self.moved(point, spacing) <= now { point.after(spacing.period) } else { point }
    }
}

/// Into how many slots of time the points of all connections fall within an interval.
const SLOTS: u64 = 256;

/// The drawn instant `at`, moved back to the begin of its slot, or to the next where that lies before `earliest`.
///
/// Connections that are due in the same slot are due at the same instant: one wake-up serves them, and one token and one
/// encoded heartbeat. Spread over 256 slots they are no herd: of 18,000 connections 70 at once, a third of a millisecond of work.
pub(super) fn slotted(at: Instant, earliest: Instant, interval: Span) -> Instant {
    let step = interval.part(SLOTS);
    if step == Span::ZERO {
        return at;
    }
    let begin = at.before(Span::from_nanos(at.as_nanos() % step.as_nanos()));
    if begin < earliest { begin.after(step) } else { begin }
}

/// How far a point may move either way.
fn jitter(spacing: Spacing) -> Span {
    let nanos = u128::from(spacing.period.as_nanos()) * u128::from(spacing.jitter_ppm) / 1_000_000;
    Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(first: Instant) -> Grid {
        Grid::new(first, first)
    }

    fn spacing(jitter_ppm: u32) -> Spacing {
        Spacing { period: Span::from_secs(20), jitter_ppm, chance: Chance::new(3, 4) }
    }

    #[test]
    fn late_points_coalesce_into_the_first_after_now() {
        let mut grid = from(Instant::from_secs(15));
        grid.next = grid.passed(spacing(0), Instant::from_secs(77));
        assert_eq!(grid.due(spacing(0)), Instant::from_secs(95));
    }

    #[test]
    fn jitter_moves_points_both_ways_inside_its_reach_and_never_repeats_one() {
        let (mut grid, s) = (from(Instant::from_secs(15)), spacing(400_000));
        assert_eq!(grid.due(s), Instant::from_secs(15), "the first one is never moved");
        let (mut early, mut late) = (0, 0);
        for k in 1..500u64 {
            let now = grid.due(s);
            grid.next = grid.passed(s, now);
            assert!(grid.due(s) > now);
            let plain = Instant::from_secs(15 + 20 * k);
            assert!(plain.since(grid.due(s)).max(grid.due(s).since(plain)) <= Span::from_secs(8));
            if grid.due(s) < plain { early += 1 } else { late += 1 }
        }
        assert!(early.min(late) > 150, "{early} early, {late} late");
    }

    #[test]
    fn a_new_period_goes_on_from_the_first_point() {
        let mut grid = from(Instant::from_secs(15));
        grid.next = grid.passed(spacing(0), Instant::from_secs(15));
        grid.next = grid.rebased(Spacing { period: Span::from_secs(7), ..spacing(0) }, Instant::from_secs(20));
        assert_eq!(grid.next, Instant::from_secs(22));
    }

    #[test]
    fn drawn_points_fall_into_slots_and_never_before_the_earliest() {
        let (interval, step) = (Span::from_secs(20), 78_125_000);
        for nanos in [0, 1, 5_000_000_000, 12_345_678_901, 19_999_999_999] {
            let (at, earliest) = (Instant::from_nanos(7 + nanos), Instant::from_nanos(7));
            let slotted = slotted(at, earliest, interval);
            assert_eq!(slotted.as_nanos() % step, 0);
            assert!((earliest..=at.max(Instant::from_nanos(step))).contains(&slotted));
        }
        let earliest = Instant::from_nanos(step);
        assert_eq!(slotted(Instant::from_nanos(step + 3), earliest, interval), earliest);
        assert_eq!(slotted(Instant::from_nanos(3), Instant::ZERO, Span::from_nanos(9)), Instant::from_nanos(3));
    }

    #[test]
    fn the_end_of_time_has_no_next_point() {
        let mut grid = from(Instant::from_nanos(u64::MAX - 10));
        grid.next = grid.passed(spacing(400_000), Instant::from_nanos(u64::MAX - 5));
        assert_eq!(grid.due(spacing(400_000)), Instant::NEVER);
    }
}
