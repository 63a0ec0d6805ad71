//! The comparison: what a heartbeat costs at this server, at others that do the same job, and at a loop that does nothing else.
//!
//! ```console
//! $ cargo build --release -p wsbeat && cargo run --release -p wsbeat-tests --example compare
//! ```
//! Each server runs alone on the first core and the load on the second, one after the other, as many rounds as wished; medians
//! of the rounds are printed, and their ratios to the bare loop of the same round. `--connections N` (18000), `--rounds N` (3),
//! `--secs S` (10.5 for heartbeats, a third of it for the others), `--only NAME,NAME`. Only ratios of one run mean something.

mod client;
mod frames;
mod load;
mod process;
mod report;
mod servers;

use std::time::Duration;

use report::Table;
use servers::{Contender, Job};

/// What was asked for.
#[derive(Clone, Debug)]
struct Wishes {
    connections: usize,
    rounds: usize,
    secs: f64,
    only: Option<Vec<String>>,
}

fn wishes(args: &[String]) -> Result<Wishes, String> {
    let mut wishes = Wishes { connections: 18_000, rounds: 3, secs: 10.5, only: None };
    for pair in args.chunks(2) {
        let [name, value] = pair else { return Err(format!("{}: a value is wanted", pair[0])) };
        let wrong = |_| format!("{name} {value}: a number is wanted");
        match name.as_str() {
            "--connections" => wishes.connections = value.parse().map_err(wrong)?,
            "--rounds" => wishes.rounds = value.parse().map_err(wrong)?,
            "--secs" => wishes.secs = value.parse().map_err(|_| format!("{name} {value}: a number is wanted"))?,
            "--only" => wishes.only = Some(value.split(',').map(String::from).collect()),
            _ => return Err(format!("{name}: unknown; there are --connections, --rounds, --secs and --only")),
        }
    }
    Ok(wishes)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.first().map(String::as_str) {
        Some("serve") => servers::serve(&args[1..]),
        Some("load") => load::run(&args[1..]),
        _ => wishes(&args).and_then(|wishes| compare(&wishes)),
    };
    if let Err(problem) = done {
        eprintln!("{problem}");
        std::process::exit(1);
    }
}

fn compare(wishes: &Wishes) -> Result<(), String> {
    let mut table = Table::default();
    let contenders: Vec<Contender> = Contender::ALL.into_iter().filter(|contender| wished(wishes, *contender)).collect();
    for round in 1..=wishes.rounds {
        for job in Job::ALL {
            for contender in &contenders {
                if table.is_missing(*contender) || !contender.does(job) {
                    continue;
                }
                eprintln!("round {round}: {} of {}", job.name(), contender.name());
                match measure(*contender, job, wishes) {
                    Ok(figures) => table.add(*contender, job, figures),
                    Err(problem) => table.miss(*contender, problem),
                }
            }
        }
    }
    table.print(wishes.connections, wishes.rounds);
    Ok(())
}

fn wished(wishes: &Wishes, contender: Contender) -> bool {
    wishes.only.as_ref().is_none_or(|only| only.iter().any(|name| name == contender.name()))
}

fn measure(contender: Contender, job: Job, wishes: &Wishes) -> Result<load::Figures, String> {
    let server = process::Served::start(contender.command(job)?, contender.name())?;
    let secs = if job.is_idle() { wishes.secs } else { wishes.secs / 3.0 };
    let order = load::Order {
        port: server.port,
        pid: server.pid,
        job,
        connections: match job {
            Job::Echo => 64,
            Job::Broadcast => wishes.connections.min(5_000),
            Job::Ping | Job::Gzip | Job::Both => wishes.connections,
        },
        time: Duration::from_secs_f64(secs),
    };
    process::load(&order)
}
