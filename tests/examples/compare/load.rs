//! The load: what it is asked for, and what it tells.

use std::time::{Duration, Instant};

use super::client::Clients;
use super::process::{Used, used};
use super::servers::Job;

/// What the load is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// Where the server listens.
    pub port: u16,
    /// Its process.
    pub pid: u32,
    /// What is measured.
    pub job: Job,
    /// How many connections.
    pub connections: usize,
    /// For how long, once they are open and at rest.
    pub time: Duration,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// CPU time of the server for each heartbeat, echo or delivery, in microseconds.
    pub cpu_us: f64,
    /// Resident bytes of the server for each connection.
    pub bytes: f64,
    /// How late heartbeats came: 99 of 100 at most so many milliseconds.
    pub late_ms: f64,
}

/// How long connections rest before it is measured.
const SETTLE: Duration = Duration::from_millis(1_500);
/// How long all connections may take to open.
const OPENING_MAX: Duration = Duration::from_secs(120);
/// The time from one broadcast to the next.
const BROADCAST_EVERY: Duration = Duration::from_millis(200);

impl Order {
    /// As words of a command line.
    pub fn words(&self) -> [String; 5] {
        let Order { port, pid, job, connections, time } = self;
        [port.to_string(), pid.to_string(), job.name().into(), connections.to_string(), time.as_millis().to_string()]
    }

    fn read(words: &[String]) -> Option<Self> {
        let [port, pid, job, connections, millis] = words else { return None };
        Some(Order {
            port: port.parse().ok()?,
            pid: pid.parse().ok()?,
            job: Job::named(job)?,
            connections: connections.parse().ok()?,
            time: Duration::from_millis(millis.parse().ok()?),
        })
    }
}

impl Figures {
    /// As a line.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.cpu_us, self.bytes, self.late_ms)
    }

    /// From a line.
    pub fn read(line: &str) -> Option<Self> {
        let mut numbers = line.split(' ').map(|number| number.parse().ok());
        Some(Figures { cpu_us: numbers.next()??, bytes: numbers.next()??, late_ms: numbers.next()?? })
    }
}

/// Does what is asked for, and prints what was measured.
pub fn run(words: &[String]) -> Result<(), String> {
    let order = Order::read(words).ok_or("load PORT PID JOB CONNECTIONS MILLISECONDS")?;
    let before = used(order.pid);
    let mut clients = Clients::new(order.port).map_err(|error| error.to_string())?;
    clients.open(order.connections, OPENING_MAX)?;
    clients.serve(SETTLE);
    let resting = used(order.pid);
    clients.begin_counting();
    let began = Instant::now();
    match order.job {
        Job::Ping | Job::Gzip | Job::Both => clients.serve(order.time),
        Job::Echo => {
            clients.echo_all();
            clients.serve(order.time);
        }
        Job::Broadcast => {
            while began.elapsed() < order.time {
                clients.broadcast();
                clients.serve(BROADCAST_EVERY);
            }
        }
    }
    let after = used(order.pid);
    let counted = clients.counted();
    if clients.lost() > 0 {
        return Err(format!("{} connections were lost", clients.lost()));
    }
    let figures = Figures {
        cpu_us: per(&resting, &after, counted),
        bytes: resting.resident_bytes.saturating_sub(before.resident_bytes) as f64 / order.connections as f64,
        late_ms: clients.late_ms(0.99),
    };
    println!("{}", figures.line());
    Ok(())
}

fn per(from: &Used, to: &Used, count: u64) -> f64 {
    to.cpu_ns.saturating_sub(from.cpu_ns) as f64 / 1_000.0 / count.max(1) as f64
}
