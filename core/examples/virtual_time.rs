//! A policy checked in virtual time before it meets a network: an hour of a hundred clients in moments. Whom does it give up
//! wrongly, and how soon does it find who is dead?
//!
//! ```console
//! $ cargo run -p wsbeat-core --features sim --example virtual_time
//! $ cargo run -p wsbeat-core --features sim --example virtual_time -- my_policy.toml
//! ```
//!
//! Without a file it shows two: one that fits this network, and one in too much of a hurry for it. `check` is all that a test of
//! your own needs.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use wsbeat_core::policy::{Plan, Policy, PolicyConfig};
use wsbeat_core::sim::{Fault, Report, Scenario};

const PATIENT: &str = "
profile = 'strict'
ping_interval = '20s'
ping_timeout = '15s'
jitter = '5%'
";

const HASTY: &str = "
profile = 'strict'
ping_interval = '2s'
ping_timeout = '200ms'
";

/// Your network: 80 ms one way, give or take 40, two segments of a hundred lost; now and then a peer dies without a word.
fn check(policy: Policy) -> Report {
    Scenario::new(policy)
        .connections(100)
        .latency(Duration::from_millis(80), Duration::from_millis(40))
        .fault(Fault::Loss, 20_000)
        .fault(Fault::Dead, 1_000)
        .seed(7)
        .run(Duration::from_secs(3600))
}

fn policy(text: &str) -> Result<Policy, Box<dyn std::error::Error>> {
    Ok(toml::from_str::<PolicyConfig>(text)?.check(Plan::default())?)
}

fn tell(name: &str, report: &Report) {
    let within = report.detect_times.quantile(1_000).map(Duration::from);
    println!("{name}: {} that lived given up, {} dead found within {within:?}", report.false_kills, report.detect_times.count());
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let report = match std::env::args().nth(1) {
        Some(path) => check(policy(&std::fs::read_to_string(path)?)?),
        None => {
            tell("in a hurry", &check(policy(HASTY)?));
            check(policy(PATIENT)?)
        }
    };
    tell("this policy", &report);
    println!("\nAll that came of it:\n{report}");
    if !report.is_lawful() || report.false_kills > 0 {
        return Err("this policy gives up peers that live".into());
    }
    Ok(())
}
