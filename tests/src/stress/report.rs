//! What came of it, and whether it is what was promised.

use std::fmt;
use std::time::Duration;

use super::Stress;
use super::process::Weight;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Handshakes that were completed.
    pub opened: u64,
    /// Connections of peers that answer which the server closed or dropped.
    pub healthy_closed: u64,
    /// Handshakes of peers that do not flood which came to nothing.
    pub refused: u64,
    /// Mute peers that were closed.
    pub mute_closed: u64,
    /// Of these, those that got another code than 4408, or none.
    pub mute_miscoded: u64,
    /// Of these, those that were closed before two heartbeats had stood unanswered for their period.
    pub mute_early: u64,
    /// How much later than its third beat a mute peer was closed: the worst.
    pub mute_late_max: Duration,
    /// How much later than planned the peers themselves did something: the worst. Peers that are late by seconds are closed rightly.
    pub fleet_late_max: Duration,
    /// Closes of those that flood, by code (0: none came).
    pub flood_closes: Vec<(u16, u64)>,
    /// How long heartbeats were on their way to peers that answer, from the token's time; the stop left out.
    pub delays_ms: Vec<u64>,
    /// The server's exit status.
    pub status: Option<i32>,
    /// The server without a connection, before the first came.
    pub(super) empty: Weight,
    /// The server with all connections, when they had just come.
    pub(super) full: Weight,
    /// The most that it held in each tenth of the time.
    pub(super) tenths: Vec<u64>,
    /// At the end, all connections still there.
    pub(super) last: Weight,
    /// After all had left.
    pub(super) left: Weight,
}

/// What a table's doublings and an allocator's habits may leave, besides what grows.
const GRAIN_KIB: u64 = 2_048;

impl Report {
    pub(super) fn delay(&mut self, ms: u64) {
        let bucket = usize::try_from(ms).unwrap_or(usize::MAX).min(60_000);
        if self.delays_ms.len() <= bucket {
            self.delays_ms.resize(bucket + 1, 0);
        }
        self.delays_ms[bucket] += 1;
    }

    pub(super) fn flood_close(&mut self, code: u16) {
        match self.flood_closes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => self.flood_closes.push((code, 1)),
        }
    }

    pub(super) fn weigh(&mut self, part: f64, weight: Weight) {
        let tenth = ((part * 10.0) as usize).min(9);
        if self.tenths.len() <= tenth {
            self.tenths.resize(tenth + 1, 0);
        }
        self.tenths[tenth] = self.tenths[tenth].max(weight.resident_kib);
    }

    /// The delay in milliseconds that this share of the heartbeats did not exceed.
    #[must_use]
    pub fn delay_ms(&self, share: f64) -> usize {
        let total: u64 = self.delays_ms.iter().sum();
        let mut left = (total as f64 * share).ceil() as u64;
        let reached = |n: &u64| {
            left = left.saturating_sub(*n);
            left == 0
        };
        self.delays_ms.iter().position(reached).unwrap_or(0)
    }

    /// Every promise that was not kept.
    #[must_use]
    pub fn broken(&self, stress: &Stress) -> Vec<String> {
        let (full, last) = (self.full.resident_kib, self.last.resident_kib);
        let tenths = (self.tenths.first().copied().unwrap_or(0), self.tenths.last().copied().unwrap_or(0));
        let grown = |from: u64, to: u64| to > from + from / 20 + GRAIN_KIB;
        let promises = [
            (self.healthy_closed == 0, format!("{} peers that answer were closed", self.healthy_closed)),
            (self.refused == 0, format!("{} handshakes came to nothing", self.refused)),
            (self.mute_closed > 0, "no mute peer was closed".to_owned()),
            (self.mute_miscoded == 0, format!("{} mute peers did not get 4408", self.mute_miscoded)),
            (self.mute_early == 0, format!("{} mute peers were closed too early", self.mute_early)),
            (self.mute_late_max <= stress.slack, format!("a mute peer was closed {:?} late", self.mute_late_max)),
            (!grown(full, last), format!("memory grew from {full} to {last} KiB")),
            (!grown(tenths.0, tenths.1), format!("memory grew over time: {:?} KiB", self.tenths)),
            (
                self.left.resident_kib <= self.empty.resident_kib + GRAIN_KIB,
                format!("{} KiB before, {} KiB when all have left", self.empty.resident_kib, self.left.resident_kib),
            ),
            (
                self.left.descriptors == self.empty.descriptors,
                format!("{} descriptors before, {} after", self.empty.descriptors, self.left.descriptors),
            ),
            (self.status == Some(0), format!("the server ended with {:?}", self.status)),
        ];
        promises.into_iter().filter(|(kept, _)| !kept).map(|(_, broken)| broken).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "opened {}, refused {}, healthy closed {}", self.opened, self.refused, self.healthy_closed)?;
        writeln!(
            f,
            "mute closed {}, of them not with 4408 {}, too early {}, the latest {:?} late",
            self.mute_closed, self.mute_miscoded, self.mute_early, self.mute_late_max
        )?;
        writeln!(f, "floods closed, by code: {:?}; the peers themselves were at most {:?} late", self.flood_closes, self.fleet_late_max)?;
        let [median, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|share| self.delay_ms(share));
        writeln!(f, "heartbeats on their way: median {median} ms, p99 {p99} ms, p99.9 {p999} ms, most {max} ms")?;
        writeln!(
            f,
            "resident: empty {} KiB, full {} KiB, at the end {} KiB, all left {} KiB",
            self.empty.resident_kib, self.full.resident_kib, self.last.resident_kib, self.left.resident_kib
        )?;
        writeln!(f, "resident at most, by tenths of the time: {:?} KiB", self.tenths)?;
        write!(
            f,
            "descriptors: {} before, {} full, {} after; exit status {:?}",
            self.empty.descriptors, self.full.descriptors, self.left.descriptors, self.status
        )
    }
}
