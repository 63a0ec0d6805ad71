//! The `wsbeat` command of this workspace, as the tests run it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::install::{run, target_dir};
use super::process::Process;

/// The command under test: `WSBEAT_COMMAND`, or the one of this workspace. A test of another package is not told by cargo
/// where that is, so cargo is asked to build it, once.
pub(crate) fn wsbeat() -> Result<&'static Path, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref().map_err(Clone::clone)
}

fn build() -> Result<PathBuf, String> {
    if let Some(command) = env::var_os("WSBEAT_COMMAND") {
        return Ok(PathBuf::from(command));
    }
    let target = target_dir()?;
    let test = env::current_exe().map_err(|error| error.to_string())?;
    let folder = test.ancestors().nth(2).and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let profile = if folder == "debug" { "dev" } else { folder.as_str() };
    let cargo = env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
    let mut build = Command::new(cargo);
    // With the features of the whole workspace, as `cargo test --workspace` has built it.
    build.args(["build", "--quiet", "--workspace", "--bin", "wsbeat", "--profile", profile, "--target-dir"]).arg(&target);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    // What cargo tells this test of its own package would look to build scripts like a change, and half of everything be built anew.
    for (name, _) in env::vars_os().filter(|(name, _)| told_by_cargo(&name.to_string_lossy())) {
        build.env_remove(name);
    }
    run(&mut build)?;
    Ok(target.join(&folder).join(format!("wsbeat{}", env::consts::EXE_SUFFIX)))
}

fn told_by_cargo(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
}

/// A running `wsbeat serve`.
pub struct Served {
    process: Process,
    url: String,
}

impl Served {
    pub(super) fn new(process: Process) -> Result<Self, String> {
        let url = process.first(|line| Some(format!("{}/", line.strip_prefix("listening on ")?)))?;
        Ok(Self { process, url })
    }

    /// The process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as soon as a line of its log has `word`, and returns the log. What a peer saw may be told a moment later here.
    ///
    /// # Panics
    /// If no line has it in time.
    #[track_caller]
    pub fn stop_after(self, word: &str) -> String {
        if let Err(reason) = self.process.first_error(|line| line.contains(word).then_some(())) {
            panic!("{word:?}: {reason}");
        }
        self.stop()
    }

    /// Ends it and returns its log: a line on standard error for each verdict.
    pub fn stop(mut self) -> String {
        self.process.kill();
        self.process.errors()
    }
}

/// How a `wsbeat` run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit status; none if it was killed.
    pub status: Option<i32>,
    /// The lines of standard output.
    pub lines: Vec<String>,
    /// Standard error.
    pub errors: String,
}

impl Outcome {
    /// The last line: the summary.
    pub fn summary(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }
}

/// A running `wsbeat connect`.
pub struct Running {
    process: Process,
}

impl Running {
    pub(super) fn new(process: Process) -> Self {
        Self { process }
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// If it lives on for longer than `limit`.
    #[track_caller]
    pub fn ended_within(mut self, limit: Duration) -> Outcome {
        let Some(status) = self.process.wait(limit) else {
            panic!(
                "{} goes on after {limit:?}; it said\n{}\n{}",
                self.process.name(),
                self.process.lines().join("\n"),
                self.process.errors()
            );
        };
        Outcome { status: status.code(), lines: self.process.lines(), errors: self.process.errors() }
    }
}
