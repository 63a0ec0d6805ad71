//! What the driver counts besides the shared counts: how connections ended, how late its timer was, and what the core counted.

use wsbeat_core::event::{Verdict, VerdictKind};
use wsbeat_core::stats::{Histogram, Stats};
use wsbeat_core::time::Instant;

/// The figures of a server since it began, taken between two turns of its driver.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What the core counted: pings, answers and the histograms of their round trips.
    pub heartbeats: Stats,
    /// How late the driver came to its deadlines: from the instant it had asked to be woken at to the one it looked.
    pub timer_lag: Histogram,
    /// How upgraded connections ended, in the order in which each way was seen first. Counted at the verdict, once a connection.
    pub closes: Vec<Closes>,
}

impl Figures {
    /// Adds the figures of another server.
    pub fn merge(&mut self, other: &Figures) {
        self.heartbeats.merge(&other.heartbeats);
        self.timer_lag.merge(&other.timer_lag);
        for closes in &other.closes {
            add(&mut self.closes, closes.verdict, closes.code, closes.count);
        }
    }
}

/// How many connections ended in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closes {
    /// What was decided; `None` where the stream just ended.
    pub verdict: Option<VerdictKind>,
    /// The code of the close frame that we sent: of an echo, the peer's; 1005 for an empty one, 1006 where none was sent.
    /// `None` counts all codes beyond those that are told apart: peers may send thousands of them.
    pub code: Option<u16>,
    /// How many.
    pub count: u64,
}

/// How many ways of ending are told apart; further codes are counted together.
const WAYS_MAX: usize = 64;

/// What the driver counts for its [`Figures`].
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) timer_lag: TimerLag,
    closes: Vec<Closes>,
}

impl Counted {
    /// We sent a close frame for this verdict.
    pub(super) fn closed(&mut self, verdict: &Verdict) {
        add(&mut self.closes, Some(verdict.kind), Some(verdict.code.unwrap_or(1005)), 1);
    }

    /// A connection ended without a close frame of ours.
    pub(super) fn cut(&mut self, verdict: Option<&Verdict>) {
        add(&mut self.closes, verdict.map(|verdict| verdict.kind), Some(1006), 1);
    }

    pub(super) fn figures(&self, heartbeats: &Stats) -> Figures {
        Figures { heartbeats: heartbeats.clone(), timer_lag: self.timer_lag.histogram.clone(), closes: self.closes.clone() }
    }
}

fn add(closes: &mut Vec<Closes>, verdict: Option<VerdictKind>, code: Option<u16>, count: u64) {
    let position = |closes: &[Closes], code| closes.iter().position(|c| c.verdict == verdict && c.code == code);
    let code = if position(closes, code).is_none() && closes.len() >= WAYS_MAX { None } else { code };
    match position(closes, code) {
        Some(known) => closes[known].count = closes[known].count.saturating_add(count),
        None => closes.push(Closes { verdict, code, count }),
    }
}

/// How late the driver comes to its deadlines.
#[derive(Debug)]
pub(super) struct TimerLag {
    /// When the hub wants to be asked, as was last said.
    wake_at: Instant,
    histogram: Histogram,
}

impl Default for TimerLag {
    fn default() -> Self {
        TimerLag { wake_at: Instant::NEVER, histogram: Histogram::default() }
    }
}

impl TimerLag {
    /// The driver will come at `at`.
    pub(super) const fn promise(&mut self, at: Instant) {
        self.wake_at = at;
    }

    /// The driver asks the hub at `now`.
    pub(super) fn look(&mut self, now: Instant) {
        if self.wake_at <= now {
            self.histogram.record(now.since(self.wake_at));
            self.wake_at = Instant::NEVER;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_hostile_peers_cannot_grow_the_table() {
        let mut closes = Vec::new();
        add(&mut closes, Some(VerdictKind::PeerSilent), Some(4408), 1);
        for code in 3000..4000 {
            add(&mut closes, Some(VerdictKind::PeerClosed), Some(code), 1);
        }
        add(&mut closes, Some(VerdictKind::PeerSilent), Some(4408), 1);
        assert_eq!(closes[0].count, 2);
        assert!(closes.len() <= WAYS_MAX + VerdictKind::ALL.len(), "{}", closes.len());
        let other = closes.iter().find(|c| c.code.is_none()).unwrap();
        assert_eq!((other.verdict, closes.iter().map(|c| c.count).sum::<u64>()), (Some(VerdictKind::PeerClosed), 1_002));
    }

    #[test]
    fn lag_is_counted_once_a_promise() {
        let mut lag = TimerLag::default();
        lag.look(Instant::from_secs(1));
        lag.promise(Instant::from_secs(2));
        lag.look(Instant::from_millis(1_999));
        lag.look(Instant::from_millis(2_003));
        lag.look(Instant::from_millis(2_004));
        assert_eq!((lag.histogram.count(), lag.histogram.sum()), (1, wsbeat_core::time::Span::from_millis(3)));
    }
}
