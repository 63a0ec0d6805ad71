//! The server under stress, in a process of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A running `wsbeat serve`; killed where it is dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Resident memory without the program's own pages, of which more are read in as more of it is used.
    pub resident_kib: u64,
    /// Open descriptors.
    pub descriptors: usize,
}

impl Server {
    /// Starts a server with heartbeats and pings, with room for so many connections and a tenth more.
    ///
    /// # Errors
    /// Why it does not run.
    pub fn start(connections: usize) -> Result<Self, String> {
        let command = crate::peers::wsbeat()?;
        let most = (connections + connections / 10 + 100).to_string();
        let args = ["serve", "-q", "--listen", "127.0.0.1:0", "--ping-interval", "20s", "--max-connections", &most];
        let child = Command::new(command).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("{}: {e}", command.display()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no standard output")?;
        BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
        let address = line.trim_end().rsplit("//").next().unwrap_or_default().parse();
        let address = address.map_err(|_| format!("it does not say where it listens: {line:?}"))?;
        Ok(Server { child, address })
    }

    /// Sends a signal.
    pub(super) fn signal(&self, name: &str) -> Result<(), String> {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        sent.ok().filter(|status| status.success()).map(drop).ok_or(format!("SIG{name} could not be sent"))
    }

    /// What it holds now.
    ///
    /// # Errors
    /// It is gone.
    pub fn weight(&self) -> Result<Weight, String> {
        let proc = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{proc}/status")).map_err(|e| e.to_string())?;
        let resident = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
        let resident_kib = resident.trim().trim_end_matches(" kB").parse().map_err(|_| format!("RssAnon:{resident}"))?;
        let descriptors = fs::read_dir(format!("{proc}/fd")).map_err(|e| e.to_string())?.count();
        Ok(Weight { resident_kib, descriptors })
    }

    /// Asks for the end in order. Returns the exit status.
    pub(super) fn end(mut self) -> Result<Option<i32>, String> {
        self.signal("TERM")?;
        Ok(self.child.wait().map_err(|e| e.to_string())?.code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
