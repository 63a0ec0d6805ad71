//! A policy checked in virtual time before it meets a network: an hour of a hundred clients in moments. Whom does it give up
//! wrongly, and how soon does it find who is dead? `cargo run -p wsbeat-core --features sim --example virtual_time [POLICY.toml]`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use wsbeat_core::policy::{Plan, PolicyConfig};
use wsbeat_core::sim::{Fault, Scenario};

const MINE: &str = "
profile = 'strict'
ping_interval = '20s'
ping_timeout = '15s'
jitter = '5%'
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = std::env::args().nth(1).map_or(Ok(MINE.to_owned()), std::fs::read_to_string)?;
    let policy = toml::from_str::<PolicyConfig>(&text)?.check(Plan::default())?;
    let report = Scenario::new(policy)
        .connections(100)
        .latency(Duration::from_millis(80), Duration::from_millis(40))
        .fault(Fault::Loss, 20_000) // two percent
        .fault(Fault::Dead, 1_000)
        .seed(7)
        .run(Duration::from_secs(3600));
    println!("{report}");
    if !report.is_lawful() || report.false_kills > 0 {
        return Err("this policy gives up peers that live".into());
    }
    Ok(())
}
