//! What came of a run.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::fault::{Fault, FaultCounts};
use super::judge::Breach;
use crate::event::{Counter, Plane, VerdictKind};
use crate::stats::{Histogram, Stats};
use crate::time::Span;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed of the run.
    pub seed: u64,
    /// How many clients there were.
    pub connections: u32,
    /// How long it was, in virtual time.
    pub length: Span,
    /// For how much of it faults could strike: until the calm.
    pub storm: Span,
    /// How many connections were opened, reconnections included.
    pub opened: u64,
    /// How many were open at the end.
    pub open_at_end: u64,
    /// Inputs put into the hub.
    pub inputs: u64,
    /// Actions that it took.
    pub actions: u64,
    /// Ticks that it was given.
    pub ticks: u64,
    /// Peers that were given up although they worked and nothing but a slow network was between: false alarms.
    pub false_kills: u64,
    /// From when a peer went silent (dead, frozen, cut off) to the verdict.
    pub detect_times: Histogram,
    /// How often each fault struck.
    pub faults: FaultCounts,
    /// What the hub counted, and its round trips.
    pub stats: Stats,
    /// The laws that were broken: the first of them in full.
    pub breaches: Vec<Breach>,
    /// How many breaches there were.
    pub breaches_count: u64,
    /// The hash of every action with its time, in hexadecimal digits.
    pub digest: String,
    pub(super) verdicts: [u64; VerdictKind::ALL.len()],
}

impl Report {
    /// Whether every law held.
    #[must_use]
    pub const fn is_lawful(&self) -> bool {
        self.breaches_count == 0
    }

    /// How many connections ended by a verdict of this kind.
    #[must_use]
    pub fn closes_by_verdict(&self, kind: VerdictKind) -> u64 {
        VerdictKind::ALL.iter().zip(self.verdicts).find(|(k, _)| **k == kind).map_or(0, |(_, n)| n)
    }

    /// Inputs, actions and ticks.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.inputs.saturating_add(self.actions).saturating_add(self.ticks)
    }

    /// Virtual time over all clients.
    #[must_use]
    pub fn connection_hours(&self) -> u64 {
        let nanos = u128::from(self.length.as_nanos()) * u128::from(self.connections);
        u64::try_from(nanos / 3_600_000_000_000).unwrap_or(u64::MAX)
    }
}

/// The summary, a line for each thing.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} connections, {:?}, {} connection-hours",
            self.seed,
            self.connections,
            self.length,
            self.connection_hours()
        )?;
        writeln!(f, "opened {}, open at the end {}", self.opened, self.open_at_end)?;
        writeln!(f, "events {}: {} inputs, {} actions, {} ticks", self.events(), self.inputs, self.actions, self.ticks)?;
        let (pings, beats) = (self.stats.get(Counter::PingsSent), self.stats.get(Counter::HeartbeatsSent));
        writeln!(f, "pings {pings}, heartbeats {beats}, false kills {}", self.false_kills)?;
        for kind in VerdictKind::ALL.into_iter().filter(|kind| self.closes_by_verdict(*kind) > 0) {
            writeln!(f, "verdict {} {}", kind.name(), self.closes_by_verdict(kind))?;
        }
        for fault in Fault::ALL.into_iter().filter(|fault| self.faults.get(*fault) > 0) {
            writeln!(f, "fault {} {}", fault.name(), self.faults.get(fault))?;
        }
        write_times(f, "rtt of pings", self.stats.rtt(Plane::Transport))?;
        write_times(f, "rtt of heartbeats", self.stats.rtt(Plane::Application))?;
        write_times(f, "time to a verdict", &self.detect_times)?;
        for breach in &self.breaches {
            writeln!(f, "broken at {:?} conn={}: {}", breach.at, breach.conn, breach.what)?;
        }
        write!(f, "laws broken {}", self.breaches_count)
    }
}

fn write_times(f: &mut fmt::Formatter<'_>, name: &str, times: &Histogram) -> fmt::Result {
    let quantile = |per_mille| times.quantile(per_mille).map(core::time::Duration::from);
    if let (Some(half), Some(most), Some(all)) = (quantile(500), quantile(990), quantile(1_000)) {
        writeln!(f, "{name}: p50 {half:?}, p99 {most:?}, max {all:?}")?;
    }
    Ok(())
}
