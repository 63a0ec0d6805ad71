//! A real browser: the cases in `tests/browser`, which drive a headless Chromium by Playwright.
//!
//! Needed besides Node and npm: a Chromium of the system's, `chromium` on Debian, or the one that `WSBEAT_CHROMIUM` names.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::command::wsbeat;
use super::install::install_node_modules;
use super::process::Process;

const CASE_TIMEOUT: Duration = Duration::from_secs(150);
/// Under these names Chromium stands on a path.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Runs a case against our command. Where Node, npm or Chromium is missing, the test says so and is skipped.
///
/// # Panics
/// If the case fails, with what it said; instead of skipping, if `WSBEAT_INTEROP=require`.
#[track_caller]
pub fn browse(case: &str) {
    let (modules, chromium) = match tools() {
        Ok(tools) => tools,
        Err(reason) => {
            assert!(env::var("WSBEAT_INTEROP").as_deref() != Ok("require"), "{case} cannot be skipped here: {reason}");
            // Past the capturing of a passing test's output: a skip is to be seen.
            let _ = writeln!(io::stderr(), "{case} skipped: {reason}");
            return;
        }
    };
    let wsbeat = wsbeat().unwrap_or_else(|reason| panic!("{reason}"));
    // One browser at a time: each takes a core while it starts, and the cases wait for seconds that others would use up.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut node = Command::new("node");
    node.arg(sources().join("main.js")).arg(case).arg(wsbeat).arg(chromium).env("NODE_PATH", modules);
    let mut process = Process::spawn(case, &mut node).unwrap_or_else(|reason| panic!("{reason}"));
    let status = process.wait(CASE_TIMEOUT);
    assert!(status.is_some_and(|status| status.success()), "{case}: {status:?}\n{}", process.errors());
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

fn tools() -> Result<&'static (PathBuf, PathBuf), String> {
    static TOOLS: OnceLock<Result<(PathBuf, PathBuf), String>> = OnceLock::new();
    let found = TOOLS.get_or_init(|| {
        let chromium = chromium()?;
        Ok((install_node_modules("playwright", &sources())?, chromium))
    });
    found.as_ref().map_err(Clone::clone)
}

fn chromium() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("WSBEAT_CHROMIUM") {
        return Ok(PathBuf::from(path));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name))).find(|file| file.is_file());
    found.ok_or_else(|| "no Chromium (on Debian: install chromium)".into())
}
