//! What was recorded, compared with what a replay does.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::done::Done;
use super::fields::Fields;
use super::read::{OutLine, Trace};
use crate::time::Instant;

/// The keys whose values a replay knows, beside `t`, `conn` and `out`.
const KNOWN: [&str; 11] = ["token", "b64", "data", "code", "reason", "verdict", "unanswered", "note", "lateness", "from", "to"];

/// Compares the `out` lines of a trace with what its replay does.
///
/// Lines are paired by time and connection. A line need not say everything: what it does not say is not compared, but for
/// `code`, whose absence says that a close has an empty body. Keys that a replay does not know are ignored.
#[derive(Debug)]
pub struct Diff<'t> {
    /// Ascending by time and connection.
    expected: vec::IntoIter<OutLine<'t>>,
    /// What was done at the present instant: connection and line.
    pending: Vec<(u64, String)>,
    now: Instant,
    shown_max: usize,
    shown: Vec<Difference>,
    count: usize,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the trace, counted from 1; `None` where the replay does what no line says.
    pub line: Option<usize>,
    /// What was recorded, as it stands there; empty where nothing was.
    pub recorded: String,
    /// What the replay does; empty where it does nothing.
    pub replayed: String,
}

impl<'t> Diff<'t> {
    /// A comparison with the `out` lines of `trace` up to `until`, which keeps the first `shown_max` differences.
    #[must_use]
    pub fn new(trace: &Trace<'t>, until: Option<Instant>, shown_max: usize) -> Self {
        let until = until.unwrap_or(Instant::NEVER);
        let mut expected: Vec<OutLine<'t>> = trace.outs.iter().filter(|out| out.at <= until).copied().collect();
        expected.sort_by_key(|out| (out.at, out.conn));
        Diff { expected: expected.into_iter(), pending: Vec::new(), now: Instant::ZERO, shown_max, shown: Vec::new(), count: 0 }
    }

    /// The replay does this.
    pub fn done(&mut self, done: &Done<'_>) {
        if done.at != self.now {
            self.compare();
            self.now = done.at;
        }
        let mut line = String::new();
        done.write_line(&mut line);
        line.truncate(line.trim_end().len());
        self.pending.push((done.conn, line));
    }

    /// The replay is over. Gives the first differences, and how many there are.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Difference>, usize) {
        self.compare();
        while let Some(out) = self.expected.next() {
            self.differs(Some(&out), String::new());
        }
        (self.shown, self.count)
    }

    /// Compares what was done at one instant. Connections do not depend on each other: only the order within each counts.
    fn compare(&mut self) {
        let mut done = core::mem::take(&mut self.pending);
        done.sort_by_key(|(conn, _)| *conn);
        for (conn, line) in done {
            let place = (self.now, conn);
            while let Some(out) = self.next_before(place) {
                self.differs(Some(&out), String::new());
            }
            let paired = self.expected.as_slice().first().is_some_and(|out| (out.at, out.conn) == place);
            let out = if paired { self.expected.next() } else { None };
            if !out.is_some_and(|out| is_same(&out, &line)) {
                self.differs(out.as_ref(), line);
            }
        }
    }

    fn next_before(&mut self, place: (Instant, u64)) -> Option<OutLine<'t>> {
        let first = self.expected.as_slice().first()?;
        if (first.at, first.conn) < place { self.expected.next() } else { None }
    }

    fn differs(&mut self, out: Option<&OutLine<'t>>, replayed: String) {
        self.count += 1;
        if self.shown.len() < self.shown_max {
            let recorded = out.map_or("", |out| out.text).into();
            self.shown.push(Difference { line: out.map(|out| out.number), recorded, replayed });
        }
    }
}

/// Whether an `out` line says what was done. Its time and connection are known to be the same.
fn is_same(out: &OutLine<'_>, done: &str) -> bool {
    let (Ok(recorded), Ok(done)) = (Fields::parse(out.number, out.text), Fields::parse(0, done)) else {
        return false;
    };
    // What was delivered is not known here: a line may say it all the same.
    let delivers = recorded.text("out").ok().flatten() == Some("deliver");
    let told = recorded.keys().filter(|key| *key == "out" || (KNOWN.contains(key) && !(delivers && *key == "data")));
    let same = told.map(|key| (recorded.value(key), done.value(key))).all(|(recorded, done)| recorded == done);
    same && recorded.has("code") == done.has("code")
}
