//! How evenly the server asks: the time between its pings, or its heartbeats, on one connection.

use hdrhistogram::Histogram;
use wsbeat_core::dialect::Dialect;
use wsbeat_core::event::ConnId;
use wsbeat_core::time::Instant;

use super::driver::Driver;
use super::report::record;
use super::slot::Stage;

/// The places of a slot's `asked`.
pub(super) const PINGS: usize = 0;
pub(super) const HEARTBEATS: usize = 1;

impl Driver {
    /// The server asked: a ping or a heartbeat.
    pub(super) fn asked(&mut self, id: ConnId, plane: usize) {
        let now = self.now.at;
        let Some(slot) = self.slot(id) else { return };
        let before = std::mem::replace(&mut slot.asked[plane], now);
        self.report.pings += 1;
        if before <= now {
            record(&mut self.report.spacing, now.since(before));
        }
    }

    /// A connection is no longer open: a server that had stopped asking shows in no whole gap. What comes after the load's
    /// end is the load's doing.
    pub(super) fn cut_off(&mut self, id: ConnId) {
        if self.is_finishing {
            return;
        }
        if let Some(asked) = self.slot(id).map(|slot| slot.asked) {
            self.stood(asked);
        }
    }

    /// The load is over: the gaps that still stand are cut off, and those that say something are counted.
    pub(super) fn count_cut_off(&mut self) {
        let open = self.slots.iter().flatten().filter(|slot| slot.stage == Stage::Open);
        let standing: Vec<[Instant; 2]> = open.map(|slot| slot.asked).collect();
        standing.into_iter().for_each(|asked| self.stood(asked));
        merge(&self.gaps_cut_off, self.dialect.as_ref(), &mut self.report.spacing);
    }

    fn stood(&mut self, asked: [Instant; 2]) {
        for asked in asked.into_iter().filter(|asked| *asked <= self.now.at) {
            record(&mut self.gaps_cut_off, self.now.at.since(asked));
        }
    }
}

/// Most gaps are cut off because all ends, and are short for that alone: those count that are longer than half of the whole
/// ones. Where there is none, the dialect's interval says what is long.
fn merge(cut_off: &Histogram<u64>, dialect: Option<&Dialect>, spacing: &mut Histogram<u64>) {
    let usual_us = match dialect {
        _ if !spacing.is_empty() => spacing.value_at_quantile(0.5),
        Some(dialect) => u64::try_from(dialect.interval().as_micros()).unwrap_or(u64::MAX),
        None => return,
    };
    for found in cut_off.iter_recorded() {
        let gap_us = cut_off.lowest_equivalent(found.value_iterated_to());
        if gap_us > usual_us {
            spacing.saturating_record_n(gap_us, found.count_at_value());
        }
    }
}

#[cfg(test)]
mod tests {
    use wsbeat_core::time::Span;

    use super::super::report::histogram;
    use super::*;

    fn of(gaps_ms: &[u64]) -> Histogram<u64> {
        let mut histogram = histogram().unwrap();
        gaps_ms.iter().for_each(|gap| record(&mut histogram, Span::from_millis(*gap)));
        histogram
    }

    /// How many gaps are counted in the end, and the longest in milliseconds.
    fn merged(whole_ms: &[u64], cut_off_ms: &[u64], dialect: Option<&str>) -> (u64, u64) {
        let mut spacing = of(whole_ms);
        merge(&of(cut_off_ms), dialect.and_then(Dialect::preset), &mut spacing);
        (spacing.len(), (spacing.max() + 500) / 1_000)
    }

    #[test]
    fn every_outage_counts_and_no_gap_that_was_only_cut_short() {
        assert_eq!(merged(&[1_000; 9], &[1, 400, 999], None), (9, 1_000));
        let (count, longest_ms) = merged(&[1_000; 9], &[400, 3_000, 16_000, 3_000], None);
        assert_eq!(count, 12);
        assert!((15_980..=16_016).contains(&longest_ms), "{longest_ms}");
    }

    #[test]
    fn where_no_gap_was_whole_the_dialect_says_what_is_long() {
        assert_eq!(merged(&[], &[4_000], Some("htx-spot-v1")), (0, 0));
        assert_eq!(merged(&[], &[4_000, 8_000], Some("htx-spot-v1")).0, 1);
        assert_eq!(merged(&[], &[8_000], None), (0, 0), "how often pings would come nobody knows");
    }
}
