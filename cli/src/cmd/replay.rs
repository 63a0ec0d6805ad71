//! `wsbeat replay`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::value::RawValue;
use wsbeat_core::event::{Action, Counter, Note};
use wsbeat_core::time::{Instant, Span};
use wsbeat_core::trace::{Diff, Difference, Digest, Done, Ended, Trace, TraceLimits};

use crate::common::Format;
use crate::config::duration;
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::output::Out;

/// How long a trace file may be.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// How many differences are shown.
const SHOWN_MAX: usize = 10;
/// How much of what is printed is gathered before it is written.
const CHUNK_BYTES: usize = 64 << 10;

/// Run a trace through the rules again, and say what they do
///
/// A trace is a file that a person wrote or that --record wrote: one JSON object a line. Where its header says "ticks":"auto" time advances exactly to each deadline; else the lines alone move it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wsbeat replay trace.jsonl --print events
  wsbeat replay trace.jsonl --diff
  wsbeat replay trace.jsonl --until 30s --print events --format json")]
pub(crate) struct ReplayArgs {
    /// The trace, of at most 1 GiB; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Stop at this time of the trace
    #[arg(long, value_name = "DUR", value_parser = duration)]
    until: Option<Duration>,
    /// Compare what is done with the lines that say what was done; exits with 1 where they differ
    #[arg(long)]
    diff: bool,
    /// What to print: every action, or what came of it all (the default, unless --diff)
    #[arg(long, value_enum, value_name = "WHAT")]
    print: Option<Print>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Print {
    /// A line for every action
    Events,
    /// How many of what
    Summary,
}

pub(crate) fn run(args: &ReplayArgs, out: &mut Out) -> Result<Exit, Failure> {
    let bytes = read(&args.file)?;
    let blame = |error| Failure::usage(format_args!("{}: {error}", args.file));
    let trace = Trace::read(&bytes, TraceLimits::default()).map_err(blame)?;
    let until = args.until.map(|until| Instant::ZERO.after(Span::from(until)));
    let mut events = Events::new(out, args.print == Some(Print::Events));
    let (mut digest, mut tally) = (Digest::default(), Tally::default());
    let mut diff = args.diff.then(|| Diff::new(&trace, until, SHOWN_MAX));
    let ended = trace.replay(until, |done| {
        digest.action(done.at, done.conn, &done.action);
        tally.count(&done.action);
        events.print(done);
        if let Some(diff) = &mut diff {
            diff.done(done);
        }
    });
    events.finish()?;
    let ended = ended.map_err(blame)?;
    let found = diff.map(Diff::finish);
    let is_same = found.as_ref().is_none_or(|(_, count)| *count == 0);
    if let Some((shown, count)) = found {
        print_differences(&shown, count, out)?;
    }
    if args.print == Some(Print::Summary) || (args.print.is_none() && !args.diff) {
        out.line(|| tally.text(&trace, &ended), || tally.json(&trace, &ended))?;
    }
    let digest = digest.finish();
    out.line(|| format!("digest {digest}"), || Object::event("digest").with("digest", &digest))?;
    Ok(if is_same { Exit::Done } else { Exit::Negative })
}

fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let blame = |error: io::Error| Failure::usage(format_args!("{file}: {error}"));
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if file == "-" { Box::new(io::stdin()) } else { Box::new(File::open(file).map_err(blame)?) };
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(blame)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format_args!("{file}: a trace has at most {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// Prints actions as they are done, many at a time.
struct Events<'a> {
    out: &'a mut Out,
    format: Format,
    text: String,
    failed: Option<io::Error>,
}

impl<'a> Events<'a> {
    fn new(out: &'a mut Out, wanted: bool) -> Self {
        let format = if wanted { out.format() } else { Format::Quiet };
        Events { out, format, text: String::new(), failed: None }
    }

    fn print(&mut self, done: &Done<'_>) {
        match self.format {
            Format::Text => {
                self.text.push_str(&done.to_string());
                self.text.push('\n');
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

    fn finish(mut self) -> io::Result<()> {
        self.flush();
        self.failed.map_or(Ok(()), Err)
    }
}

fn print_differences(shown: &[Difference], count: usize, out: &mut Out) -> io::Result<()> {
    for difference in shown {
        out.line(|| difference_text(difference), || difference_json(difference))?;
    }
    let more = count - shown.len();
    if more > 0 {
        out.text(|| format!("and {more} more"))?;
    }
    out.line(
        || match count {
            0 => "identical".into(),
            1 => "1 difference".into(),
            _ => format!("{count} differences"),
        },
        || Object::event("diff").with("identical", count == 0).with("differences", count),
    )
}

fn difference_text(difference: &Difference) -> String {
    let Difference { line, recorded, replayed } = difference;
    let place = line.map_or("no line".into(), |line| format!("line {line}"));
    let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { crate::escape::one_line(text) };
    format!("{place}: recorded {}\n{:width$}  replayed {}", shown(recorded), "", shown(replayed), width = place.len())
}

fn difference_json(difference: &Difference) -> Object {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
    Object::event("difference")
        .with_some("line", difference.line)
        .with_some("recorded", raw(&difference.recorded))
        .with_some("replayed", raw(&difference.replayed))
}

/// How many of what.
#[derive(Debug, Default)]
struct Tally {
    pings: u64,
    heartbeats: u64,
    /// Those that were sent.
    answers: u64,
    delivered: u64,
    stalls: u64,
    closes: BTreeMap<&'static str, u64>,
    aborts: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn count(&mut self, action: &Action) {
        match action {
            Action::Ping(_) | Action::UserPing => self.pings += 1,
            Action::Heartbeat(_) => self.heartbeats += 1,
            Action::Answer(_) => self.answers += 1,
            Action::Deliver => self.delivered += 1,
            Action::Close(verdict) => *self.closes.entry(verdict.kind.name()).or_default() += 1,
            Action::Abort(verdict) => *self.aborts.entry(verdict.kind.name()).or_default() += 1,
            Action::Note(Note::Stalled { .. }) => self.stalls += 1,
            Action::Note(_) => {}
        }
    }

    fn text(&self, trace: &Trace<'_>, ended: &Ended) -> String {
        let by_kind = |what: &str, of: &BTreeMap<&str, u64>| of.iter().map(|(kind, n)| format!(", {n} {what} {kind}")).collect::<String>();
        let stalls = if self.stalls > 0 { format!(", {} stalls of the host", self.stalls) } else { String::new() };
        format!(
            "{} connections ({} open at the end), {} inputs, {} pings ({} answered), {} heartbeats ({} answered), {} answers sent, {} messages delivered{}{}{stalls}",
            ended.connections,
            ended.open,
            trace.inputs(),
            self.pings,
            ended.stats.get(Counter::PongsMatched),
            self.heartbeats,
            ended.stats.get(Counter::AnswersMatched),
            self.answers,
            self.delivered,
            by_kind("closed", &self.closes),
            by_kind("aborted", &self.aborts),
        )
    }

    fn json(&self, trace: &Trace<'_>, ended: &Ended) -> Object {
        Object::event("summary")
            .with("connections", ended.connections)
            .with("open", ended.open)
            .with("inputs", trace.inputs())
            .with("pings", self.pings)
            .with("pongs_matched", ended.stats.get(Counter::PongsMatched))
            .with("heartbeats", self.heartbeats)
            .with("answers_matched", ended.stats.get(Counter::AnswersMatched))
            .with("answers", self.answers)
            .with("delivered", self.delivered)
            .with("closes", &self.closes)
            .with("aborts", &self.aborts)
            .with("stalls", self.stalls)
            .with("t", ended.at.as_nanos())
    }
}
