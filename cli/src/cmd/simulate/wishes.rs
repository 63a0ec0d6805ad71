//! What a simulation was asked for.

use std::fmt::Write as _;
use std::time::Duration;

use clap::ValueEnum;
use wsbeat_core::dialect::Role;
use wsbeat_core::sim::{Detail, Fault, Faults, Scenario};
use wsbeat_core::trace::Header;

use super::SimulateArgs;
use crate::config::{self, Layer, duration, duration_text, share};
use crate::exit::Failure;

/// Which side of the connections the rules are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Side {
    /// Peers are clients
    Server,
    /// Peers are servers
    Client,
}

/// A delay and how far it varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LatencyWish {
    pub(crate) mid: Duration,
    pub(crate) spread: Duration,
}

/// How probable a fault is; `None` is every fault at the strength of a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultWish {
    One(Fault, u32),
    Storm,
}

/// Who is frozen, when, and for how long; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FreezeWish {
    client: u32,
    at: Duration,
    length: Option<Duration>,
}

/// The arguments, read and checked.
pub(super) struct Wishes {
    pub(super) header: Header,
    scenario: Scenario,
    /// The faults that were named.
    faults: Faults,
}

impl Wishes {
    pub(super) fn read(args: &SimulateArgs) -> Result<Self, Failure> {
        let mut layers = match &args.config {
            Some(path) => config::read_file(path)?,
            None => Layer::default(),
        };
        // Same arguments, same digest: the environment has no say.
        layers.lay(config::command_line(flags(args), &args.sets));
        let server = layers.read()?.only()?.server;
        let role = match args.role {
            Side::Server => Role::Server,
            Side::Client => Role::Client,
        };
        let header = Header { role, dialect: server.dialect, config: server.policy, ..Header::default() };
        let policy = header.policy().map_err(Failure::usage)?;
        let faults = faults(args);
        let mut scenario = Scenario::new(policy)
            .connections(args.connections)
            .latency(args.latency.mid, args.latency.spread)
            .faults(faults)
            .detail(if args.bytes { Detail::Bytes } else { Detail::Tokens });
        if let Some(dialect) = &header.dialect {
            scenario = scenario.dialect(dialect, role);
        }
        for freeze in &args.freezes {
            if freeze.client > args.connections {
                return Err(Failure::usage(format_args!(
                    "--freeze: there is no client {}, --connections {}",
                    freeze.client, args.connections
                )));
            }
            scenario = scenario.freeze(freeze.client, freeze.at, freeze.length);
        }
        Ok(Wishes { header, scenario, faults })
    }

    /// What is run of this seed: of several seeds each has a storm of its own, unless faults were named.
    pub(super) fn seed(&self, args: &SimulateArgs, seed: u64) -> Scenario {
        let scenario = self.scenario.clone().seed(seed);
        if args.seeds.is_some() && self.faults.is_none() { scenario.faults(Faults::swarm(seed)) } else { scenario }
    }

    /// The command that runs this seed alone.
    pub(super) fn command(&self, args: &SimulateArgs, seed: u64) -> String {
        let mut command = format!(
            "wsbeat simulate --connections {} --for {} --seed {seed} --latency {}±{}",
            args.connections,
            duration_text(args.length),
            duration_text(args.latency.mid),
            duration_text(args.latency.spread)
        );
        // Writing to a string does not fail.
        let mut put = |flag: &str, value: &str| {
            let _ = write!(command, " --{flag} {value}");
        };
        if args.seeds.is_some() {
            put("seeds", "1");
        }
        for (flag, value) in [("profile", &args.profile), ("dialect", &args.dialect)] {
            value.iter().for_each(|value| put(flag, value));
        }
        if args.role == Side::Client {
            put("role", "client");
        }
        args.config.iter().for_each(|path| put("config", &path.display().to_string()));
        args.sets.iter().for_each(|set| put("set", set));
        for fault in Fault::ALL.into_iter().filter(|fault| self.faults.ppm(*fault) > 0) {
            let ppm = self.faults.ppm(fault);
            put("fault", &format!("{}={}.{:06}", fault.name(), ppm / 1_000_000, ppm % 1_000_000));
        }
        for freeze in &args.freezes {
            let length = freeze.length.map_or("inf".into(), duration_text);
            put("freeze", &format!("{}@{}:{length}", freeze.client, duration_text(freeze.at)));
        }
        if args.bytes {
            command.push_str(" --bytes");
        }
        command
    }
}

fn flags(args: &SimulateArgs) -> Vec<(&'static str, Vec<String>)> {
    let pings_alone = args.profile.is_some() && args.config.is_none();
    let dialect = args.dialect.clone().or_else(|| pings_alone.then(|| "none".to_owned()));
    vec![("profile", args.profile.iter().cloned().collect()), ("dialect", dialect.into_iter().collect())]
}

