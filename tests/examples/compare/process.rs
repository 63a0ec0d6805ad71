//! Processes: the servers and the load, each on a core of its own, and what they cost.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::load::{Figures, Order};

/// The core of the servers, and that of the load.
const CORES: [&str; 2] = ["0", "1"];

/// A server that runs.
pub struct Served {
    child: Child,
    /// Where it listens.
    pub port: u16,
    /// Its process.
    pub pid: u32,
}

impl Served {
    /// Starts a server that says in its first line where it listens.
    pub fn start(command: Command, name: &str) -> Result<Self, String> {
        let mut command = pinned(command, CORES[0]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        let pid = child.id();
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            // The rest of what it says is not read, and is little.
            let _ = BufReader::new(out).read_line(&mut line);
        }
        let port = line.trim().trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
        let mut served = Served { child, port: 0, pid };
        served.port = port.ok_or_else(|| format!("{name}: does not say where it listens: {line:?}"))?;
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the load in a process of its own.
pub fn load(order: &Order) -> Result<Figures, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command.arg("load").args(order.words());
    let output = pinned(command, CORES[1]).output().map_err(|error| format!("load: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Figures::read(text.trim()).ok_or_else(|| format!("load: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// With as many descriptors as may be, on one core where there is a second one for the other side. However this program ends, the
/// kernel then ends the process too: a server that is left behind would be measured with the next one.
fn pinned(command: Command, core: &str) -> Command {
    let are_two = std::thread::available_parallelism().is_ok_and(|n| n.get() > 1);
    let on_core = if are_two { "taskset -c $0" } else { "" };
    let script = format!("ulimit -n $(ulimit -H -n); exec setpriv --pdeathsig KILL {on_core} \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, core]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// CPU time of all its threads, in nanoseconds.
    pub cpu_ns: u64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
}

/// Looks at a process.
pub fn used(pid: u32) -> Used {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of = |thread: fs::DirEntry| -> Option<u64> {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    let cpu_ns = threads.filter_map(of).sum();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok());
    Used { cpu_ns, resident_bytes: kilobytes.unwrap_or(0) << 10 }
}
