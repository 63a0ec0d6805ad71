//! A server under stress, measured: `cargo run --release -p wsbeat-tests --example stress -- [--connections 18000] [--for 600] …`.
//!
//! It starts `wsbeat serve` (of the same build, or what `WSBEAT_COMMAND` names), brings peers of every kind, stops the server
//! for a while, and says what came of it. Exit status 1 where a promise was not kept. It needs a descriptor for each
//! connection, in both processes (`ulimit -n`).

use std::process::ExitCode;
use std::time::Duration;

use wsbeat_tests::stress::Stress;

const USAGE: &str = "stress [--connections 18000] [--for SECONDS=600] [--mute PERCENT=20] [--late PERCENT=5] [--churn PERCENT=5]
       [--floods 6] [--flood-bytes PER-SECOND=200000] [--stop SECONDS=30] [--slack-ms 1000]";

fn main() -> ExitCode {
    let stress = match read(std::env::args().skip(1)) {
        Ok(stress) => stress,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let report = match stress.run() {
        Ok(report) => report,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(3);
        }
    };
    println!("{report}");
    let broken = report.broken(&stress);
    for promise in &broken {
        println!("broken: {promise}");
    }
    ExitCode::from(u8::from(!broken.is_empty()))
}

fn read(mut args: impl Iterator<Item = String>) -> Result<Stress, String> {
    let mut stress = Stress::default();
    while let Some(flag) = args.next() {
        let value = args.next().ok_or(format!("{flag}: a value is missing"))?;
        let number: usize = value.parse().map_err(|_| format!("{flag} {value}: a number is wanted"))?;
        match flag.as_str() {
            "--connections" => stress.connections = number,
            "--for" => stress.length = Duration::from_secs(number as u64),
            "--mute" => stress.mute_percent = number,
            "--late" => stress.late_percent = number,
            "--churn" => stress.churn_percent = number,
            "--floods" => stress.floods = number,
            "--flood-bytes" => stress.flood_bytes_per_s = number,
            "--stop" => stress.stop = Duration::from_secs(number as u64),
            "--slack-ms" => stress.slack = Duration::from_millis(number as u64),
            _ => return Err(format!("{flag}: unknown")),
        }
    }
    Ok(stress)
}
