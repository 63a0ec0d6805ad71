//! What an event of the simulator costs: an input, an action or a tick, with the world around it and its judge.
//!
//! A storm of every fault over the plane of pings, and good weather over both. A million divided by the nanoseconds is how
//! many thousand events a core does in a second. Time is that on the processor.
#![allow(missing_docs, clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement, not the core")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::{Policy, PolicyConfig, Profile};
use wsbeat_core::sim::{Faults, Scenario};

const HOUR: Duration = Duration::from_secs(3_600);

fn both_planes() -> Scenario {
    let dialect = Dialect::preset("htx-spot-v1").expect("a preset");
    let config = PolicyConfig { profile: Some(Profile::Strict), ..PolicyConfig::default() };
    let plan = dialect.plan(Role::Server, &config).expect("of a preset");
    Scenario::new(config.check(plan).expect("in its limits")).dialect(dialect, Role::Server)
}

/// How long this thread has been on a processor.
fn on_processor() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).expect("not before it began")
}

/// Whole runs, each of another seed, until there were so many events.
fn run(c: &mut Criterion, name: &str, scenario: &Scenario) {
    c.bench_function(name, |b| {
        b.iter_custom(|wanted| {
            let (begun, mut events, mut seed) = (on_processor(), 0, 0);
            while events < wanted {
                let report = scenario.clone().seed(seed).run(HOUR);
                assert!(report.is_lawful(), "{report}");
                (events, seed) = (events + report.events(), seed + 1);
            }
            (on_processor() - begun).mul_f64(wanted as f64 / events as f64)
        });
    });
}

fn simulator(c: &mut Criterion) {
    let storm = Scenario::new(Policy::strict()).connections(1_000).faults(Faults::storm());
    run(c, "simulator, an event in a storm of pings", &storm);
    run(c, "simulator, an event in good weather, both planes", &both_planes().connections(1_000));
}

criterion_group!(benches, simulator);
criterion_main!(benches);
