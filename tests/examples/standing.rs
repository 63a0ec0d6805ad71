//! The standing run of the simulator: so many connection-hours of storm in every run of the gate, and not one law broken.
//!
//! ```console
//! $ cargo run --release -p wsbeat-tests --example standing
//! ```
//!
//! No test, as it takes minutes without `--release`: a step of `.ci/run`.

use std::time::Duration;

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::{Policy, PolicyConfig};
use wsbeat_core::sim::{Fault, FaultCounts, Faults, Scenario};

const CONNECTIONS: u32 = 100;
/// Each seed is a storm of its own, in which other kinds of faults are switched off.
const SEEDS: u64 = 50;

/// Runs `scenario` in as many storms as there are seeds, for at least `hours` connection-hours in all. Gives what struck.
fn stands(scenario: &Scenario, hours: u64) -> FaultCounts {
    let length = Duration::from_secs(hours * 3_600 / (SEEDS * u64::from(CONNECTIONS)));
    let (mut stood, mut events, mut counts) = (0, 0u64, FaultCounts::default());
    for seed in 0..SEEDS {
        let report = scenario.clone().connections(CONNECTIONS).seed(seed).faults(Faults::swarm(seed)).run(length);
        assert!(report.is_lawful(), "{report}");
        stood += report.connection_hours();
        events += report.events();
        counts.add(&report.faults);
    }
    assert!(stood >= hours, "{stood} connection-hours, not {hours}");
    println!("{stood} connection-hours, {events} events, no law broken");
    counts
}

/// Every kind of fault, of at least twenty, struck.
fn assert_all_struck(counts: &FaultCounts) {
    const { assert!(Fault::COUNT >= 20) };
    assert_eq!(counts.missing().collect::<Vec<_>>(), []);
}

/// The plane of pings.
fn pings_every_20_s_stand_100_000_connection_hours_of_storm() {
    let counts = stands(&Scenario::new(Policy::strict()), 100_000);
    assert_all_struck(&counts);
}

/// The plane of heartbeats, from either side.
fn heartbeats_every_5_s_stand_20_000_connection_hours_of_storm_in_both_roles() {
    let dialect = Dialect::preset("htx-spot-v1").unwrap();
    let config = PolicyConfig::default();
    let mut counts = FaultCounts::default();
    for role in [Role::Server, Role::Client] {
        let policy = config.check(dialect.plan(role, &config).unwrap()).unwrap();
        counts.add(&stands(&Scenario::new(policy).dialect(dialect, role), 10_000));
    }
    assert_all_struck(&counts);
}

fn main() {
    pings_every_20_s_stand_100_000_connection_hours_of_storm();
    heartbeats_every_5_s_stand_20_000_connection_hours_of_storm_in_both_roles();
}
