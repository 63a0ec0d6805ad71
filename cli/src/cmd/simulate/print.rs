//! What a simulation prints and records.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use wsbeat_core::event::{ConnId, VerdictKind};
use wsbeat_core::sim::{Fault, FaultCounts, Report, Seen, What};
use wsbeat_core::trace::{Done, Header, Recorder};

use crate::common::Format;
use crate::exit::Failure;
use crate::json::Object;
use crate::output::Out;

/// How much of what is printed is gathered before it is written.
const CHUNK_BYTES: usize = 64 << 10;

/// Prints actions as they are done.
pub(super) struct Events<'a> {
    out: &'a mut Out,
    format: Format,
    text: String,
    failed: Option<io::Error>,
}

impl<'a> Events<'a> {
    pub(super) fn new(out: &'a mut Out, wanted: bool) -> Self {
        let format = if wanted { out.format() } else { Format::Quiet };
        Events { out, format, text: String::new(), failed: None }
    }

    pub(super) fn see(&mut self, seen: &Seen) {
        let What::Action(action) = seen.what else {
            return;
        };
        let done = Done { at: seen.now.at, conn: seen.conn, action, said: &[] };
        match self.format {
            Format::Text => {
                // Writing to a string does not fail.
                let _ = writeln!(self.text, "{done}");
            }
            Format::Json => done.write_line(&mut self.text),
            Format::Quiet => return,
        }
        if self.text.len() >= CHUNK_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.out.raw(&self.text).err();
        }
        self.text.clear();
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush();
        self.failed.map_or(Ok(()), Err)
    }
}

/// Records all that goes in and comes out as a trace.
pub(super) struct Tracer {
    recorder: Recorder,
    text: String,
}

impl Tracer {
    pub(super) fn new(header: &Header, seed: u64) -> Self {
        let mut text = String::new();
        let recorder = Recorder::start(&Header { seed, ..header.clone() }, &mut text);
        Tracer { recorder, text }
    }

    pub(super) fn see(&mut self, seen: &Seen) {
        let now = seen.now;
        // A trace tells connections apart by their number alone.
        let id = ConnId { index: 0, generation: u32::try_from(seen.conn.saturating_sub(1)).unwrap_or(u32::MAX) };
        match seen.what {
            What::Accepted => self.recorder.accept(now, id, &mut self.text),
            What::Input(input) => self.recorder.input(now, id, input, &mut self.text),
            What::Action(action) => self.recorder.action(now, id, action, &mut self.text),
            What::Tick { budget } => self.recorder.tick(now, budget, &mut self.text),
        }
    }

    /// What was recorded since.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

pub(super) fn report(report: &Report, out: &mut Out) -> Result<(), Failure> {
    let verdicts = || -> BTreeMap<&str, u64> {
        let all = VerdictKind::ALL.into_iter().map(|kind| (kind.name(), report.closes_by_verdict(kind)));
        all.filter(|(_, n)| *n > 0).collect()
    };
    let breaches = || -> Vec<_> {
        let told = report.breaches.iter().map(|b| Object::default().with("t", b.at.as_nanos()).with("conn", b.conn).with("what", b.what));
        told.filter_map(|object| serde_json::value::RawValue::from_string(object.to_string()).ok()).collect()
    };
    let json = || {
        let quantile = |per_mille| report.detect_times.quantile(per_mille).map(|span| span.as_nanos() / 1_000);
        Object::event("report")
            .with("seed", report.seed)
            .with("connections", report.connections)
            .with("connection_hours", report.connection_hours())
            .with("opened", report.opened)
            .with("open_at_end", report.open_at_end)
            .with("inputs", report.inputs)
            .with("actions", report.actions)
            .with("ticks", report.ticks)
            .with("false_kills", report.false_kills)
            .with("verdicts", verdicts())
            .with("faults", fault_map(&report.faults))
            .with_some("detect_p50_us", quantile(500))
            .with_some("detect_max_us", quantile(1_000))
            .with("laws_broken", report.breaches_count)
            .with("breaches", breaches())
    };
    Ok(out.line(|| report.to_string(), json)?)
}

pub(super) fn fault_map(counts: &FaultCounts) -> BTreeMap<&'static str, u64> {
    Fault::ALL.into_iter().map(|fault| (fault.name(), counts.get(fault))).collect()
}

/// Appends a line for every fault.
pub(super) fn faults(counts: &FaultCounts, text: &mut String) {
    for fault in Fault::ALL {
        // Writing to a string does not fail.
        let _ = write!(text, "\nfault {} {}", fault.name(), counts.get(fault));
    }
}
