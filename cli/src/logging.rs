//! Logs: what goes to standard error.
//!
//! A line is `HH:MM:SS.mmm MESSAGE KEY=VALUE…`, or one JSON object with all of it. Lines are written by a thread of their
//! own behind a bounded queue: a reader that is slow must not hold up whoever keeps the heartbeats. What does not fit is
//! dropped and counted in the next line that does.

mod bridge;
mod screen;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use jiff::{Timestamp, Zoned};

use crate::common::{Common, LogFormat};
use crate::json::Object;

/// How many lines wait to be written at most.
const QUEUE_LINES_MAX: usize = 8_192;

/// How much a line matters; the first is the one that is always wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The command cannot go on.
    Error,
    /// Someone was given up, or something is not as it should be.
    Warn,
    /// What happens ordinarily.
    Info,
    /// Everything else.
    Debug,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }

    const fn paint(self) -> &'static str {
        match self {
            Level::Error => "\u{1b}[31m",
            Level::Warn => "\u{1b}[33m",
            Level::Info | Level::Debug => "\u{1b}[2m",
        }
    }
}

/// The most detailed level that is written; `None` where nothing is.
fn threshold(common: &Common) -> Option<Level> {
    match (common.quiet, common.verbose) {
        (0, 0) => Some(Level::Warn),
        (0, 1) => Some(Level::Info),
        (0, _) => Some(Level::Debug),
        (1, _) => Some(Level::Error),
        _ => None,
    }
}

/// Writes logs. Clones write to the same place.
#[derive(Clone, Debug)]
pub(crate) struct Logger {
    threshold: Option<Level>,
    form: Form,
    queue: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
}

/// What the writer is given.
#[derive(Debug)]
enum Item {
    /// A whole line.
    Line(String),
    /// What stands below all lines from now on, on a terminal.
    Status(String),
    /// Nothing more comes.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Coloured,
    Json,
}

