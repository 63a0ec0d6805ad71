//! The servers that are compared. All do the same job: a ping or a gzip heartbeat for each connection at the interval, an echo,
//! and a message to all.

mod bare;
mod tasks;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use wsbeat_tests::peers::Program;

/// The time from one heartbeat of a connection to its next.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// What keeps heartbeats out of the way of echoes and broadcasts.
const LONG: Duration = Duration::from_secs(60);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Pings and pongs.
    Ping,
    /// Gzip heartbeats and their answers.
    Gzip,
    /// Both at once; only this server has both.
    Both,
    /// 64 bytes there and back.
    Echo,
    /// 64 bytes to all.
    Broadcast,
}

impl Job {
    /// All of them.
    pub const ALL: [Job; 5] = [Job::Ping, Job::Gzip, Job::Both, Job::Echo, Job::Broadcast];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Job::Ping => "ping",
            Job::Gzip => "gzip",
            Job::Both => "both",
            Job::Echo => "echo",
            Job::Broadcast => "broadcast",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Job::ALL.into_iter().find(|job| job.name() == name)
    }

    /// Nothing but heartbeats.
    pub const fn is_idle(self) -> bool {
        matches!(self, Job::Ping | Job::Gzip | Job::Both)
    }

    /// The time from one heartbeat to the next.
    const fn interval(self) -> Duration {
        if self.is_idle() { INTERVAL } else { LONG }
    }
}

/// A server that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// `wsbeat serve`.
    Wsbeat,
    /// A poll and eight bytes a connection: what the kernel leaves.
    Bare,
    /// tokio-tungstenite, a task a connection with small buffers, a timer for many.
    Tuned,
    /// tokio-tungstenite as its examples use it: a task and a timer a connection.
    Naive,
    /// uWebSockets.
    UWebSockets,
    /// Node `ws`.
    Ws,
    /// Python `websockets`.
    Websockets,
    /// Tornado.
    Tornado,
}

impl Contender {
    /// All of them. The bare loop is measured beside ours.
    pub const ALL: [Contender; 8] = [
        Contender::Bare,
        Contender::Wsbeat,
        Contender::UWebSockets,
        Contender::Tuned,
        Contender::Naive,
        Contender::Ws,
        Contender::Websockets,
        Contender::Tornado,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Contender::Wsbeat => "wsbeat",
            Contender::Bare => "bare-loop",
            Contender::Tuned => "tokio-tungstenite-tuned",
            Contender::Naive => "tokio-tungstenite",
            Contender::UWebSockets => "uwebsockets",
            Contender::Ws => "node-ws",
            Contender::Websockets => "python-websockets",
            Contender::Tornado => "tornado",
        }
    }

    /// Whether it does a job at all.
    pub fn does(self, job: Job) -> bool {
        match self {
            Contender::Wsbeat => true,
            // It comes with Python around it, which only its own pings do without.
            Contender::UWebSockets => job == Job::Ping,
            _ => job != Job::Both,
        }
    }

    /// Whether the interval of its pings is the one that is asked for.
    pub fn keeps_interval(self) -> bool {
        self != Contender::UWebSockets
    }

    /// The command that starts it.
    pub fn command(self, job: Job) -> Result<Command, String> {
        let millis = job.interval().as_millis().to_string();
        let script = |program: Program| {
            let mut command = program.command()?;
            command.args([job.name(), &millis]);
            Ok(command)
        };
        match self {
            Contender::Wsbeat => ours(job, &millis),
            Contender::Bare | Contender::Tuned | Contender::Naive => {
                let mut command = Command::new(own()?);
                command.args(["serve", self.name(), job.name(), &millis]);
                Ok(command)
            }
            Contender::UWebSockets => script(Program::MeasuredSocketify),
            Contender::Ws => script(Program::MeasuredWs),
            Contender::Websockets => script(Program::MeasuredWebsockets),
            Contender::Tornado => script(Program::MeasuredTornado),
        }
    }
}

fn own() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| error.to_string())
}

/// `wsbeat serve`, as it was built beside this program.
fn ours(job: Job, millis: &str) -> Result<Command, String> {
    let own = own()?;
    let binary = own.ancestors().nth(2).map(|folder| folder.join("wsbeat")).filter(|binary| binary.exists());
    let binary = binary.ok_or("not built: cargo build --release -p wsbeat")?;
    let mut command = Command::new(binary);
    command.args(["serve", "--listen", "127.0.0.1:0", "--max-connections", "100000"]);
    let every = format!("{millis}ms");
    if job != Job::Gzip {
        command.args(["--ping-interval", &every, "--ping-timeout", &every]);
    }
    match job {
        Job::Gzip | Job::Both => command.args(["--interval", &every]),
        Job::Ping | Job::Echo | Job::Broadcast => command.args(["--dialect", "none"]),
    };
    if job == Job::Broadcast {
        command.args(["--on-message", "broadcast"]);
    }
    Ok(command)
}

/// Serves as one of those that are written here: `serve NAME JOB INTERVAL_MS`.
pub fn serve(words: &[String]) -> Result<(), String> {
    let [name, job, millis] = words else { return Err("serve NAME JOB INTERVAL_MS".into()) };
    let job = Job::named(job).ok_or_else(|| format!("{job}: no such job"))?;
    let interval = Duration::from_millis(millis.parse().map_err(|_| format!("{millis}: no interval"))?);
    let served = match Contender::ALL.into_iter().find(|contender| contender.name() == name) {
        Some(Contender::Bare) => bare::serve(job, interval),
        Some(Contender::Tuned) => tasks::serve(job, interval, tasks::Way::Tuned),
        Some(Contender::Naive) => tasks::serve(job, interval, tasks::Way::Naive),
        _ => return Err(format!("{name}: is not written here")),
    };
    served.map_err(|error| format!("{name}: {error}"))
}

/// A gzip heartbeat of now.
fn gzip_heartbeat() -> Vec<u8> {
    use std::io::Write;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to memory cannot fail.
    let _ = write!(encoder, "{{\"ping\":{}}}", now.as_millis());
    encoder.finish().unwrap_or_default()
}
