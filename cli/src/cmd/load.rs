//! `wsbeat load`.

mod print;
mod slo;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueHint};
use wsbeat_tokio::load::{Echo, Load, LoadConfig, LoadError, Progress, Report};

use crate::cmd::simulate::share_ppm;
use crate::config::{duration, size};
use crate::exit::{Exit, Failure};
use crate::human::grouped;
use crate::logging::Logger;
use crate::outbound::{self, Way};
use crate::output::Out;
use slo::Objectives;

/// Put a WebSocket server under load, and measure it from outside
///
/// Opens many connections from one process, answers pings and heartbeats as good clients do (or not, or late), and tells how evenly they came, how soon they were answered, and who was closed. With --echo some of the connections send messages and measure when they are back.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:
  wsbeat load ws://127.0.0.1:8888 -c 1000
  wsbeat load ws://127.0.0.1:8888 -c 18000 -z 1m --silent 20% --format json
  wsbeat load ws://127.0.0.1:8888 -c 64 --echo 64 --size 64 --slo 'echo.p99<50ms,lost=0'",
    after_long_help = "Examples:
  wsbeat load ws://127.0.0.1:8888 -c 1000
  wsbeat load ws://127.0.0.1:8888 -c 18000 -z 1m --ramp 20s --silent 20% --format json
  wsbeat load ws://127.0.0.1:8888 -c 5000 --pong-delay 50ms --dialect htx-spot-v1
  wsbeat load ws://127.0.0.1:8888 -c 64 --echo 64 --size 64 --slo 'echo.p99<50ms,lost=0'

Objectives, separated by commas: p50, p90, p99, p99.9, max of the answers, with spacing. or echo. before them of the spacing
of pings or of the echoes, with < and a duration; connections, failed, lost, pings, answered with =, < or > and a number.

Connections still pending at the end have failed: opened and failed are together all that were asked for.

Spacing is the time between two pings, or two heartbeats, of one connection; a gap that the end cuts off, of the load or of the
connection, counts for as long as it stood where that is longer than half of the others. An answer takes from when its question
was read to when its last byte was written. An echo takes from when its message was due to be sent, so that what waits behind a
slow one counts too. How late the load itself was at most is told, for spacing and answers are uncertain by so much; after
100 ms and more, what is then read counts from when that began.

Exit status: 0 done, 1 an objective was missed or a connection was lost, 2 usage, 3 nothing could connect."
)]
pub(crate) struct LoadArgs {
    /// Where to: ws:// or wss://
    #[arg(value_hint = ValueHint::Url)]
    url: String,
    /// How many connections
    #[arg(short, long, value_name = "CONNS", value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How long, the ramp included
    #[arg(short = 'z', long, value_name = "DUR", default_value = "30s", value_parser = duration)]
    duration: Duration,
    /// Over how long the connections are opened [default: 5s, or half of -z where that is shorter]
    #[arg(long, value_name = "DUR", value_parser = duration)]
    ramp: Option<Duration>,
    /// The dialect of the heartbeats in messages, auto, or none
    #[arg(long, value_name = "ID", default_value = "auto")]
    dialect: String,
    /// A file of dialects of your own
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    dialects: Option<String>,
    /// The share of connections that never answer, on neither plane
    #[arg(long, value_name = "P", default_value = "0%", value_parser = share_ppm)]
    silent: u32,
    /// How long answers are held back, on both planes
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = duration)]
    pong_delay: Duration,
    /// How many of the connections send messages that the server sends back
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..))]
    echo: Option<u32>,
    /// How long such a message is, 16 bytes to 64KiB
    #[arg(long, value_name = "BYTES", default_value = "64", requires = "echo", value_parser = size)]
    size: u32,
    /// How many messages each of them sends in a second, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 10, requires = "echo")]
    rate: u32,
    /// What has to hold, such as p99<50ms,lost=0
    #[arg(long, value_name = "OBJECTIVES", value_parser = Objectives::parse)]
    slo: Option<Objectives>,
    /// No live view, on a terminal either
    #[arg(long)]
    no_tui: bool,
    /// What chance comes from: who is silent, when echoes begin
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    way: Way,
}

impl LoadArgs {
    fn config(&self) -> Result<LoadConfig, Failure> {
        Ok(LoadConfig {
            connections: self.connections,
            duration: self.duration,
            ramp: self.ramp,
            dialect: outbound::dialect(&self.dialect, self.dialects.as_deref())?,
            silent_ppm: self.silent,
            answer_delay: self.pong_delay,
            echo: self.echo.map(|connections| Echo { connections, message_bytes: self.size, per_second: self.rate }),
            headers: self.way.headers(),
            trust: self.way.trust()?,
            connect_timeout: self.way.connect_timeout,
            seed: self.seed,
            ..LoadConfig::new(&self.url)
        })
    }
}

pub(crate) fn run(args: &LoadArgs, out: &mut Out, log: &Logger) -> Result<Exit, Failure> {
    let load = Load::new(args.config()?).map_err(|error| failure(&args.url, &error))?;
    let interrupted = interrupted()?;
    let is_live = !args.no_tui && log.has_reader();
    let report = load.run(|progress| {
        if is_live {
            log.status(&live(progress, args));
        }
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if is_live {
        log.status("");
    }
    let report = report.map_err(|error| failure(&args.url, &error))?;
    let missed = args.slo.as_ref().map_or_else(Vec::new, |objectives| objectives.missed(&report));
    print::report(&report, &missed, args.echo.is_some(), out)?;
    Ok(exit(&report, &missed, log))
}

/// ^C ends it as its time does.
fn interrupted() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second one ends it at once.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag)).map_err(cannot_watch)?;
        signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(cannot_watch)?;
    }
    Ok(flag)
}

fn cannot_watch(error: std::io::Error) -> Failure {
    Failure::new(Exit::Unreachable, format_args!("cannot watch signals: {error}"))
}

fn exit(report: &Report, missed: &[String], log: &Logger) -> Exit {
    if report.connections == 0 {
        if let Some(why) = &report.first_failure {
            log.fail(&format!("nothing could connect: {}", crate::escape::one_line(why)));
        }
        return Exit::Unreachable;
    }
    if missed.is_empty() && report.lost == 0 { Exit::Done } else { Exit::Negative }
}

fn failure(url: &str, error: &LoadError) -> Failure {
    match error {
        LoadError::Connect(error) => outbound::not_connected(url, error),
        LoadError::Io(_) => Failure::new(Exit::Unreachable, error),
        _ => Failure::usage(error),
    }
}

fn live(progress: &Progress, args: &LoadArgs) -> String {
    let Progress { elapsed, open, failed, lost, pings, answered, echoes } = *progress;
    let mut text = format!(
        "{:.0}/{:.0} s  open {} of {}  failed {}  lost {}  pings {}  answered {}",
        elapsed.as_secs_f64(),
        args.duration.as_secs_f64(),
        grouped(open.into()),
        grouped(args.connections.into()),
        grouped(failed),
        grouped(lost),
        grouped(pings),
        grouped(answered),
    );
    if args.echo.is_some() {
        text.push_str(&format!("  echoes {}", grouped(echoes)));
    }
    text
}
