//! What a peer saw, and the questions a test asks of it.

use std::fmt::{self, Write as _};

use serde_json::Value;

/// What times may never be early by.
const EARLY_S: f64 = 0.005;
/// What times may be late by, before the lag of the run is added.
const LATE_S: f64 = 0.050;

/// One line of a peer.
#[derive(Clone, Debug)]
pub struct Event {
    /// Monotonic seconds, of one clock for all peers of a machine; of another for scripted peers.
    pub t_s: f64,
    /// `open`, `ping`, `pong`, `heartbeat`, `answer`, `message`, `close`, …
    pub name: String,
    facts: Value,
    lag_s: f64,
}

impl Event {
    /// What this process saw itself.
    pub(super) fn new(t_s: f64, lag_s: f64, name: &str, facts: Value) -> Self {
        Self { t_s, name: name.to_owned(), facts, lag_s }
    }

    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let facts: Value = serde_json::from_str(line).map_err(|error| format!("{error} in {line:?}"))?;
        let number = |key: &str| facts[key].as_f64().ok_or_else(|| format!("no {key:?} in {line:?}"));
        let (t_s, lag_s) = (number("t")?, number("lag")?);
        let name = facts["event"].as_str().ok_or_else(|| format!("no event in {line:?}"))?.to_owned();
        Ok(Self { t_s, name, facts, lag_s })
    }

    /// The connection, counted from 1 in the order of opening; clients with a single one name none.
    pub fn conn(&self) -> Option<u64> {
        self.number("conn")
    }

    /// An unsigned number among the facts.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.facts[key].as_u64()
    }

    /// A text among the facts; absent is empty.
    pub fn text(&self, key: &str) -> &str {
        self.facts[key].as_str().unwrap_or_default()
    }

    /// Whether a yes-or-no among the facts is a yes.
    pub fn flag(&self, key: &str) -> bool {
        self.facts[key].as_bool().unwrap_or_default()
    }

    /// How late its peer was let run, at worst, since the event before.
    pub fn lag_s(&self) -> f64 {
        self.lag_s
    }

    /// Code and reason of a close; an empty body has no code.
    pub fn close(&self) -> (Option<u64>, &str) {
        (self.number("code"), self.text("reason"))
    }
}

/// A stretch of time that an instant is known to lie in, in the peers' monotonic seconds.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// No sooner than this.
    pub earliest_s: f64,
    /// No later than this.
    pub latest_s: f64,
}

impl Span {
    /// The span this much later.
    pub fn after(self, delay_s: f64) -> Self {
        self.after_between(delay_s, delay_s)
    }

    /// The span later by something from `min_s` to `max_s`.
    pub fn after_between(self, min_s: f64, max_s: f64) -> Self {
        Self { earliest_s: self.earliest_s + min_s, latest_s: self.latest_s + max_s }
    }
}

/// Everything a peer told, in order.
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: Vec<Event>,
}

impl Log {
    pub(super) fn new(events: Vec<Event>) -> Self {
        Self { events }
    }

    /// The events of one connection.
    pub fn of_conn(&self, conn: u64) -> Self {
        Self { events: self.events.iter().filter(|event| event.conn() == Some(conn)).cloned().collect() }
    }

    /// The events up to the `count`-th of this name.
    ///
    /// # Panics
    /// If there are fewer.
    #[track_caller]
    pub fn until(&self, name: &str, count: usize) -> Self {
        let nth = self.events.iter().enumerate().filter(|(_, event)| event.name == name).nth(count - 1);
        let Some((at, _)) = nth else { panic!("{count} of {name:?} expected in\n{self}") };
        Self { events: self.events[..=at].to_vec() }
    }

    /// All events.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// The events of this name.
    pub fn all(&self, name: &str) -> Vec<&Event> {
        self.events.iter().filter(|event| event.name == name).collect()
    }

    /// How many events have this name.
    pub fn count(&self, name: &str) -> usize {
        self.all(name).len()
    }

    /// The one event of this name.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[track_caller]
    pub fn one(&self, name: &str) -> &Event {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "exactly one {name:?} expected in\n{self}");
        all[0]
    }

    /// When the other side opened the connection: between our turning to it and our seeing it open.
    ///
    /// # Panics
    /// If the log has no opening.
    #[track_caller]
    pub fn opening(&self) -> Span {
        let (Some(before), Some(after)) = (self.all("connecting").first().copied(), self.all("open").first().copied()) else {
            panic!("an opening expected in\n{self}");
        };
        Span { earliest_s: before.t_s, latest_s: after.t_s }
    }

    /// Asserts that the events named in `expected` came in exactly this order and number; other names are left out.
    ///
    /// # Panics
    /// If they did not.
    #[track_caller]
    pub fn assert_order(&self, expected: &[&str]) {
        let seen: Vec<_> = self.events.iter().map(|event| event.name.as_str()).filter(|name| expected.contains(name)).collect();
        assert_eq!(seen, expected, "in\n{self}");
    }

    /// Asserts that the peer saw one close frame, of this code (none: an empty body) and reason.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn assert_closed(&self, code: Option<u64>, reason: &str) {
        assert_eq!(self.one("close").close(), (code, reason), "in\n{self}");
    }

    /// Asserts that nothing ended: no close, no error, no end.
    ///
    /// # Panics
    /// If something did.
    #[track_caller]
    pub fn assert_alive(&self) {
        let ended = ["close", "end", "error", "answer-failed", "terminated"];
        assert!(!self.events.iter().any(|event| ended.contains(&event.name.as_str())), "no end expected in\n{self}");
    }

    /// How late this peer was let run, at worst.
    pub fn lag_s(&self) -> f64 {
        self.events.iter().map(|event| event.lag_s).fold(0.0, f64::max)
    }
}

