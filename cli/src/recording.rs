//! The file of `--record`: written by a thread of its own, so that whoever serves never waits for a disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::logging::{Level, Logger};

/// The portions, of many lines each, that wait to be written at most.
const PORTIONS_MAX: usize = 4_096;
/// Their bytes.
const BYTES_MAX: usize = 64 << 20;

/// A trace file that is being written. What gives the lines is made first, by [`start`].
#[derive(Debug)]
pub(crate) struct Recording(JoinHandle<()>);

impl Recording {
    /// Waits until all is written. The tap was dropped before.
    pub(crate) fn finish(self) {
        // A writer that panicked has nothing left to write.
        let _ = self.0.join();
    }
}

/// What takes the lines of a trace.
pub(crate) type Tap = Box<dyn FnMut(&str) -> ControlFlow<()> + Send>;

/// Begins to write a trace for each worker: to the file `path` where there is one, else to `path.0` and so on.
///
/// # Errors
/// A file cannot be made.
pub(crate) fn start_each(path: &Path, workers: u32, log: &Logger) -> Result<(Vec<Tap>, Vec<Recording>), Failure> {
    let (mut taps, mut recordings) = (Vec::new(), Vec::new());
    for place in 0..workers {
        let mut file = path.as_os_str().to_owned();
        if workers > 1 {
            file.push(format!(".{place}"));
        }
        let (tap, recording) = start(Path::new(&file), log)?;
        taps.push(Box::new(tap) as Tap);
        recordings.push(recording);
    }
    Ok((taps, recordings))
}

/// Begins to write a trace to the file `path`, which is emptied first: what takes the lines, and the writer.
///
/// What the disk does not take in time ends the recording: an error is logged, and the file ends behind a whole line.
///
/// # Errors
/// The file cannot be made.
pub(crate) fn start(path: &Path, log: &Logger) -> Result<(impl FnMut(&str) -> ControlFlow<()> + Send + 'static, Recording), Failure> {
    let cannot = |error: io::Error| Failure::new(Exit::Usage, format_args!("record = {}: {error}", path.display()));
    let file = File::create(path).map_err(cannot)?;
    let (sender, portions) = sync_channel(PORTIONS_MAX);
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let writer = Writer { path: path.to_owned(), log: log.clone(), waiting_bytes: Arc::clone(&waiting_bytes) };
    let thread = std::thread::Builder::new().name("wsbeat-record".into()).spawn(move || writer.run(&portions, file)).map_err(cannot)?;
    let log = log.clone();
    Ok((move |lines: &str| give(lines, &sender, &waiting_bytes, &log), Recording(thread)))
}

/// Hands lines to the writer, unless too much waits there already.
fn give(lines: &str, sender: &SyncSender<String>, waiting_bytes: &AtomicUsize, log: &Logger) -> ControlFlow<()> {
    let waiting = waiting_bytes.fetch_add(lines.len(), Ordering::Relaxed);
    if waiting + lines.len() <= BYTES_MAX {
        match sender.try_send(lines.to_owned()) {
            Ok(()) => return ControlFlow::Continue(()),
            // The writer has said why it is gone.
            Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return ControlFlow::Break(()),
            Err(std::sync::mpsc::TrySendError::Full(_)) => {}
        }
    }
    let facts = || Object::default().with("waiting_bytes", waiting);
    log.log(Level::Error, "the recording ends here: the disk is slower than what is recorded", facts);
    ControlFlow::Break(())
}

struct Writer {
    path: PathBuf,
    log: Logger,
    waiting_bytes: Arc<AtomicUsize>,
}

impl Writer {
    fn run(&self, portions: &Receiver<String>, file: impl Write) {
        if let Err(error) = self.write_all(portions, file) {
            let path = self.path.display().to_string();
            self.log.log(Level::Error, &format!("the recording ends here: {path}: {error}"), || Object::default().with("path", &path));
        }
    }

    /// Writes what comes; whenever nothing waits, all of it is in the file.
    fn write_all(&self, portions: &Receiver<String>, file: impl Write) -> io::Result<()> {
        let mut file = BufWriter::new(file);
        loop {
            let portion = match portions.try_recv() {
                Ok(portion) => portion,
                Err(TryRecvError::Disconnected) => return file.flush(),
                Err(TryRecvError::Empty) => {
                    file.flush()?;
                    let Ok(portion) = portions.recv() else { return Ok(()) };
                    portion
                }
            };
            file.write_all(portion.as_bytes())?;
            self.waiting_bytes.fetch_sub(portion.len(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::Common;
    use clap::Parser;

    #[derive(Parser)]
    struct Quiet {
        #[command(flatten)]
        common: Common,
    }

    fn log() -> Logger {
        Logger::start(&Quiet::parse_from(["wsbeat", "-qq"]).common).0
    }

    #[test]
    fn a_disk_that_is_too_slow_ends_the_recording_and_nobody_waits() {
        let (sender, portions) = sync_channel(1);
        let (waiting, log) = (AtomicUsize::new(0), log());
        assert!(give("a\n", &sender, &waiting, &log).is_continue());
        assert!(give("b\n", &sender, &waiting, &log).is_break());
        assert_eq!(portions.recv().unwrap(), "a\n");
        waiting.store(BYTES_MAX - 1, Ordering::Relaxed);
        assert!(give("c\n", &sender, &waiting, &log).is_break(), "over the bytes");
        drop(portions);
        waiting.store(0, Ordering::Relaxed);
        assert!(give("d\n", &sender, &waiting, &log).is_break(), "nobody writes");
    }
}
