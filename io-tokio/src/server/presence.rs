//! Time without the stretches in which the host did not let the driver run: those are not the peers' (rule R5).

use wsbeat_core::time::{Instant, Span};

/// A wake-up that is later than this was kept from the driver, by a stop or by a host that is overloaded.
const LATE_MIN: Span = Span::from_millis(100);

/// A clock that stands still while the driver is kept from running, as far as it can know: what it did not mean to sleep
/// through.
#[derive(Debug)]
pub(super) struct Presence {
    absent: Span,
    /// When the driver meant to be awake again.
    wanted: Instant,
}

impl Presence {
    /// Nothing was missed yet.
    pub(super) const fn new() -> Self {
        Presence { absent: Span::ZERO, wanted: Instant::NEVER }
    }

    /// The driver rests, until `at` at the latest.
    pub(super) fn rests_until(&mut self, at: Instant) {
        self.wanted = at;
    }

    /// The driver is awake, having looked every `each` before: in so much of the time before the wake-up that it wanted it may have been
    /// kept from running as well.
    pub(super) fn awake(&mut self, now: Instant, each: Span) {
        let late = now.since(self.wanted);
        if late > LATE_MIN {
            self.absent = self.absent.plus(late).plus(each);
        }
        self.wanted = now;
    }

    /// An instant on this clock.
    pub(super) fn of(&self, at: Instant) -> Instant {
        at.before(self.absent)
    }

    /// When an instant of this clock is to come, if nothing is missed until then.
    pub(super) fn when(&self, present: Instant) -> Instant {
        present.after(self.absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Span = Span::from_secs(1);

    fn at(millis: u64) -> Instant {
        Instant::ZERO.after(Span::from_millis(millis))
    }

    #[test]
    fn it_stands_still_while_the_driver_is_kept_from_running() {
        let mut presence = Presence::new();
        presence.awake(at(500), EACH);
        presence.rests_until(at(1_500));
        presence.awake(at(1_000), EACH);
        assert_eq!(presence.of(at(1_000)), at(1_000), "woken early");
        presence.rests_until(at(2_000));
        presence.awake(at(2_100), EACH);
        assert_eq!(presence.of(at(2_100)), at(2_100), "late by no more than a busy host is");
        presence.rests_until(at(3_000));
        presence.awake(at(33_000), EACH);
        assert_eq!(presence.of(at(33_000)), at(2_000), "30 s late, and the second before");
        assert_eq!(presence.when(at(2_000)), at(33_000));
    }

    #[test]
    fn who_rests_for_ever_is_never_late() {
        let mut presence = Presence::new();
        presence.rests_until(Instant::NEVER);
        presence.awake(at(1_000_000), EACH);
        assert_eq!(presence.of(at(1_000_000)), at(1_000_000));
        assert_eq!(presence.when(Instant::NEVER), Instant::NEVER);
    }
}
