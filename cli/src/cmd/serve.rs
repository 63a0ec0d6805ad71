//! `wsbeat serve`.

mod admin;
mod descriptors;
mod handler;
mod limit;
mod lines;
mod listener;
mod live;
mod reload;
mod running;
mod status;
mod supervisor;
mod terminal;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueHint};
use tokio::signal::unix::{Signal, SignalKind, signal};
use wsbeat_core::policy::Profile;

use crate::config::{self, Layer, ListenerConfig, OnMessage, ServeConfig};
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::logging::{Level, Logger};
use crate::output::Out;
use running::Running;
use terminal::Terminal;

/// How often is looked at what has to be told.
const SECOND: Duration = Duration::from_secs(1);

/// Serve WebSocket connections and keep their heartbeats
///
/// Peers that went silent are closed, and a line on standard error says why. Every flag has a key in the TOML file, with _ for -, and a variable of the environment (--ping-interval,
/// ping_interval, WSBEAT_PING_INTERVAL). The command line beats the environment, which beats the file, which beats the
/// default. A first SIGINT or SIGTERM drains, a second ends at once; SIGHUP reads the settings again: policies of open
/// connections change, what needs a restart is named, and a bad file changes nothing. The file may have several
/// [[listener]] tables, each with a name, addresses and keys of its own.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = LONG_EXAMPLES)]
pub(crate) struct ServeArgs {
    /// An address to listen at: IPv4, IPv6 ([::1]:8888), port 0 for a free one; may be repeated [default: 127.0.0.1:8888]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// The dialect of the heartbeats, or none; wsbeat dialects lists them [default: htx-spot-v1]
    #[arg(long, value_name = "ID|none")]
    dialect: Option<String>,
    /// A file of dialects of your own
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    dialects: Option<String>,
    /// What to do with messages [default: echo]
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(OnMessage::ALL.map(OnMessage::name)))]
    on_message: Option<String>,
    /// A web page that may connect besides those of this host: scheme://host[:port], * for one label or alone for all; may be repeated
    #[arg(long, value_name = "PATTERN")]
    origin: Vec<String>,
    /// The certificate chain for wss://, PEM; SIGHUP reads it again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_cert: Option<String>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_key: Option<String>,

    /// The time between heartbeats; 0s turns them off [default: the dialect's]
    #[arg(long, value_name = "DUR", help_heading = HEARTBEATS)]
    interval: Option<String>,
    /// How many heartbeats may stay unanswered, 1 to 255 [default: the dialect's]
    #[arg(long, value_name = "N", help_heading = HEARTBEATS)]
    misses: Option<String>,
    /// Whether all connections get their heartbeats together or spread over the interval [default: the dialect's]
    #[arg(long, value_name = "HOW", help_heading = HEARTBEATS, value_parser = ["together", "spread"])]
    cadence: Option<String>,
    /// Which answers count, on both planes [default: the dialect's, matching for pings]
    #[arg(long, value_name = "WHICH", help_heading = HEARTBEATS, value_parser = ["matching", "any"])]
    answers: Option<String>,
    /// How far heartbeats and pings may move off their beat, below 50% [default: 0%]
    #[arg(long, value_name = "PCT", help_heading = HEARTBEATS)]
    jitter: Option<String>,

    /// The time between pings (control frames); turns them on, 0s turns them off [default: the profile's]
    #[arg(long, value_name = "DUR", help_heading = PINGS)]
    ping_interval: Option<String>,
    /// The time a ping may stay unanswered [default: the profile's]
    #[arg(long, value_name = "DUR", help_heading = PINGS)]
    ping_timeout: Option<String>,
    /// Whose rules pings follow; turns them on [default: strict]
    ///
    /// The Tornado profiles do as their originals. tornado-6.4 closes every healthy peer when --ping-timeout is below
    /// --ping-interval, and when they are equal as soon as a tick is late; both need a --ping-interval.
    #[arg(long, value_name = "NAME", help_heading = PINGS, value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::name)))]
    profile: Option<String>,
    /// What counts as life: a pong, any frame, any bytes (profile strict) [default: bytes]
    #[arg(long, value_name = "WHAT", help_heading = PINGS, value_parser = ["pong", "frame", "bytes"])]
    evidence: Option<String>,

    /// The close code for silence, on both planes [default: 4408, or the dialect's]
    #[arg(long, value_name = "N", help_heading = ENDS)]
    close_code: Option<String>,
    /// How long a close handshake may take [default: 5s]
    #[arg(long, value_name = "DUR", help_heading = ENDS)]
    close_timeout: Option<String>,
    /// The age at which connections are closed with 1012, give or take 10%; 0s for none [default: the dialect's]
    #[arg(long, value_name = "DUR", help_heading = ENDS)]
    max_lifetime: Option<String>,
    /// How long a drain may take [default: 10s]
    #[arg(long, value_name = "DUR", help_heading = ENDS)]
    drain: Option<String>,

    /// How many connections there may be at once; further ones are answered 503 [default: 10000]
    #[arg(long, value_name = "N", help_heading = LIMITS)]
    max_connections: Option<String>,
    /// How many from one address (IPv6: one /64); loopback is exempt [default: 256]
    #[arg(long, value_name = "N", help_heading = LIMITS)]
    max_per_ip: Option<String>,
    /// How long a message may be; longer ones close with 1009 [default: 1MiB]
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    max_message: Option<String>,
    /// How much may wait for one peer to read [default: 256KiB]
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    write_limit: Option<String>,
    /// How long the handshake may take [default: 5s]
    #[arg(long, value_name = "DUR", help_heading = LIMITS)]
    handshake_timeout: Option<String>,

    /// The address of metrics, health, the API and the live page; any but loopback needs a token [default: none]
    #[arg(long, value_name = "ADDR", help_heading = ADMIN)]
    admin: Option<String>,
    /// What requests to it must bring as Authorization: Bearer TOKEN (better kept out of the list of processes: WSBEAT_ADMIN_TOKEN)
    #[arg(long, value_name = "TOKEN", help_heading = ADMIN)]
    admin_token: Option<String>,
    /// A name by which it may be asked for, besides IP addresses and localhost; may be repeated
    #[arg(long, value_name = "NAME", help_heading = ADMIN)]
    admin_host: Vec<String>,

    /// How many threads serve, each with its own share of the connections, 1 to 256 [default: 1]
    #[arg(long, value_name = "N", help_heading = SETTINGS)]
    workers: Option<String>,
    /// Where chance comes from: phases, jitter, the order of a drain [default: 0]
    #[arg(long, value_name = "N", help_heading = SETTINGS)]
    seed: Option<String>,
    /// Record every input and decision in a file that wsbeat replay reads; what is in it is replaced
    ///
    /// It says what messages mean to the heartbeats and holds no message. The server never waits for the file: when it
    /// cannot be written fast enough, the recording ends at a whole line and the log says so. Of several workers each has a
    /// file of its own, FILE.0 and so on: each replays alone.
    #[arg(long, value_name = "FILE", help_heading = SETTINGS, value_hint = ValueHint::FilePath)]
    record: Option<String>,
    /// A file of settings (also WSBEAT_CONFIG)
    #[arg(long, value_name = "FILE", help_heading = SETTINGS, value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Set any key, those without a flag too (--print-config shows them all); may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = SETTINGS)]
    sets: Vec<String>,
    /// Print the settings as TOML, with where each came from, and end
    #[arg(long, help_heading = SETTINGS)]
    print_config: bool,
}

