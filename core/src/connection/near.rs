//! Instants in five bytes, and other small numbers.

use crate::time::{Instant, Span};

/// A number of 40 bits in five bytes: it needs no alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Forty([u8; 5]);

impl Forty {
    pub(super) const ZERO: Forty = Forty([0; 5]);
    pub(super) const MAX: u64 = (1 << 40) - 1;

    /// The low 40 bits of `n`.
    #[inline]
    pub(super) const fn new(n: u64) -> Self {
        let [a, b, c, d, e, ..] = n.to_le_bytes();
        Forty([a, b, c, d, e])
    }

    #[inline]
    pub(super) const fn get(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }
}

/// An instant near another one, its anchor: exact to the nanosecond from 17 minutes before it to 68 seconds after it.
///
/// What lies farther off is [`FAR`](Near::FAR) and kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Near(Forty);

/// How far after its anchor an instant may lie.
const AHEAD: Span = Span::from_nanos(1 << 36);

impl Near {
    /// Never, whatever the anchor.
    pub(super) const NEVER: Near = Near(Forty::new(Forty::MAX));
    /// Too far from the anchor.
    pub(super) const FAR: Near = Near(Forty::new(Forty::MAX - 1));

    /// `at`, seen from `anchor`.
    pub(super) const fn new(at: Instant, anchor: Instant) -> Self {
        if at.as_nanos() == Instant::NEVER.as_nanos() {
            return Near::NEVER;
        }
        let back = anchor.as_nanos().wrapping_add(AHEAD.as_nanos()).wrapping_sub(at.as_nanos());
        if back < Near::FAR.0.get() { Near(Forty::new(back)) } else { Near::FAR }
    }

    /// The instant, seen from the same anchor; `None` where it is too far from it.
    pub(super) const fn at(self, anchor: Instant) -> Option<Instant> {
        match self.0.get() {
            Forty::MAX => Some(Instant::NEVER),
            back if back == Forty::MAX - 1 => None,
            back => Some(Instant::from_nanos(anchor.as_nanos().wrapping_add(AHEAD.as_nanos()).wrapping_sub(back))),
        }
    }

    pub(super) fn is_never(self) -> bool {
        self == Near::NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn near_instants_come_back_to_the_nanosecond_and_far_ones_not_at_all() {
        let anchor = Instant::from_secs(5_000);
        let back = (1u64 << 40) - 2 - (1 << 36);
        for (at, is_near) in [
            (anchor, true),
            (anchor.after(AHEAD), true),
            (anchor.after(AHEAD).after(Span::from_nanos(1)), false),
            (anchor.before(Span::from_nanos(back - 1)), true),
            (anchor.before(Span::from_nanos(back)), false),
            (Instant::ZERO, false),
        ] {
            assert_eq!(Near::new(at, anchor).at(anchor), is_near.then_some(at), "{at:?}");
        }
    }

    #[test]
    fn never_is_never_whatever_the_anchor() {
        for anchor in [Instant::ZERO, Instant::from_secs(9), Instant::NEVER] {
            assert!(Near::new(Instant::NEVER, anchor).is_never());
            assert_eq!(Near::NEVER.at(anchor), Some(Instant::NEVER));
        }
    }

    #[test]
    fn at_both_ends_of_time_nothing_is_mistaken_for_another() {
        let mut rng = Rng::new(1);
        for _ in 0..if cfg!(miri) { 500 } else { 100_000 } {
            let mut draw = || match rng.below(3) {
                0 => Instant::from_nanos(rng.below(1 << 41)),
                1 => Instant::from_nanos(u64::MAX - rng.below(1 << 41)),
                _ => Instant::from_nanos(rng.next_u64()),
            };
            let (at, anchor) = (draw(), draw());
            let near = Near::new(at, anchor).at(anchor);
            assert!(near.is_none_or(|same| same == at), "{at:?} from {anchor:?}: {near:?}");
        }
    }
}
