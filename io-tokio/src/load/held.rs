//! How late the load itself was: stopped, kept from the processor, or too busy to look.

use wsbeat_core::time::{Instant, Span};

/// From so long on it counts for what is read afterwards. Shorter ones are the load's ordinary work.
const COUNTS: Span = Span::from_millis(100);

/// Watches when the sockets are looked at.
#[derive(Debug, Default)]
pub(super) struct Held {
    longest: Span,
    /// Since when what is read now may have been there, where the load was held up.
    since: Option<Instant>,
}

/// One wait for the sockets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    /// When they were looked at before.
    pub(super) looked: Instant,
    /// When it began.
    pub(super) began: Instant,
    /// When it had to end.
    pub(super) until: Instant,
    /// When it ended.
    pub(super) ended: Instant,
    /// There was no room for more events in the wait before: what is read now may have been there then.
    pub(super) was_full: bool,
}

impl Held {
    /// A wait is over.
    pub(super) fn waited(&mut self, wait: Wait) {
        let late = wait.began.since(wait.looked).plus(wait.ended.since(wait.until));
        self.longest = self.longest.max(late);
        let before = self.since.filter(|_| wait.was_full);
        self.since = if late >= COUNTS { before.or(Some(wait.ended.before(late))) } else { before };
    }

    /// Since when a question that is read at `now` has been there, as far as that can be known.
    pub(super) fn asked(&self, now: Instant) -> Instant {
        self.since.unwrap_or(now)
    }

    /// The longest that it was late.
    pub(super) const fn longest(&self) -> Span {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn wait(looked: u64, began: u64, until: u64, ended: u64) -> Wait {
        Wait { looked: ms(looked), began: ms(began), until: ms(until), ended: ms(ended), was_full: false }
    }

    #[test]
    fn a_wait_that_ends_early_or_in_time_makes_nobody_late() {
        let mut held = Held::default();
        held.waited(wait(1_000, 1_000, 1_250, 1_250));
        held.waited(wait(1_250, 1_250, 1_500, 1_300));
        assert_eq!((held.longest(), held.asked(ms(1_300))), (Span::ZERO, ms(1_300)));
    }

    #[test]
    fn a_stop_in_the_wait_and_one_in_the_work_count_for_what_is_read_next_and_no_longer() {
        for stopped in [wait(0, 10, 260, 5_250), wait(0, 5_000, 5_000, 5_000)] {
            let mut held = Held::default();
            held.waited(stopped);
            assert_eq!(
                (held.longest(), held.asked(stopped.ended)),
                (Span::from_millis(5_000), stopped.ended.before(Span::from_millis(5_000)))
            );
            held.waited(wait(6_000, 6_000, 6_100, 6_100));
            assert_eq!((held.longest(), held.asked(ms(6_100))), (Span::from_millis(5_000), ms(6_100)));
        }
    }

    #[test]
    fn what_found_no_room_among_the_events_after_a_stop_was_there_as_long() {
        let mut held = Held::default();
        held.waited(wait(0, 0, 0, 2_000));
        held.waited(Wait { was_full: true, ..wait(2_000, 2_005, 2_005, 2_005) });
        assert_eq!(held.asked(ms(2_005)), Instant::ZERO);
        held.waited(wait(2_005, 2_010, 2_010, 2_010));
        assert_eq!(held.asked(ms(2_010)), ms(2_010));
        // A full wait explains nothing where nobody was held up before it.
        held.waited(Wait { was_full: true, ..wait(2_010, 2_015, 2_015, 2_015) });
        assert_eq!(held.asked(ms(2_015)), ms(2_015));
    }

    #[test]
    fn ordinary_work_is_told_and_changes_no_answer() {
        let mut held = Held::default();
        held.waited(wait(0, 99, 99, 99));
        assert_eq!((held.longest(), held.asked(ms(99))), (Span::from_millis(99), ms(99)));
    }
}
