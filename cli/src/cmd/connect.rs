//! `wsbeat connect`.

mod data;
mod input;
mod record;
mod session;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::client::{Backoff, Client, Limits};
use wsbeat_tokio::heartbeat::{AnswerFaults, Voice};

use crate::config::{duration, share, size};
use crate::exit::{Exit, Failure};
use crate::logging::Logger;
use crate::outbound::{self, Way};
use crate::output::Out;
use session::Session;

/// Connect, answer heartbeats, show what comes and send what is typed
///
/// Lines of standard input are sent as text messages. Binary messages are inflated where they are gzip; what is no text then prints as hex. The end of standard input does
/// not close: --for, --count and ^C do, with 1000.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = LONG_EXAMPLES)]
pub(crate) struct ConnectArgs {
    /// Where to: ws:// or wss://
    #[arg(value_hint = ValueHint::Url)]
    url: String,

    /// The dialect of the heartbeats: one by its id, none, or auto, which takes the one that the messages show
    #[arg(long, value_name = "auto|ID|none", default_value = "auto", help_heading = HEARTBEATS)]
    dialect: String,
    /// A file of dialects of your own
    #[arg(long, value_name = "FILE", help_heading = HEARTBEATS, value_hint = ValueHint::FilePath)]
    dialects: Option<String>,
    /// Answer nothing, neither heartbeats nor pings
    #[arg(long, help_heading = HEARTBEATS, conflicts_with_all = ["pong_delay", "pong_drop"])]
    no_pong: bool,
    /// Answer so much later
    #[arg(long, value_name = "DUR", help_heading = HEARTBEATS, value_parser = duration)]
    pong_delay: Option<Duration>,
    /// Leave out this share of the answers: 5% or 0.05
    #[arg(long, value_name = "P", help_heading = HEARTBEATS, value_parser = share)]
    pong_drop: Option<f64>,
    /// Send pings of our own, so often
    #[arg(long, value_name = "DUR", help_heading = HEARTBEATS)]
    ping_interval: Option<String>,
    /// How long our pings may stay unanswered
    #[arg(long, value_name = "DUR", help_heading = HEARTBEATS, requires = "ping_interval")]
    ping_timeout: Option<String>,
    /// Give the server up when heartbeats come but no data for so long
    #[arg(long, value_name = "DUR", help_heading = HEARTBEATS)]
    feed_timeout: Option<String>,

    /// Send a text message once connected; may be repeated
    #[arg(long, value_name = "TEXT", help_heading = MESSAGES, allow_hyphen_values = true)]
    send: Vec<String>,
    /// Send this JSON on every connection, after a reconnect too; may be repeated
    #[arg(long, value_name = "JSON", help_heading = MESSAGES, value_parser = json)]
    subscribe: Vec<String>,
    /// What to show; separate several by commas
    #[arg(long, value_name = "WHAT", default_value = "all", value_enum, value_delimiter = ',', help_heading = MESSAGES)]
    show: Vec<Show>,
    /// Close after so many heartbeats and messages were shown
    #[arg(long, value_name = "N", help_heading = MESSAGES, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Close after this time
    #[arg(long = "for", value_name = "DUR", help_heading = MESSAGES, value_parser = duration)]
    for_time: Option<Duration>,

    /// Connect again after a loss, at most MAX times in a row
    #[arg(long, value_name = "MAX", num_args = 0..=1, require_equals = true, help_heading = CONNECTION)]
    reconnect: Option<Option<u32>>,
    /// How long a message may be
    #[arg(long, value_name = "SIZE", default_value = "1MiB", help_heading = CONNECTION, value_parser = size)]
    max_message: u32,
    #[command(flatten)]
    way: Way,

    /// Record every input and decision in a file that wsbeat replay reads; what is in it is replaced. Connections after the
    /// first have FILE.2, FILE.3 and so on
    #[arg(long, value_name = "FILE", help_heading = HEARTBEATS, value_hint = ValueHint::FilePath)]
    record: Option<PathBuf>,
}

const HEARTBEATS: &str = "Heartbeats";
const MESSAGES: &str = "Messages";
const CONNECTION: &str = "Connection";

