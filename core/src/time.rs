//! Time as a number that the caller passes in.

use core::fmt;
use core::time::Duration;

/// A point in monotonic time: nanoseconds since a zero of the caller's choice.
///
/// All arithmetic saturates: nothing here can overflow or panic, whatever the caller's clock says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The caller's zero.
    pub const ZERO: Instant = Instant(0);
    /// Later than everything: a deadline that does not come.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The instant `nanos` nanoseconds after zero.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// The instant `millis` milliseconds after zero.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Instant(millis.saturating_mul(1_000_000))
    }

    /// The instant `secs` seconds after zero.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Instant(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since zero.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant moved later by `span`, at most [`Instant::NEVER`].
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Instant(self.0.saturating_add(span.0))
    }

    /// This instant moved earlier by `span`, at least [`Instant::ZERO`].
    #[must_use]
    pub const fn before(self, span: Span) -> Self {
        Instant(self.0.saturating_sub(span.0))
    }

    /// The time passed since `earlier`; zero where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Instant) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Instant::NEVER {
            return f.write_str("never");
        }
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A length of time in nanoseconds: what a checked [`Duration`] becomes inside the core.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// The longest span; added to any instant it gives [`Instant::NEVER`].
    pub const MAX: Span = Span(u64::MAX);

    /// A span of `nanos` nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Span(nanos)
    }

    /// A span of `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Span(millis.saturating_mul(1_000_000))
    }

    /// A span of `secs` seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Span(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This span `n` times over.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Span(self.0.saturating_mul(n))
    }

    /// This span and `other`.
    #[must_use]
    pub const fn plus(self, other: Span) -> Self {
        Span(self.0.saturating_add(other.0))
    }

    /// This span less `other`, at least zero.
    #[must_use]
    pub const fn minus(self, other: Span) -> Self {
        Span(self.0.saturating_sub(other.0))
    }

    /// The `n`th part of this span; `n` of zero counts as one.
    #[must_use]
    pub const fn part(self, n: u64) -> Self {
        Span(self.0 / if n == 0 { 1 } else { n })
    }
}

impl From<Duration> for Span {
    /// Saturates at [`Span::MAX`] (584 years).
    fn from(duration: Duration) -> Self {
        Span(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Duration::from_nanos(span.0)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Duration` says 0ns, of whatever length it was meant to be.
        if *self == Span::ZERO { f.write_str("0s") } else { fmt::Debug::fmt(&Duration::from(*self), f) }
    }
}

/// The present, as the caller sees it.
///
/// The monotonic part decides; the wall clock is used for one thing only: tokens that are timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// Monotonic time.
    pub at: Instant,
    /// Unix time in milliseconds.
    pub wall_ms: u64,
}

impl Now {
    /// The present at monotonic `at` and Unix time `wall_ms` milliseconds.
    #[must_use]
    pub const fn new(at: Instant, wall_ms: u64) -> Self {
        Now { at, wall_ms }
    }
}

/// Keeps monotonic time from running backwards: a `now` lower than before is taken as before.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(crate) struct Guard {
    last: Instant,
}

impl Guard {
    /// A guard that has seen `at`.
    pub(crate) const fn at(at: Instant) -> Self {
        Guard { last: at }
    }

    /// The present to use, and whether the caller's clock had run backwards.
    pub(crate) fn observe(&mut self, now: Now) -> (Now, bool) {
        if now.at < self.last {
            return (Now { at: self.last, ..now }, true);
        }
        // The present is never `NEVER`: a deadline that does not come is later than every now.
        self.last = now.at.min(Instant(u64::MAX - 1));
        (Now { at: self.last, ..now }, false)
    }
}

/// The first point of the grid `point`, `point + period`, … that is later than `now`.
///
/// A period of zero has no later point: [`Instant::NEVER`].
#[must_use]
pub(crate) const fn grid_after(point: Instant, period: Span, now: Instant) -> Instant {
    if point.0 > now.0 {
        return point;
    }
    if period.0 == 0 {
        return Instant::NEVER;
    }
    let missed = (now.0 - point.0) / period.0;
    Instant(point.0.saturating_add(period.0.saturating_mul(missed.saturating_add(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Instant::NEVER.after(Span::from_secs(1)), Instant::NEVER);
        assert_eq!(Instant::ZERO.since(Instant::NEVER), Span::ZERO);
        assert_eq!(Span::MAX.times(2), Span::MAX);
        assert_eq!(Span::ZERO.minus(Span::MAX), Span::ZERO);
        assert_eq!(Span::from(Duration::MAX), Span::MAX);
    }

    #[test]
    fn nothing_is_written_in_seconds() {
        assert_eq!(alloc::format!("{:?} {:?}", Span::ZERO, Span::from_millis(5)), "0s 5ms");
    }

    #[test]
    fn the_next_grid_point_is_always_later() {
        let (g, p) = (Instant::from_secs(15), Span::from_secs(20));
        assert_eq!(grid_after(g, p, Instant::from_secs(3)), g);
        assert_eq!(grid_after(g, p, g), Instant::from_secs(35));
        assert_eq!(grid_after(g, p, Instant::from_secs(75)), Instant::from_secs(95));
        assert_eq!(grid_after(g, Span::ZERO, g), Instant::NEVER);
        assert_eq!(grid_after(g, p, Instant::from_nanos(u64::MAX - 5)), Instant::NEVER);
    }

    #[test]
    fn the_present_is_never_never() {
        let (held, back) = Guard::default().observe(Now::new(Instant::NEVER, 7));
        assert_eq!((held, back), (Now::new(Instant::from_nanos(u64::MAX - 1), 7), false));
    }

    #[test]
    fn instants_are_shown_in_seconds_to_the_nanosecond() {
        assert_eq!(alloc::format!("{:?} {:?}", Instant::from_nanos(1_000_000_007), Instant::NEVER), "1.000000007s never");
        assert_eq!(alloc::format!("{:?}", Span::from_millis(1_500)), "1.5s");
    }

    #[test]
    fn a_clock_that_steps_back_is_held() {
        let mut guard = Guard::default();
        let later = Now::new(Instant::from_secs(2), 7);
        assert_eq!(guard.observe(later), (later, false));
        let (held, back) = guard.observe(Now::new(Instant::from_secs(1), 8));
        assert_eq!((held, back), (Now::new(Instant::from_secs(2), 8), true));
    }
}
