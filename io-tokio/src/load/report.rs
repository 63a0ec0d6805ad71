//! What a load found.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Why a connection did not come to be, or was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// TCP: refused, unreachable, no descriptor or address left.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// No upgrade: another HTTP status, or an answer that is none.
    Upgrade,
    /// It took too long.
    Timeout,
    /// It was under way when the load ended, or waited for others that were.
    Pending,
}

impl Failure {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Failure::Tcp => "tcp",
            Failure::Tls => "tls",
            Failure::Upgrade => "upgrade",
            Failure::Timeout => "timeout",
            Failure::Pending => "pending",
        }
    }

    /// The step that failed, as what is told begins with it.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Failure::Tcp => "TCP",
            Failure::Tls => "TLS",
            Failure::Upgrade | Failure::Timeout | Failure::Pending => "HTTP upgrade",
        }
    }
}

/// How a load goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Since it began.
    pub elapsed: Duration,
    /// Connections that are open.
    pub open: u32,
    /// Connections that did not come to be.
    pub failed: u64,
    /// Connections that were open and ended before the load did; those that never answer do not count.
    pub lost: u64,
    /// Heartbeats and pings of the server's.
    pub pings: u64,
    /// How many of them were answered.
    pub answered: u64,
    /// Messages that came back.
    pub echoes: u64,
}

/// What a load found.
///
/// Times are microseconds, one in a thousand exact, from 1 µs to an hour.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How long it took, the closing excluded.
    pub elapsed: Duration,
    /// Connections that were opened.
    pub connections: u64,
    /// Connections that did not come to be. With those that were opened they are all that were asked for; where it was
    /// broken off, all whose turn had come.
    pub failed: u64,
    /// Of those, how many at which stage.
    pub failures: BTreeMap<Failure, u64>,
    /// What the first of those was told: the step, and why it failed.
    pub first_failure: Option<String>,
    /// Connections that were open and ended before the load did, whoever ended them; those that never answer do not count.
    pub lost: u64,
    /// The codes of all closes by the server before the end: 1005 without one, 1006 without a close frame.
    pub closes: BTreeMap<u16, u64>,
    /// Servers that were given up for silence.
    pub silent_servers: u64,
    /// Heartbeats and pings of the server's.
    pub pings: u64,
    /// How many of them were answered, to the last byte into the kernel.
    pub answered: u64,
    /// The time between two pings, or two heartbeats, of one connection. A gap that the end cut off, of the load or of its
    /// connection, counts for as long as it stood where that is longer than half of the others.
    pub spacing: Histogram<u64>,
    /// From when a heartbeat or ping was there to be read to when the last byte of its answer was taken, delays included.
    /// What was read after the process had been held up for 100 ms or more counts from when that began.
    pub answer: Histogram<u64>,
    /// The longest that the load itself did not look at its sockets when it should have: it was stopped, or too busy. Spacing
    /// and answers are uncertain by so much.
    pub late: Duration,
    /// Messages sent to come back.
    pub echoes_sent: u64,
    /// Messages that came back.
    pub echoes: u64,
    /// From when a message was due to be sent to when it was back: what waits behind a slow one counts as well.
    pub echo: Histogram<u64>,
    /// Messages of other kinds.
    pub messages: u64,
    /// Bytes read from the sockets, TLS and upgrade included.
    pub bytes_in: u64,
    /// Bytes written to them.
    pub bytes_out: u64,
}

/// The longest time that is told apart: an hour, in microseconds.
const LONGEST_US: u64 = 3_600_000_000;

impl Report {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Report {
            elapsed: Duration::ZERO,
            connections: 0,
            failed: 0,
            failures: BTreeMap::new(),
            first_failure: None,
            lost: 0,
            closes: BTreeMap::new(),
            silent_servers: 0,
            pings: 0,
            answered: 0,
            spacing: histogram()?,
            answer: histogram()?,
            late: Duration::ZERO,
            echoes_sent: 0,
            echoes: 0,
            echo: histogram()?,
            messages: 0,
            bytes_in: 0,
            bytes_out: 0,
        })
    }

    pub(super) fn fail(&mut self, failure: Failure, why: impl FnOnce() -> String) {
        self.failed += 1;
        *self.failures.entry(failure).or_default() += 1;
        if self.first_failure.is_none() {
            self.first_failure = Some(why());
        }
    }
}

pub(super) fn histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).map_err(io::Error::other)
}

/// Records a time, at its ends where it is beyond them.
pub(super) fn record(histogram: &mut Histogram<u64>, time: wsbeat_core::time::Span) {
    histogram.saturating_record((time.as_nanos() / 1_000).max(1));
}