const EXAMPLES: &str = "Examples:
  wsbeat connect ws://127.0.0.1:8888
  wsbeat connect wss://api.example.com/ws --subscribe '{\"sub\":\"market.btcusdt.kline.1min\"}' --reconnect
  wsbeat connect ws://127.0.0.1:8888 --no-pong; echo \"exit status $?\"";

const LONG_EXAMPLES: &str = "Examples:
  wsbeat connect ws://127.0.0.1:8888
  wsbeat connect ws://127.0.0.1:8888 --send hello --show data --count 1
  wsbeat connect wss://api.example.com/ws --subscribe '{\"sub\":\"market.btcusdt.kline.1min\"}' --reconnect
  wsbeat connect ws://127.0.0.1:8888 --no-pong; echo \"exit status $?\"
  wsbeat connect ws://127.0.0.1:8888 --ping-interval 5s --ping-timeout 2s --for 1m --format json

Exit status: 0 closed by us and nothing lost before, 2 usage, 3 could not connect (the text says whether DNS, TCP, TLS or
HTTP), 4 heartbeat lost (we gave the peer up, or it closed us for silence), 5 the peer closed or broke the protocol otherwise.";

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// Control frames: pings, pongs and closes
    Frames,
    /// Heartbeats in messages
    Heartbeats,
    /// Messages that are no heartbeats
    Data,
    /// All of it
    All,
}

fn json(text: &str) -> Result<String, String> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("no JSON: {error}")),
    }
}

pub(crate) fn run(mut args: ConnectArgs, out: &mut Out, log: &Logger) -> Result<Exit, Failure> {
    // Time that is up before the connection is open leaves by way of the attempt's failure, which says how far it came.
    if let Some(total) = args.for_time {
        args.way.connect_timeout = args.way.connect_timeout.min(total.max(CONNECT_TIMEOUT_MIN));
    }
    let mut client = client(&args)?;
    let mut records = None;
    if let Some(path) = &args.record {
        let (next, files) = record::start(path, log)?;
        (client, records) = (client.record(next), Some(files));
    }
    log.take_library_logs();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unreachable, format_args!("cannot start: {error}")))?;
    let session = Session::new(&args, client.reconnecting(backoff(&args)), out, log);
    let exit = runtime.block_on(session.run());
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    if let Some(files) = records {
        files.finish();
    }
    exit
}

/// An attempt has to have some time, though none was given.
const CONNECT_TIMEOUT_MIN: Duration = Duration::from_millis(1);

fn client(args: &ConnectArgs) -> Result<Client, Failure> {
    let limits = Limits { message_bytes_max: args.max_message as usize, ..Limits::default() };
    let dialect = outbound::dialect(&args.dialect, args.dialects.as_deref())?;
    let mut client = args.way.client(&args.url, limits)?.dialect(dialect).policy(policy(args)?).answer_faults(faults(args));
    for json in &args.subscribe {
        client = client.subscribe(Message::text(json));
    }
    Ok(client)
}

fn policy(args: &ConnectArgs) -> Result<PolicyConfig, Failure> {
    let mut policy = PolicyConfig::default();
    for (key, value) in [("ping_interval", &args.ping_interval), ("ping_timeout", &args.ping_timeout), ("feed_timeout", &args.feed_timeout)]
    {
        if let Some(value) = value {
            policy.set(key, value).map_err(|error| Failure::usage(format_args!("--{}: {error}", key.replace('_', "-"))))?;
        }
    }
    Ok(policy)
}

fn faults(args: &ConnectArgs) -> AnswerFaults {
    AnswerFaults {
        drop_share: args.pong_drop.unwrap_or(0.0),
        delay: args.pong_delay.unwrap_or_default(),
        voice: if args.no_pong { Voice::Mute } else { Voice::Answering },
    }
}

fn backoff(args: &ConnectArgs) -> Backoff {
    match args.reconnect {
        None => Backoff::never(),
        Some(attempts_max) => Backoff { attempts_max, ..Backoff::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_json() {
        assert!(json("{\"sub\":1}").is_ok());
        assert!(json("{sub}").is_err());
    }
}