impl Form {
    fn of(common: &Common) -> Self {
        match (common.log_format, common.wants_colour(io::stderr().is_terminal())) {
            (LogFormat::Json, _) => Form::Json,
            (LogFormat::Text, true) => Form::Coloured,
            (LogFormat::Text, false) => Form::Plain,
        }
    }
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Guard(Option<JoinHandle<()>>);

impl Guard {
    /// Waits until every line is written. [`Logger::close`] was called before.
    pub(crate) fn finish(mut self) {
        if let Some(thread) = self.0.take() {
            // A writer that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

impl Logger {
    /// Starts to write logs as `common` asks; the library's own go the same way.
    pub(crate) fn start(common: &Common) -> (Self, Guard) {
        let (queue, lines) = sync_channel(QUEUE_LINES_MAX);
        let logger = Logger { threshold: threshold(common), form: Form::of(common), queue, dropped: Arc::default() };
        let thread = std::thread::Builder::new().name("wsbeat-log".into()).spawn(move || screen::write_all(&lines, io::stderr()));
        (logger, Guard(thread.ok()))
    }

    /// Whether lines of this level are written.
    pub(crate) fn enabled(&self, level: Level) -> bool {
        self.threshold.is_some_and(|least| level <= least)
    }

    /// Logs a line: `message`, which holds no more than one line, and its facts, which only the JSON form shows.
    pub(crate) fn log(&self, level: Level, message: &str, facts: impl FnOnce() -> Object) {
        if !self.enabled(level) {
            return;
        }
        self.queue_line(self.line(level, message, &facts()));
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let message = format!("{dropped} log lines dropped: standard error is slow");
            let line = self.line(Level::Warn, &message, &Object::default().with("dropped", dropped));
            if self.queue.try_send(Item::Line(line)).is_err() {
                self.dropped.fetch_add(dropped, Ordering::Relaxed);
            }
        }
    }

    fn queue_line(&self, line: String) {
        if self.queue.try_send(Item::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn line(&self, level: Level, message: &str, facts: &Object) -> String {
        let now = Zoned::now();
        match self.form {
            Form::Json => json_line(level, now.timestamp(), message, facts),
            Form::Plain => format!("{} {message}\n", clock(&now)),
            Form::Coloured => format!("{}{}\u{1b}[0m {message}\n", level.paint(), clock(&now)),
        }
    }

    /// Whether somebody sits in front of it who can be shown what changes: standard error is a terminal that can move its
    /// cursor, and lines are for people.
    pub(crate) fn has_reader(&self) -> bool {
        let can_move = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        self.form != Form::Json && self.enabled(Level::Warn) && can_move && io::stderr().is_terminal()
    }

    /// Shows `text`, which has no line break, below all lines from now on. What stood there before is gone. Only where it
    /// [has a reader](Logger::has_reader).
    pub(crate) fn status(&self, text: &str) {
        let shown = match self.form {
            Form::Coloured => format!("\u{1b}[2m{text}\u{1b}[0m"),
            Form::Plain | Form::Json => text.to_owned(),
        };
        // One that finds no place is not missed: the next one comes soon.
        let _ = self.queue.try_send(Item::Status(shown));
    }

    /// Ends the log: what was logged before is written, nothing after it is.
    pub(crate) fn close(&self) {
        // The writer is gone already.
        let _ = self.queue.send(Item::End);
    }

    /// Says why the command cannot go on. Unlike other lines these carry no time: they belong to the person who typed.
    pub(crate) fn fail(&self, message: &str) {
        if !self.enabled(Level::Error) {
            return;
        }
        let line = match self.form {
            Form::Json => json_line(Level::Error, Timestamp::now(), message, &Object::default()),
            Form::Plain => format!("error: {message}\n"),
            Form::Coloured => format!("{}error:\u{1b}[0m {message}\n", Level::Error.paint()),
        };
        // Nobody is left to be told of a log that cannot be written.
        let _ = self.queue.send(Item::Line(line));
    }
}

fn clock(now: &Zoned) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", now.hour(), now.minute(), now.second(), now.millisecond())
}

fn json_line(level: Level, at: Timestamp, message: &str, facts: &Object) -> String {
    let head = Object::default().with("v", 1).with("time", format!("{at:.3}")).with("level", level.name()).with("message", message);
    format!("{}\n", head.and(facts))
}

#[cfg(test)]
mod tests {
    use clap::ColorChoice;

    use super::*;

    fn common(quiet: u8, verbose: u8) -> Common {
        Common { format: Default::default(), log_format: LogFormat::Text, verbose, quiet, color: ColorChoice::Never }
    }

    #[test]
    fn verdicts_are_logged_without_v_and_ordinary_ends_with_it() {
        assert_eq!(threshold(&common(0, 0)), Some(Level::Warn));
        assert_eq!(threshold(&common(0, 1)), Some(Level::Info));
        assert_eq!(threshold(&common(1, 0)), Some(Level::Error));
        assert_eq!(threshold(&common(2, 0)), None);
    }

    #[test]
    fn a_json_line_carries_time_level_message_and_facts() {
        let at: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let line = json_line(Level::Warn, at, "m", &Object::default().with("conn", 17));
        assert_eq!(line, "{\"v\":1,\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warn\",\"message\":\"m\",\"conn\":17}\n");
    }

    #[test]
    fn a_slow_reader_costs_lines_and_not_time() {
        let (queue, lines) = sync_channel(1);
        let logger = Logger { threshold: Some(Level::Warn), form: Form::Plain, queue, dropped: Arc::default() };
        for n in 0..3 {
            logger.log(Level::Warn, &n.to_string(), Object::default);
        }
        assert_eq!(logger.dropped.load(Ordering::Relaxed), 2);
        assert!(matches!(lines.recv(), Ok(Item::Line(line)) if line.ends_with(" 0\n")));
    }
}