const HEARTBEATS: &str = "Heartbeats";
const PINGS: &str = "Pings";
const ENDS: &str = "Ends";
const LIMITS: &str = "Limits";
const ADMIN: &str = "Admin";
const SETTINGS: &str = "Settings";

const EXAMPLES: &str = "Examples:
  wsbeat serve
  wsbeat serve --dialect none --ping-interval 20s --ping-timeout 10s
  wsbeat serve --config wsbeat.toml --set write_stall=30s --print-config";

const LONG_EXAMPLES: &str = "Examples:
  wsbeat serve
  wsbeat serve --listen 127.0.0.1:0 --listen '[::1]:0' --format json
  wsbeat serve --dialect none --ping-interval 20s --ping-timeout 10s
  wsbeat serve --dialect blog --profile tornado-6.4 --ping-interval 5s --ping-timeout 10s
  wsbeat serve --dialects mine.toml --dialect my-dialect
  wsbeat serve --tls-cert chain.pem --tls-key key.pem --listen 0.0.0.0:443
  wsbeat serve --config wsbeat.toml --set write_stall=30s --print-config

Exit status: 0 after a drain, 1 when told to end twice, 2 usage or configuration, 3 could not listen.";

impl ServeArgs {
    /// The flags by the key that each one sets.
    fn flags(&self) -> Vec<(&'static str, Vec<String>)> {
        let one = |value: &Option<String>| value.iter().cloned().collect();
        vec![
            ("listen", self.listen.clone()),
            ("dialect", one(&self.dialect)),
            ("dialects", one(&self.dialects)),
            ("on_message", one(&self.on_message)),
            ("origin", self.origin.clone()),
            ("tls_cert", one(&self.tls_cert)),
            ("tls_key", one(&self.tls_key)),
            ("interval", one(&self.interval)),
            ("misses", one(&self.misses)),
            ("cadence", one(&self.cadence)),
            ("answers", one(&self.answers)),
            ("jitter", one(&self.jitter)),
            ("ping_interval", one(&self.ping_interval)),
            ("ping_timeout", one(&self.ping_timeout)),
            ("profile", one(&self.profile)),
            ("evidence", one(&self.evidence)),
            ("close_code", one(&self.close_code)),
            ("close_timeout", one(&self.close_timeout)),
            ("max_lifetime", one(&self.max_lifetime)),
            ("drain", one(&self.drain)),
            ("max_connections", one(&self.max_connections)),
            ("max_per_ip", one(&self.max_per_ip)),
            ("max_message", one(&self.max_message)),
            ("write_limit", one(&self.write_limit)),
            ("handshake_timeout", one(&self.handshake_timeout)),
            ("workers", one(&self.workers)),
            ("seed", one(&self.seed)),
            ("record", one(&self.record)),
            ("admin", one(&self.admin)),
            ("admin_token", one(&self.admin_token)),
            ("admin_host", self.admin_host.clone()),
        ]
    }

