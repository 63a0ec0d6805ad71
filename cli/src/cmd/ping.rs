//! `wsbeat ping`.

mod check;
mod question;
mod session;
mod tally;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgAction, Args, ValueHint};
use tokio::time::Instant;
use wsbeat_core::dialect::{Dialect, Initiator, Role};
use wsbeat_tokio::client::{Client, ConnectError, Limits};
use wsbeat_tokio::heartbeat::DialectChoice;

use crate::config::{duration, duration_text};
use crate::exit::{Exit, Failure};
use crate::logging::Logger;
use crate::outbound::{self, Way};
use crate::output::Out;
use check::{Check, State};
use question::Question;
use session::{Session, Signals};

/// Ask a WebSocket server for answers, and measure how long they take
///
/// As ping(8), over one connection: pings (control frames), or heartbeats in messages where --dialect names one whose client may ask. Heartbeats of the server's, in any known dialect, are answered silently meanwhile.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = LONG_EXAMPLES)]
pub(crate) struct PingArgs {
    /// Where to: ws:// or wss://
    #[arg(value_hint = ValueHint::Url)]
    url: String,

    /// Stop after so many pings [default: none, 3 with --check]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// The time between pings, at least 2ms; many servers close who asks more than ten times a second
    #[arg(short, long, value_name = "DUR", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// How long an answer is waited for
    #[arg(short = 'W', long, value_name = "DUR", default_value = "1s", value_parser = some_time)]
    timeout: Duration,
    /// Stop after this time, however many pings were sent; connecting counts
    #[arg(short = 'w', long, value_name = "TOTAL", value_parser = some_time)]
    deadline: Option<Duration>,
    /// Print the summary and no line for each ping; twice, log nothing
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
    /// Print when each line was printed, in Unix seconds
    #[arg(short = 'D', long)]
    timestamps: bool,

    /// The dialect of the heartbeats; where its client may ask, they are asked for instead of pings [default: pings,
    /// and the dialect that the messages show]
    #[arg(long, value_name = "ID")]
    dialect: Option<String>,
    /// A file of dialects of your own
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    dialects: Option<String>,

    /// Print one line for a monitor: a state, what was found, figures
    #[arg(long, help_heading = MONITORING)]
    check: bool,
    /// From this average on it is a warning
    #[arg(long, value_name = "DUR", default_value = "50ms", help_heading = MONITORING, requires = "check", value_parser = some_time)]
    warn: Duration,
    /// From this average on it is critical
    #[arg(long, value_name = "DUR", default_value = "200ms", help_heading = MONITORING, requires = "check", value_parser = some_time)]
    crit: Duration,

    #[command(flatten)]
    way: Way,
}

const MONITORING: &str = "Monitoring";

const EXAMPLES: &str = "Examples:
  wsbeat ping ws://127.0.0.1:8888
  wsbeat ping -c 3 --format json ws://127.0.0.1:8888
  wsbeat ping --check --warn 50ms --crit 200ms ws://127.0.0.1:8888";

const LONG_EXAMPLES: &str = "Examples:
  wsbeat ping ws://127.0.0.1:8888
  wsbeat ping -c 3 --format json ws://127.0.0.1:8888
  wsbeat ping -c 5 -i 200ms -W 500ms -q -D ws://127.0.0.1:8888
  wsbeat ping -w 10s --dialect htx-spot-v1 ws://127.0.0.1:8888
  wsbeat ping --check --warn 50ms --crit 200ms ws://127.0.0.1:8888

A pong that comes after -W is late: it counts, and its ping is not lost. One that answers no ping is unmatched.

--check says OK, WARNING (an average from --warn on, or a ping that was lost), CRITICAL (an average from --crit on, no
pong, no connection, a close by the server) or UNKNOWN (nothing could be measured), and then `| rta=… pl=… upgrade=…`.

Exit status: 0 at least one pong (--check: OK and WARNING), 1 none (--check: CRITICAL), 2 usage, 3 could not connect,
4 heartbeat lost (the server closed us for silence, or we gave it up), 5 it closed or broke the protocol otherwise.";

/// The shortest time between pings: that of ping(8) for those who are not root.
const INTERVAL_MIN: Duration = Duration::from_millis(2);

fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < INTERVAL_MIN => Err(format!("at least {}", duration_text(INTERVAL_MIN))),
        interval => Ok(interval),
    }
}

fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("more than zero".into()),
        some => Ok(some),
    }
}

/// How many pings a check sends.
const CHECK_COUNT: u64 = 3;

