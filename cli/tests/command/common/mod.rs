//! The command, run for real.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

pub(crate) mod raw;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tungstenite::{Message, WebSocket};

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The command with these arguments, its surroundings made the same everywhere.
pub(crate) fn wsbeat<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsbeat"));
    command.args(args).env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_settings(&mut command);
    command
}

/// What stands in this environment is no setting of the command's.
pub(crate) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WSBEAT_") {
            command.env_remove(name);
        }
    }
}

/// A running command; killed where a test ends before it does.
pub(crate) struct Running(Option<Child>);

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Running(Some(command.spawn().unwrap()))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    pub(crate) fn signal(&mut self, name: &str) {
        let pid = self.child().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        while self.child().try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "still running after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        let Output { status, stdout, stderr } = self.0.take().unwrap().wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs the command to its end.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ended {
    Running::start(wsbeat(args)).end()
}

/// A running server.
pub(crate) struct Serve {
    pub(crate) running: Running,
    pub(crate) url: String,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Serve {
    /// A server at a free port, with these arguments besides.
    pub(crate) fn start(args: &[&str]) -> Self {
        let all = ["serve", "--listen", "127.0.0.1:0"].iter().chain(args);
        let mut running = Running::start(wsbeat(all));
        let mut stdout = BufReader::new(running.child().stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").expect(&line).to_owned();
        Serve { running, url, stdout }
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// A client of it that answers nothing but control frames.
    pub(crate) fn client(&self) -> WebSocket<TcpStream> {
        let stream = TcpStream::connect(self.url.strip_prefix("ws://").unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        tungstenite::client(&self.url, stream).unwrap().0
    }

    /// Asks for the end and waits for it.
    pub(crate) fn stop(mut self) -> Ended {
        self.running.signal("TERM");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let ended = self.running.end();
        Ended { stdout: rest, ..ended }
    }
}

/// A server whose every connection `serve` takes care of, one after another, `times` in all.
pub(crate) fn peer(times: usize, serve: impl Fn(usize, TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        for n in 0..times {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            serve(n, stream);
        }
    });
    (url, thread)
}

/// A server of one WebSocket connection.
pub(crate) fn websocket_peer(serve: impl Fn(WebSocket<TcpStream>) + Send + 'static) -> (String, JoinHandle<()>) {
    peer(1, move |_, stream| serve(tungstenite::accept(stream).unwrap()))
}

/// Reads to the end of a connection: its messages, and the close frame last.
pub(crate) fn read_all(socket: &mut WebSocket<TcpStream>) -> Vec<Message> {
    let mut all = Vec::new();
    while let Ok(message) = socket.read() {
        all.push(message);
    }
    all
}

/// The code of the close frame among what was read.
pub(crate) fn close_code(messages: &[Message]) -> Option<u16> {
    messages.iter().find_map(|message| match message {
        Message::Close(frame) => frame.as_ref().map(|frame| frame.code.into()),
        _ => None,
    })
}

/// The lines of standard output so far come through a pipe: this reads one.
pub(crate) fn first_line(running: &mut Running) -> String {
    let mut line = String::new();
    let stdout = running.child().stdout.as_mut().unwrap();
    let mut byte = [0];
    while stdout.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(char::from(byte[0]));
    }
    line
}

/// Types at standard input.
pub(crate) fn type_in(running: &mut Running, text: &str) {
    running.child().stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
}

/// An address at which nobody listens.
pub(crate) fn refused() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
}

/// A line with every number made 0.
pub(crate) fn shape(line: &str) -> String {
    let mut shape = String::new();
    for c in line.chars() {
        match c {
            '0'..='9' if shape.ends_with('0') => {}
            '0'..='9' => shape.push('0'),
            c => shape.push(c),
        }
    }
    shape
}

/// A client of the server at this URL that answers nothing but control frames.
pub(crate) fn client_of(url: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(url.strip_prefix("ws://").unwrap().trim_end_matches('/')).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::client(url, stream).unwrap().0
}

/// A folder of a test's own, gone when it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wsbeat-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and tells its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The lines of standard error while the command runs.
pub(crate) struct LogLines {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl LogLines {
    pub(crate) fn of(running: &mut Running) -> Self {
        let stderr = BufReader::new(running.child().stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        LogLines { lines, seen: Vec::new() }
    }

    /// The lines that were waited for and those before them.
    pub(crate) fn seen(&self) -> &[String] {
        &self.seen
    }

    /// The first line, of those said already or to come, that has all of `words`.
    pub(crate) fn wait_for(&mut self, words: &[&str]) -> String {
        let fits = |line: &&String| words.iter().all(|word| line.contains(word));
        if let Some(line) = self.seen.iter().find(fits) {
            return line.clone();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line with {words:?} in {:?}", self.seen));
            self.seen.push(line.clone());
            if fits(&&line) {
                return line;
            }
        }
    }
}
