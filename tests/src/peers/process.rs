//! A child process and what it prints. It ends with the test: standard input closes, and what then lives on is killed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::log::{Event, Log};

const WORD_TIMEOUT: Duration = Duration::from_secs(20);
const END_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// A running child, its output read as it comes.
pub(super) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Reader,
    stderr: Reader,
}

impl Process {
    pub(super) fn spawn(name: &str, command: &mut Command) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        let stdin = child.stdin.take();
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(format!("{name}: no pipes"));
        };
        Ok(Self { name: name.to_owned(), child, stdin, stdout: Reader::start(stdout), stderr: Reader::start(stderr) })
    }

    /// The first line on standard output that `wanted` maps to something.
    pub(super) fn first<T>(&self, wanted: impl FnMut(&str) -> Option<T>) -> Result<T, String> {
        self.stdout.first(WORD_TIMEOUT, wanted).ok_or_else(|| self.said_nothing_of_it())
    }

    /// The same on standard error.
    pub(super) fn first_error<T>(&self, wanted: impl FnMut(&str) -> Option<T>) -> Result<T, String> {
        self.stderr.first(WORD_TIMEOUT, wanted).ok_or_else(|| self.said_nothing_of_it())
    }

    fn said_nothing_of_it(&self) -> String {
        format!("{} did not say it in time; it said\n{}\n{}", self.name, self.lines().join("\n"), self.errors())
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.stdout.lines()
    }

    pub(super) fn errors(&self) -> String {
        self.stderr.lines().join("\n")
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Closes standard input, waits for the end, kills what does not come to it, and reads the output out.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        drop(self.stdin.take());
        let status = self.wait(END_TIMEOUT);
        self.kill();
        status
    }

    /// Waits for an end that the process finds by itself.
    pub(super) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                self.stdout.join();
                self.stderr.join();
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(POLL);
        }
    }

    pub(super) fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.stdout.join();
        self.stderr.join();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Collects the lines of a pipe on a thread of its own.
struct Reader {
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Reader {
    fn start(pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let filled = Arc::clone(&shared);
        let thread = thread::spawn(move || collect(pipe, &filled));
        Self { shared, thread: Some(thread) }
    }

    /// Offers each line to `wanted` once, as it comes.
    fn first<T>(&self, limit: Duration, mut wanted: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let (state, changed) = &*self.shared;
        let deadline = Instant::now() + limit;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offered = 0;
        loop {
            if let Some(found) = state.lines[offered..].iter().find_map(|line| wanted(line)) {
                return Some(found);
            }
            offered = state.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lines(&self) -> Vec<String> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A reader that panicked leaves the lines it had.
            let _ = thread.join();
        }
    }
}

fn collect(pipe: impl Read, shared: &(Mutex<State>, Condvar)) {
    let (state, changed) = shared;
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        state.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line);
        changed.notify_all();
    }
    state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    changed.notify_all();
}

/// A running peer program.
pub struct Peer {
    process: Process,
}

impl Peer {
    pub(super) fn new(process: Process) -> Self {
        Self { process }
    }

    /// The process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where this server listens.
    ///
    /// # Panics
    /// If it does not say so in time.
    #[track_caller]
    pub fn url(&self) -> String {
        let port = self.process.first(|line| Event::parse(line).ok().filter(|event| event.name == "listening")?.number("port"));
        format!("ws://127.0.0.1:{}/", port.unwrap_or_else(|reason| panic!("{reason}")))
    }

    /// Waits until the peer has told so many events of this name.
    ///
    /// # Panics
    /// If it does not in time.
    #[track_caller]
    pub fn wait_for(&self, name: &str, count: usize) {
        let mut left = count;
        let found = self.process.first(|line| {
            left -= usize::from(Event::parse(line).is_ok_and(|event| event.name == name));
            (left == 0).then_some(())
        });
        found.unwrap_or_else(|reason| panic!("{count} of {name:?} expected: {reason}"));
    }

    /// Lets the peer run until it has told so many events of this name, ends it, and returns what it saw up to there.
    ///
    /// # Panics
    /// If it does not in time.
    #[track_caller]
    pub fn stop_after(self, name: &str, count: usize) -> Log {
        self.wait_for(name, count);
        self.stop().until(name, count)
    }

    /// Ends the peer and returns what it saw.
    ///
    /// # Panics
    /// If a line of it is no event.
    #[track_caller]
    pub fn stop(mut self) -> Log {
        self.process.end();
        self.log()
    }

    /// Waits for the peer to end by itself, as clients do after their connection ended, and returns what it saw.
    ///
    /// # Panics
    /// If it lives on for longer than `limit`.
    #[track_caller]
    pub fn ended_within(mut self, limit: Duration) -> Log {
        let ended = self.process.wait(limit).is_some();
        assert!(ended, "{} goes on after {limit:?}; it saw\n{}", self.process.name(), self.log());
        self.log()
    }

    #[track_caller]
    fn log(&self) -> Log {
        let parse = |line: &String| Event::parse(line).unwrap_or_else(|reason| panic!("{}: {reason}", self.process.name()));
        Log::new(self.process.lines().iter().map(parse).collect())
    }
}