/// What is asked for, once all of it is known.
#[derive(Clone, Debug)]
struct Wishes {
    url: String,
    count: Option<u64>,
    interval: Duration,
    timeout: Duration,
    deadline: Option<Instant>,
    connect_timeout: Duration,
    /// Whether each ping gets its line.
    prints_each: bool,
    timestamps: bool,
    check: Option<Check>,
}

impl Wishes {
    fn read(args: &PingArgs) -> Result<Self, Failure> {
        if args.warn > args.crit {
            let (warn, crit) = (duration_text(args.warn), duration_text(args.crit));
            return Err(Failure::usage(format_args!("--warn {warn}: at most --crit, which is {crit}")));
        }
        let check = args.check.then_some(Check { warn: args.warn, crit: args.crit });
        Ok(Wishes {
            url: args.url.clone(),
            count: args.count.or(check.map(|_| CHECK_COUNT)),
            interval: args.interval,
            timeout: args.timeout,
            deadline: args.deadline.and_then(|total| Instant::now().checked_add(total)),
            connect_timeout: args.deadline.map_or(args.way.connect_timeout, |total| args.way.connect_timeout.min(total)),
            prints_each: args.quiet == 0 && check.is_none(),
            timestamps: args.timestamps,
            check,
        })
    }
}

pub(crate) fn run(mut args: PingArgs, out: &mut Out, log: &Logger) -> Result<Exit, Failure> {
    let wishes = Wishes::read(&args)?;
    args.way.connect_timeout = wishes.connect_timeout;
    let prepared = prepare(&args);
    let (client, question) = match (prepared, wishes.check) {
        (Ok(prepared), _) => prepared,
        (Err(failure), Some(check)) => return check.without_figures(State::Unknown, failure, out),
        (Err(failure), None) => return Err(failure),
    };
    log.take_library_logs();
    let cannot = |error: std::io::Error| Failure::new(Exit::Unreachable, format_args!("cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let exit = runtime.block_on(ping(&wishes, &client, question, out, log));
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    exit
}

/// The client, and what it asks.
fn prepare(args: &PingArgs) -> Result<(Client, Question), Failure> {
    let choice = outbound::dialect(args.dialect.as_deref().unwrap_or("auto"), args.dialects.as_deref())?;
    let client = args.way.client(&args.url, Limits::default())?;
    match choice {
        DialectChoice::Named(dialect) if can_ask(&dialect) => {
            let question = Question::in_words_of(dialect)?;
            Ok((question.prepare(client), question))
        }
        choice => Ok((client.dialect(choice), Question::control())),
    }
}

/// Whether its client may ask and the server then answers.
fn can_ask(dialect: &Dialect) -> bool {
    dialect.may_ask(Role::Client) && dialect.initiator() != Initiator::OneWay
}

async fn ping(wishes: &Wishes, client: &Client, question: Question, out: &mut Out, log: &Logger) -> Result<Exit, Failure> {
    let mut signals = Signals::watch()?;
    let connected = tokio::select! {
        connected = client.connect() => connected,
        () = signals.next() => return interrupted(wishes, out),
    };
    match (connected, wishes.check) {
        (Ok(connection), _) => Session::new(wishes, connection, question, out, log).run(&mut signals).await,
        (Err(error), Some(check)) => {
            let failure = outbound::not_connected(&wishes.url, &error);
            let state = if failure.exit == Exit::Usage { State::Unknown } else { State::Critical };
            check.without_figures(state, failure, out)
        }
        (Err(error), None) => Err(not_connected(wishes, &error)),
    }
}

fn not_connected(wishes: &Wishes, error: &ConnectError) -> Failure {
    outbound::not_connected(&wishes.url, error)
}

/// Nothing is known yet.
fn interrupted(wishes: &Wishes, out: &mut Out) -> Result<Exit, Failure> {
    let failure = Failure::new(Exit::Negative, format_args!("interrupted before {} was connected", wishes.url));
    match wishes.check {
        Some(check) => check.without_figures(State::Unknown, failure, out),
        None => Err(failure),
    }
}

/// The line at the beginning.
fn head(url: &str, peer: SocketAddr, question: &Question, upgraded_in: Duration) -> String {
    format!("PING {url} ({peer}) {}, upgraded in {:.1} ms", question.name(), upgraded_in.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_a_lower_bound_and_times_are_more_than_zero() {
        assert_eq!(interval("2ms"), Ok(INTERVAL_MIN));
        assert_eq!(interval("1ms").unwrap_err(), "at least 2ms");
        assert_eq!(interval("5").unwrap_err(), "a duration needs a unit: 5s, or 5ms");
        assert!(some_time("0s").is_err() && some_time("1ms").is_ok());
    }
}
