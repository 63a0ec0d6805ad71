//! The standing run of the simulator: so many connection-hours of storm in every run of the gate, and not one law broken.
//!
//! ```console
//! $ cargo run --release -p wsbeat-core --features sim,codec --example standing
//! $ cargo run --release -p wsbeat-core --features sim,codec --example standing -- 10000000
//! ```
//!
//! The second is the long run: connection-hours in all, at least 120,000, and behind them the first seed, if it is not to be
//! 0. Of twelve hours ten are the plane of pings and two
//! that of heartbeats, one from either side.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a run says what came of it")]

use std::process::ExitCode;
use std::time::Duration;

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::{Policy, PolicyConfig};
use wsbeat_core::sim::{Fault, FaultCounts, Faults, Scenario};

const CONNECTIONS: u32 = 100;
const HOURS_MIN: u64 = 120_000;
/// So long is a storm; each has its own seed, in which other kinds of faults are switched off.
const STORM_PINGS: Duration = Duration::from_secs(20 * 3_600);
const STORM_HEARTBEATS: Duration = Duration::from_secs(2 * 3_600);

/// Runs `scenario` in storms of `length` until there are `hours` connection-hours. Says what struck, or which law was broken and
/// the command that breaks it again: `flags` make `wsbeat simulate` run this scenario.
fn stands(name: &str, flags: &str, scenario: &Scenario, length: Duration, hours: u64, first: u64) -> Result<FaultCounts, String> {
    let (mut stood, mut events, mut counts, mut seed) = (0, 0u64, FaultCounts::default(), first);
    while stood < hours {
        let report = scenario.clone().connections(CONNECTIONS).seed(seed).faults(Faults::swarm(seed)).run(length);
        if !report.is_lawful() {
            let again = format!("--connections {CONNECTIONS} --for {}s --seed {seed} --seeds 1", length.as_secs());
            return Err(format!("{name}: {report}\nreproduce: wsbeat simulate {flags} {again}"));
        }
        stood += report.connection_hours();
        events += report.events();
        counts.add(&report.faults);
        seed += 1;
    }
    println!("{name}: {stood} connection-hours in {} storms, {events} events, no law broken", seed - first);
    Ok(counts)
}

/// Every kind of fault, of at least twenty, struck.
fn all_struck(name: &str, counts: &FaultCounts) -> Result<(), String> {
    const { assert!(Fault::COUNT >= 20) };
    let missing: Vec<_> = counts.missing().collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{name}: never struck: {missing:?}")) }
}

fn run(hours: u64, first: u64) -> Result<(), String> {
    let pings = stands("pings every 20 s", "--profile strict", &Scenario::new(Policy::strict()), STORM_PINGS, hours / 12 * 10, first)?;
    all_struck("pings", &pings)?;
    let dialect = Dialect::preset("htx-spot-v1").ok_or("no such dialect")?;
    let config = PolicyConfig::default();
    let mut heartbeats = FaultCounts::default();
    for (role, side) in [(Role::Server, "server"), (Role::Client, "client")] {
        let plan = dialect.plan(role, &config).map_err(|error| error.to_string())?;
        let scenario = Scenario::new(config.check(plan).map_err(|error| error.to_string())?).dialect(dialect, role);
        let (name, flags) = (format!("heartbeats every 5 s, {side}"), format!("--dialect {} --role {side}", dialect.id()));
        heartbeats.add(&stands(&name, &flags, &scenario, STORM_HEARTBEATS, hours / 12, first)?);
    }
    all_struck("heartbeats", &heartbeats)
}

fn main() -> ExitCode {
    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|word| word.parse()).collect();
    let (hours, first) = match numbers.as_deref() {
        Ok([]) => (HOURS_MIN, 0),
        Ok([hours]) if *hours >= HOURS_MIN => (*hours, 0),
        Ok([hours, first]) if *hours >= HOURS_MIN => (*hours, *first),
        _ => {
            eprintln!("wanted: connection-hours, at least {HOURS_MIN}, and the first seed");
            return ExitCode::from(2);
        }
    };
    match run(hours, first) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