impl fmt::Display for Log {
    /// One line an event, seconds since the first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zero_s = self.events.first().map_or(0.0, |event| event.t_s);
        for event in &self.events {
            write!(f, "{:8.3} {:<12}", event.t_s - zero_s, event.name)?;
            for (key, value) in event.facts.as_object().into_iter().flatten() {
                if !["t", "lag", "event"].contains(&key.as_str()) {
                    write!(f, " {key}={value}")?;
                }
            }
            f.write_char('\n')?;
        }
        Ok(())
    }
}

/// How far from due an event may be seen in this run: never 5 ms early, and late by 50 ms and the lag measured.
#[derive(Clone, Debug)]
pub struct Tolerance {
    lag_s: f64,
    /// What the peers saw, for the message of a failure.
    seen: String,
}

impl Tolerance {
    pub(super) fn new(own_lag_s: f64, logs: &[&Log]) -> Self {
        let seen: Vec<_> = logs.iter().map(ToString::to_string).collect();
        Self { lag_s: logs.iter().map(|log| log.lag_s()).fold(own_lag_s, f64::max), seen: seen.join("\n") }
    }

    /// When `event` happened at its source, as far as its being seen tells.
    pub fn source_of(&self, event: &Event) -> Span {
        Span { earliest_s: event.t_s - LATE_S - self.lag_s, latest_s: event.t_s }
    }

    /// Whether no wait was longer here than any event may be late.
    pub fn is_quiet(&self) -> bool {
        self.lag_s <= LATE_S
    }

    /// Asserts that `event` came when it was due.
    ///
    /// # Panics
    /// If it came early or late.
    #[track_caller]
    pub fn assert_due(&self, event: &Event, due: Span) {
        self.assert_due_in_steps(event, due, 1);
    }

    /// The same for an event that is due after `steps` waits, each begun when the one before it was over.
    ///
    /// # Panics
    /// If it came early or late.
    #[track_caller]
    pub fn assert_due_in_steps(&self, event: &Event, due: Span, steps: u32) {
        let (early_ms, late_ms) = ((due.earliest_s - event.t_s) * 1e3, (event.t_s - due.latest_s) * 1e3);
        let slack_ms = f64::from(steps) * (LATE_S + self.lag_s) * 1e3;
        let (name, seen) = (&event.name, &self.seen);
        assert!(early_ms <= EARLY_S * 1e3, "{name} came {early_ms:.1} ms early in\n{seen}");
        assert!(late_ms <= slack_ms, "{name} came {late_ms:.1} ms late, {slack_ms:.1} ms allowed, in\n{seen}");
    }

    /// Asserts that the `k`-th of `events` (from 1) came at `k` periods after `opening`.
    ///
    /// # Panics
    /// If one came early or late.
    #[track_caller]
    pub fn assert_on_grid(&self, events: &[&Event], opening: Span, period_s: f64) {
        for (event, k) in events.iter().zip(1u32..) {
            self.assert_due(event, opening.after(f64::from(k) * period_s));
        }
    }

    /// The same where each period begins when the event before it was sent, so that lateness adds up.
    ///
    /// # Panics
    /// If one came early or late.
    #[track_caller]
    pub fn assert_chained(&self, events: &[&Event], opening: Span, period_s: f64) {
        for (event, k) in events.iter().zip(1u32..) {
            self.assert_due_in_steps(event, opening.after(f64::from(k) * period_s), k);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[(f64, &str)]) -> Log {
        let line = |(t, name): &(f64, &str)| Event::parse(&format!(r#"{{"t":{t},"lag":0.01,"event":"{name}","conn":1}}"#)).unwrap();
        Log::new(lines.iter().map(line).collect())
    }

    fn sample() -> Log {
        log(&[(1.0, "connecting"), (1.1, "open"), (1.5, "ping"), (2.0, "ping"), (2.4, "close")])
    }

    #[test]
    fn on_time_within_the_opening_is_accepted() {
        let (log, tolerance) = (sample(), Tolerance::new(0.0, &[]));
        tolerance.assert_on_grid(&log.all("ping"), log.opening(), 0.45);
        log.assert_order(&["open", "ping", "ping", "close"]);
        log.assert_closed(None, "");
    }

    #[test]
    #[should_panic(expected = "early")]
    fn early_by_six_milliseconds_is_refused() {
        let (log, tolerance) = (sample(), Tolerance::new(1.0, &[]));
        tolerance.assert_due(log.one("close"), log.opening().after(1.406));
    }

    #[test]
    #[should_panic(expected = "late")]
    fn late_beyond_the_lag_is_refused() {
        let log = sample();
        let tolerance = Tolerance::new(0.0, &[&log]);
        tolerance.assert_due(log.one("close"), log.opening().after(1.239));
    }

    #[test]
    #[should_panic(expected = "no end expected")]
    fn a_closed_peer_is_not_alive() {
        sample().assert_alive();
    }

    #[test]
    #[should_panic(expected = "left")]
    fn one_ping_too_many_is_refused() {
        sample().assert_order(&["open", "ping", "close"]);
    }
}