    /// All layers, one over the other.
    fn layers(&self) -> Result<Layer, Failure> {
        let file = self.config.clone().or_else(|| std::env::var_os("WSBEAT_CONFIG").map(PathBuf::from));
        let mut layers = match &file {
            Some(path) => config::read_file(path)?,
            None => Layer::default(),
        };
        layers.lay(config::environment(|name| std::env::var(name).ok()));
        layers.lay(config::command_line(self.flags(), &self.sets));
        Ok(layers)
    }
}

pub(crate) fn run(args: ServeArgs, out: &mut Out, log: &Logger) -> Result<Exit, Failure> {
    let layers = args.layers()?;
    let config = layers.read()?;
    if args.print_config {
        config::print(&layers, &config, out)?;
        return Ok(Exit::Done);
    }
    log.take_library_logs();
    warn_of_variables(log);
    config.listeners.iter().for_each(|listener| warn_of_traps(listener, log));
    descriptors::make_room(&config, log);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unreachable, format_args!("cannot start: {error}")))?;
    runtime.block_on(serve(&args, config, out, log))
}

async fn serve(args: &ServeArgs, config: ServeConfig, out: &mut Out, log: &Logger) -> Result<Exit, Failure> {
    let cannot = |error: std::io::Error| Failure::new(Exit::Unreachable, format_args!("cannot watch signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(cannot)?;
    let terminal = Terminal::ours();
    let mut running = Running::start(config, out, log).await?;
    let mut second = tokio::time::interval(SECOND);
    loop {
        tokio::select! {
            going_on = running.next_end() => if !going_on { break },
            () = either(&mut interrupt, &mut terminate) => running.end(),
            _ = hangup.recv() => if terminal.is_gone() { running.end() } else { running.reload(|| args.layers()?.read()).await },
            _ = second.tick() => running.tick(),
        }
    }
    Ok(running.finish())
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Variables that look like settings and are none.
fn warn_of_variables(log: &Logger) {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for (name, nearest) in config::unknown_variables(names) {
        let message = format!("{name} is no setting: the nearest key is \"{nearest}\"");
        log.log(Level::Warn, &message, || Object::default().with("variable", &name));
    }
}

/// Settings that do as they say and not as one hopes.
fn warn_of_traps(listener: &ListenerConfig, log: &Logger) {
    let Some(transport) = &listener.policy.transport else { return };
    if transport.profile == Profile::Tornado64 && transport.timeout <= transport.interval {
        let message = "tornado-6.4 with ping_timeout not above ping_interval closes healthy peers, as its original does";
        log.log(Level::Warn, message, || Object::default().with("profile", "tornado-6.4"));
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::ServeArgs;

    /// The flags that set no key: they say where settings come from, or what to do with them.
    const OTHERS: [&str; 3] = ["config", "set", "print-config"];

    #[test]
    fn every_flag_has_its_key() {
        let command = ServeArgs::augment_args(Command::new("serve"));
        let serve = ServeArgs::from_arg_matches(&command.clone().get_matches_from(["serve"])).unwrap();
        let keys: Vec<String> = serve.flags().iter().map(|(key, _)| key.replace('_', "-")).collect();
        for argument in command.get_arguments() {
            let Some(flag) = argument.get_long().filter(|flag| *flag != "help") else { continue };
            assert!(keys.iter().any(|key| key == flag) || OTHERS.contains(&flag), "{flag} has no key");
        }
    }
}