fn faults(args: &SimulateArgs) -> Faults {
    let storm = args.faults.contains(&FaultWish::Storm);
    let mut faults = if storm { Faults::storm() } else { Faults::NONE };
    if let Some(ppm) = args.loss {
        faults.set(Fault::Loss, ppm);
    }
    for wish in &args.faults {
        if let FaultWish::One(fault, ppm) = wish {
            faults.set(*fault, *ppm);
        }
    }
    faults
}

// Values from text.

/// A probability in millionths.
pub(crate) fn share_ppm(text: &str) -> Result<u32, String> {
    let share = share(text)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1")]
    Ok((share * 1e6).round() as u32)
}

/// `20ms±5ms`, `20ms+-5ms` or `20ms`.
pub(crate) fn latency(text: &str) -> Result<LatencyWish, String> {
    let (mid, spread) = text.split_once('±').or_else(|| text.split_once("+-")).unwrap_or((text, "0s"));
    let (mid, spread) = (duration(mid)?, duration(spread)?);
    if spread > mid {
        return Err("what a latency varies by is at most the latency itself".into());
    }
    Ok(LatencyWish { mid, spread })
}

/// `NAME=P`, or `all=storm`.
pub(super) fn fault(text: &str) -> Result<FaultWish, String> {
    if text == "all=storm" {
        return Ok(FaultWish::Storm);
    }
    let (name, share) = text.split_once('=').ok_or("write NAME=P, such as dead=0.1%")?;
    let names = || Fault::ALL.map(Fault::name).join(", ");
    let fault = Fault::by_name(name).ok_or_else(|| format!("no fault has that name; there are {}", names()))?;
    Ok(FaultWish::One(fault, share_ppm(share)?))
}

/// `ID@AT:FOR`, with `inf` for ever.
pub(super) fn freeze(text: &str) -> Result<FreezeWish, String> {
    let form = "write ID@AT:FOR, such as 2@6s:inf or 2@6s:30s";
    let (client, rest) = text.split_once('@').ok_or(form)?;
    let (at, length) = rest.split_once(':').ok_or(form)?;
    let client = client.parse().ok().filter(|client| *client > 0).ok_or("clients are numbered from 1")?;
    let length = if length == "inf" { None } else { Some(duration(length)?) };
    Ok(FreezeWish { client, at: duration(at)?, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_take_both_forms_of_plus_or_minus() {
        let wish = LatencyWish { mid: Duration::from_millis(20), spread: Duration::from_millis(5) };
        assert_eq!((latency("20ms±5ms"), latency("20ms+-5ms")), (Ok(wish), Ok(wish)));
        assert_eq!(latency("1s").unwrap().spread, Duration::ZERO);
        assert!(latency("5ms±6ms").is_err() && latency("5").is_err());
    }

    #[test]
    fn faults_and_freezes_say_what_they_want() {
        assert_eq!(fault("dead=0.1%"), Ok(FaultWish::One(Fault::Dead, 1_000)));
        assert!(fault("ded=1%").unwrap_err().contains("reconnect-storm"));
        assert_eq!(freeze("2@6s:inf"), Ok(FreezeWish { client: 2, at: Duration::from_secs(6), length: None }));
        assert!(freeze("0@6s:inf").is_err() && freeze("2@6:inf").is_err() && freeze("2").is_err());
    }

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: SimulateArgs,
    }

    /// What `wsbeat simulate` has read from these words.
    fn read(words: &str) -> (SimulateArgs, Wishes) {
        let line: Line = clap::Parser::parse_from(words.split_whitespace());
        let wishes = Wishes::read(&line.args).unwrap();
        (line.args, wishes)
    }

    #[test]
    fn the_command_that_is_printed_runs_the_same_seed_again() {
        for words in [
            "simulate --connections 5 --for 10m --seeds 9",
            "simulate --profile tornado-6.5 --connections 3 --for 10m --seeds 9 --set ping_interval=5s --latency 30ms±10ms",
            "simulate --dialect okx --role client --connections 3 --for 10m --loss 5% --fault dead=0.1% --fault reset=1% --bytes",
            "simulate --connections 3 --for 1m --freeze 2@6s:inf --freeze 1@2s:3s",
        ] {
            let (args, wishes) = read(words);
            let (again, wishes_again) = read(wishes.command(&args, 7).strip_prefix("wsbeat ").unwrap());
            let run = |scenario: Scenario| scenario.run(args.length);
            let (first, second) = (run(wishes.seed(&args, 7)), run(wishes_again.seed(&again, again.seed)));
            assert_eq!((again.length, &second.digest, second.events()), (args.length, &first.digest, first.events()), "{words}");
            assert!(first.events() > 10, "{words}: {first}");
        }
    }
}
