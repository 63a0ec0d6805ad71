//! The files of `--record`: one for each connection, since each is a trace of its own.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::exit::Failure;
use crate::json::Object;
use crate::logging::{Level, Logger};
use crate::recording::{self, Recording};

/// Takes the lines of one trace.
type Tap = Box<dyn FnMut(&str) -> ControlFlow<()> + Send>;

/// The files that are being written.
#[derive(Clone, Default)]
pub(super) struct Files(Arc<Mutex<Vec<Recording>>>);

impl Files {
    fn add(&self, file: Recording) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(file);
    }

    /// Waits until all is written. Whoever gave the lines is gone.
    pub(super) fn finish(self) {
        let files = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        files.into_iter().for_each(Recording::finish);
    }
}

/// Begins the file of the first connection, and gives what gives the taps of all.
///
/// # Errors
/// The file cannot be made. Where a later one cannot, that is logged and its connection is not recorded.
pub(super) fn start(path: &Path, log: &Logger) -> Result<(impl FnMut() -> Option<Tap> + Send + use<>, Files), Failure> {
    let files = Files::default();
    let mut first = Some(begin(path, log, &files)?);
    let (path, log, others) = (path.to_owned(), log.clone(), files.clone());
    let mut connections = 0_u64;
    let next = move || {
        connections += 1;
        if let Some(tap) = first.take() {
            return Some(tap);
        }
        begin(&numbered(&path, connections), &log, &others)
            .inspect_err(|failure| failure.messages.iter().for_each(|line| log.log(Level::Error, line, Object::default)))
            .ok()
    };
    Ok((next, files))
}

fn begin(path: &Path, log: &Logger, files: &Files) -> Result<Tap, Failure> {
    let (tap, file) = recording::start(path, log)?;
    files.add(file);
    Ok(Box::new(tap))
}

/// `trace.jsonl`, `trace.jsonl.2`, `trace.jsonl.3`, …
fn numbered(path: &Path, connection: u64) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{connection}"));
    PathBuf::from(name)
}
