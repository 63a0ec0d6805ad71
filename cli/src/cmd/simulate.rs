//! `wsbeat simulate`.

mod print;
mod wishes;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum, ValueHint};
use wsbeat_core::policy::Profile;
use wsbeat_core::sim::{FaultCounts, Report, Seen};

use crate::config::duration;
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::output::Out;
use print::{Events, Tracer};
use wishes::{FaultWish, FreezeWish, Wishes};

pub(crate) use wishes::{LatencyWish, latency, share_ppm};

/// Run connections, peers and their network in virtual time around the real rules, and check the laws
///
/// Nothing goes wrong unless it is asked for. With --seeds every run is a storm of faults of which its seed switched half off, then a calm in which every honest peer has to be alive. Exits with 1 where a law was broken.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wsbeat simulate --connections 3 --for 20s --seed 7 --freeze 2@6s:inf --print events
  wsbeat simulate --profile strict --connections 1000 --seeds 100
  wsbeat simulate --profile strict --latency 300ms±100ms --loss 5% --fault dead=0.1% --connections 1000")]
pub(crate) struct SimulateArgs {
    /// How many clients there are
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How long each run is, in virtual time
    #[arg(long = "for", value_name = "DUR", default_value = "1h", value_parser = duration)]
    length: Duration,
    /// The seed of all chance, or the first of --seeds
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Run so many seeds, each in a storm of its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Whose rules pings follow; turns them on
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::name)))]
    profile: Option<String>,
    /// The dialect of the heartbeats, or none [default: htx-spot-v1, none with --profile]
    #[arg(long, value_name = "ID|none")]
    dialect: Option<String>,
    /// Which side of the connections the rules are on
    #[arg(long, value_enum, value_name = "SIDE", default_value_t = wishes::Side::Server)]
    role: wishes::Side,
    /// A file of settings, as serve reads it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Set any setting of the policy, such as ping_interval=5s; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// The probability that a segment is lost and sent again
    #[arg(long, value_name = "P", value_parser = wishes::share_ppm)]
    loss: Option<u32>,
    /// How long a message takes one way
    #[arg(long, value_name = "MID±SPREAD", default_value = "20ms±5ms", value_parser = wishes::latency)]
    latency: LatencyWish,
    /// How probable a fault is; may be repeated; all=storm turns all on
    #[arg(long = "fault", value_name = "NAME=P", value_parser = wishes::fault)]
    faults: Vec<FaultWish>,
    /// The peer of this client does nothing from AT on, FOR a time or inf; may be repeated
    #[arg(long = "freeze", value_name = "ID@AT:FOR", value_parser = wishes::freeze)]
    freezes: Vec<FreezeWish>,
    /// Encode and decode every heartbeat, not damaged ones alone
    #[arg(long)]
    bytes: bool,
    /// What to print: every action and the summary, or the summary
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Print::Summary)]
    print: Print,
    /// Write a trace of all that went in and came out; one seed only
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    trace: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Print {
    /// A line for every action
    Events,
    /// What came of it
    Summary,
}

pub(crate) fn run(args: &SimulateArgs, out: &mut Out) -> Result<Exit, Failure> {
    let wishes = Wishes::read(args)?;
    if wishes.header.policy().is_ok_and(|policy| policy.transport.is_none() && policy.application.is_none()) {
        return Err(Failure::usage("both planes are off: name a --profile or a --dialect"));
    }
    let seeds = args.seeds.unwrap_or(1);
    if args.trace.is_some() && seeds > 1 {
        return Err(Failure::usage(format_args!(
            "--trace: a trace is of one seed, --seeds {seeds} are more: name it with --seed, and say --seeds 1"
        )));
    }
    let (mut all, mut lawful) = (Total::default(), true);
    for seed in (0..seeds).map(|n| args.seed.wrapping_add(n)) {
        let report = run_seed(args, &wishes, seed, out)?;
        all.add(&report);
        if !report.is_lawful() {
            lawful = false;
            print::report(&report, out)?;
            let command = wishes.command(args, seed);
            out.line(|| format!("reproduce: {command}"), || Object::event("reproduce").with("command", &command))?;
        } else if seeds == 1 {
            print::report(&report, out)?;
        }
    }
    if seeds > 1 {
        all.print(out)?;
    }
    let digest = all.digest();
    out.line(|| format!("digest {digest}"), || Object::event("digest").with("digest", &digest))?;
    Ok(if lawful { Exit::Done } else { Exit::Negative })
}

fn run_seed(args: &SimulateArgs, wishes: &Wishes, seed: u64, out: &mut Out) -> Result<Report, Failure> {
    let scenario = wishes.seed(args, seed);
    if args.print == Print::Summary && args.trace.is_none() {
        return Ok(scenario.run(args.length));
    }
    let mut events = Events::new(out, args.print == Print::Events);
    let mut tracer = match &args.trace {
        Some(path) => {
            let blame = |error| Failure::usage(format_args!("{}: {error}", path.display()));
            Some((Tracer::new(&wishes.header, seed), BufWriter::new(File::create(path).map_err(blame)?)))
        }
        None => None,
    };
    let mut failed = None;
    let report = scenario.run_watched(args.length, &mut |seen: &Seen| {
        events.see(seen);
        if let Some((tracer, file)) = &mut tracer {
            tracer.see(seen);
            failed = failed.take().or_else(|| file.write_all(tracer.take().as_bytes()).err());
        }
    });
    events.finish()?;
    if let (Some((_, file)), Some(path)) = (&mut tracer, &args.trace) {
        let written = failed.map_or_else(|| file.flush(), Err);
        written.map_err(|error| Failure::new(Exit::Negative, format_args!("{}: {error}", path.display())))?;
    }
    Ok(report)
}

/// What came of many runs.
#[derive(Debug, Default)]
struct Total {
    runs: u64,
    broken: u64,
    connection_hours: u64,
    events: u64,
    false_kills: u64,
    faults: FaultCounts,
    digests: Vec<String>,
}

impl Total {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.broken += u64::from(!report.is_lawful());
        self.connection_hours += report.connection_hours();
        self.events += report.events();
        self.false_kills += report.false_kills;
        self.faults.add(&report.faults);
        self.digests.push(report.digest.clone());
    }

    /// That of the run, or where there are several, all of them in one.
    fn digest(&self) -> String {
        let Some((first, others)) = self.digests.split_first() else {
            return String::new();
        };
        let number = |text: &str| u128::from_str_radix(text, 16).unwrap_or(0);
        let mix = |sum: u128, next: &String| sum.rotate_left(41).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) ^ number(next);
        format!("{:032x}", others.iter().fold(number(first), mix))
    }

    fn print(&self, out: &mut Out) -> Result<(), Failure> {
        let text = || {
            let mut text = format!(
                "{} seeds, {} connection-hours, {} events, false kills {}",
                self.runs, self.connection_hours, self.events, self.false_kills
            );
            print::faults(&self.faults, &mut text);
            text.push_str(&format!("\nseeds that broke a law {}", self.broken));
            text
        };
        let json = || {
            Object::event("summary")
                .with("seeds", self.runs)
                .with("connection_hours", self.connection_hours)
                .with("events", self.events)
                .with("false_kills", self.false_kills)
                .with("faults", print::fault_map(&self.faults))
                .with("broken", self.broken)
        };
        Ok(out.line(text, json)?)
    }
}
