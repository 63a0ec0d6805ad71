//! Traces: files that others wrote, read, replayed and compared.

use std::collections::BTreeMap;

use serde_json::Value;
use wsbeat_core::time::Instant;
use wsbeat_core::trace::{Diff, Digest, Done, Ended, Header, Trace, TraceError, TraceLimits};

use super::ends::Ends;

/// Small limits, so that inputs come to them.
const LIMITS: TraceLimits = TraceLimits { line_bytes_max: 4_096, connections_max: 3 };
/// Not for an hour: an interval of a millisecond is legal.
const UNTIL: Instant = Instant::from_secs(60);
/// How many actions are looked at one by one.
const ACTIONS_MAX: usize = 2_000;

/// A trace file.
///
/// It is read, or refused with one line that says what is wrong, at a line of the file. Its header is the same when it is
/// written and read again. The replay gives only actions in the order of time that are lines of a trace and lines for a
/// person, keeps the laws 6 and 10, and does the same a second time; and a trace that says what its own replay does has no
/// difference.
pub fn trace(data: &[u8]) {
    let trace = match Trace::read(data, LIMITS) {
        Ok(trace) => trace,
        Err(error) => return explained(&error, data),
    };
    header_is_kept(trace.header());
    let mut replay = Replay::default();
    let ended = trace.replay(Some(UNTIL), |done| replay.see(done));
    match &ended {
        Ok(ended) => assert!(ended.open <= ended.connections && ended.open <= 3 && ended.at <= UNTIL, "{ended:?}"),
        Err(error) => explained(error, data),
    }
    let mut again = Digest::default();
    let second = trace.replay(Some(UNTIL), |done| again.action(done.at, done.conn, &done.action));
    assert_eq!(again.finish(), replay.digest.finish(), "a replay that is not the same again");
    assert_eq!(ended.as_ref().map(facts), second.as_ref().map(facts));
    if ended.is_ok() && replay.count <= ACTIONS_MAX {
        if let Some(text) = telling(data, &replay.lines) {
            says_what_it_does(&text);
        }
    }
}

fn facts(ended: &Ended) -> (Instant, usize, usize) {
    (ended.at, ended.connections, ended.open)
}

fn explained(error: &TraceError, data: &[u8]) {
    let lines = data.split(|b| *b == b'\n').count();
    assert!(!error.limit.is_empty() && (1..=lines).contains(&error.line), "{error:?} in {lines} lines");
    let shown = error.to_string();
    assert!(!shown.chars().any(char::is_control), "more than a line: {shown:?}");
}

fn header_is_kept(header: &Header) {
    let mut written = String::new();
    header.write(&mut written);
    let again = Trace::read(written.as_bytes(), TraceLimits::default()).unwrap_or_else(|e| panic!("{e} in {written}"));
    assert_eq!(again.header(), header, "{written}");
}

/// What a replay did.
#[derive(Default)]
struct Replay {
    digest: Digest,
    count: usize,
    last: Instant,
    ends: BTreeMap<u64, Ends>,
    /// The first of it, as lines of a trace, each with its time.
    lines: Vec<(u64, String)>,
}

impl Replay {
    fn see(&mut self, done: &Done<'_>) {
        assert!(self.last <= done.at && done.at <= UNTIL, "{done} after {:?}", self.last);
        self.last = done.at;
        self.digest.action(done.at, done.conn, &done.action);
        self.ends.entry(done.conn).or_default().see(&done.action);
        self.count += 1;
        if self.count > ACTIONS_MAX {
            return;
        }
        let shown = done.to_string();
        assert!(!shown.chars().any(char::is_control), "more than a line: {shown:?}");
        let mut line = String::new();
        done.write_line(&mut line);
        let read: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line}"));
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line:?}");
        assert_eq!((read["t"].as_u64(), read["conn"].as_u64()), (Some(done.at.as_nanos()), Some(done.conn)), "{line}");
        self.lines.push((done.at.as_nanos(), line));
    }
}

/// The trace with these lines in the place of its own `out` lines; `None` where one of those moves the wall clock.
fn telling(data: &[u8], done: &[(u64, String)]) -> Option<String> {
    let text = std::str::from_utf8(data).expect("every line was read");
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut all = vec![(0, lines.next().expect("it has a header"))];
    for line in lines {
        let read: Value = serde_json::from_str(line).expect("it was read");
        if read["out"].is_null() {
            all.push((read["t"].as_u64().expect("it was read"), line));
        } else if !read["wall"].is_null() {
            return None;
        }
    }
    all.extend(done.iter().map(|(at, line)| (*at, line.trim_end())));
    // Stable: inputs come before what was done at their instant.
    all[1..].sort_by_key(|(at, _)| *at);
    Some(all.iter().map(|(_, line)| format!("{line}\n")).collect())
}

fn says_what_it_does(text: &str) {
    let limits = TraceLimits { line_bytes_max: 1 << 20, ..LIMITS };
    let trace = Trace::read(text.as_bytes(), limits).unwrap_or_else(|e| panic!("{e} in\n{text}"));
    let mut diff = Diff::new(&trace, Some(UNTIL), 3);
    trace.replay(Some(UNTIL), |done| diff.done(done)).unwrap_or_else(|e| panic!("{e} in\n{text}"));
    let (shown, count) = diff.finish();
    assert_eq!(count, 0, "{shown:#?} in\n{text}");
}
