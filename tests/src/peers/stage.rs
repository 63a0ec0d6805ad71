//! What one test stands on: its peers, our command, and the lag of the machine while it runs.

use std::env;
use std::io::{self, Write as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::command::{Running, Served, wsbeat};
use super::install::{Generation, Program};
use super::log::{Log, Tolerance};
use super::process::{Peer, Process};
use crate::lag::LagSampler;

/// The set-up of one test; opened before anything is timed.
pub struct Stage {
    lag: LagSampler,
}

impl Stage {
    /// Sees to it that all `programs` can run, installing them on the first call. Where one cannot, the test says why on
    /// standard error and gets nothing; it then returns.
    ///
    /// # Panics
    /// Instead of skipping, if `WSBEAT_INTEROP=require`.
    pub fn open(test: &str, programs: &[Program]) -> Option<Self> {
        let Some(reason) = programs.iter().find_map(|program| program.missing()) else {
            return Some(Self { lag: LagSampler::start() });
        };
        assert!(env::var("WSBEAT_INTEROP").as_deref() != Ok("require"), "{test} cannot be skipped here: {reason}");
        // Past the capturing of a passing test's output: a skip is to be seen.
        let _ = writeln!(io::stderr(), "{test} skipped: {reason}");
        None
    }

    /// The same for a test that also runs our command, which is built on the first call.
    ///
    /// # Panics
    /// If the command does not build.
    pub fn with_wsbeat(test: &str, programs: &[Program]) -> Option<Self> {
        let stage = Self::open(test, programs)?;
        if let Err(reason) = wsbeat() {
            panic!("{reason}");
        }
        Some(stage)
    }

    /// Starts a peer server with these arguments.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn server(&self, program: Program, arguments: &[&str]) -> Peer {
        start_peer(program, |command| command.args(arguments))
    }

    /// Starts a peer client of `url` with these arguments, and waits until it is open.
    ///
    /// # Panics
    /// If it cannot be started or does not open.
    #[track_caller]
    pub fn client(&self, program: Program, url: &str, arguments: &[&str]) -> Peer {
        let peer = start_peer(program, |command| command.args(arguments).arg(url));
        peer.wait_for("open", 1);
        peer
    }

    /// Starts `wsbeat serve` on a free loopback port with these further arguments, and waits until it listens.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn serve(&self, arguments: &[&str]) -> Served {
        let words = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        Served::new(start_wsbeat(&words)).unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// Starts `wsbeat connect URL` with these further arguments.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn connect(&self, url: &str, arguments: &[&str]) -> Running {
        Running::new(start_wsbeat(&[&["connect", url], arguments].concat()))
    }

    /// Lets time pass.
    pub fn run_for(&self, seconds: f64) {
        thread::sleep(Duration::from_secs_f64(seconds));
    }

    /// How late this process was let run, at worst, since the stage was opened or this was last asked.
    pub fn take_lag_s(&self) -> f64 {
        self.lag.take_worst().as_secs_f64()
    }

    /// What times may be off by, after the lag that this process and the peers of `logs` have met.
    pub fn tolerance(&self, logs: &[&Log]) -> Tolerance {
        Tolerance::new(self.lag.worst().as_secs_f64(), logs)
    }
}

/// Runs a test for both generations at the same time.
pub fn in_both_generations(test: impl Fn(Generation) + Sync) {
    at_once(Generation::BOTH, test);
}

/// Runs a test for all `cases` at the same time: most of a timed test is waiting.
pub fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            let test = &test;
            scope.spawn(move || test(case));
        }
    });
}

#[track_caller]
fn start_peer(program: Program, arguments: impl Fn(&mut Command) -> &mut Command) -> Peer {
    let started = program.command().and_then(|mut command| Process::spawn(&format!("{program:?}"), arguments(&mut command)));
    Peer::new(started.unwrap_or_else(|reason| panic!("{reason}")))
}

#[track_caller]
fn start_wsbeat(words: &[&str]) -> Process {
    let started = wsbeat().and_then(|path| Process::spawn(&format!("wsbeat {}", words[0]), Command::new(path).args(words)));
    started.unwrap_or_else(|reason| panic!("{reason}"))
}
