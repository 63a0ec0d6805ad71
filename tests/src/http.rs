//! An HTTP client that does what it is told, bytes on the wire included, and an admin address that runs beside a test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use wsbeat_tokio::admin::api::ListenerInfo;
use wsbeat_tokio::admin::{Admin, AdminConfig, Listener, Verdicts, verdicts};
use wsbeat_tokio::server::Handle;

use crate::raw::PATIENCE;

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body, which is an object of version 1.
    #[must_use]
    pub fn json(&self) -> Value {
        let json: Value = serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        assert_eq!(json["v"], 1, "{json}");
        json
    }

    /// Why it was refused.
    #[must_use]
    pub fn error(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        self.json()["error"].as_str().expect("says why").to_owned()
    }
}

/// Sends these bytes; everything until the server ends the stream is the answer.
#[must_use]
pub fn send(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    // A server that answers before it has read all may have gone.
    let _ = stream.write_all(bytes);
    let mut reader = BufReader::new(stream);
    let head = head(&mut reader);
    let mut body = String::new();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    match length {
        Some(length) => reader.take(length.parse().expect("a number")).read_to_string(&mut body).map(drop).expect("a body"),
        None => drop(reader.read_to_string(&mut body)),
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {head:?}"));
    Answer { status, head, body }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn head(reader: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).expect("a line") == 0 {
            break;
        }
    }
    head
}

/// Requests `target` by `method`, with these headers and this body.
#[must_use]
pub fn request(address: SocketAddr, method: &str, target: &str, headers: &[&str], body: &str) -> Answer {
    let mut text = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        text += &format!("Host: {address}\r\n");
    }
    for header in headers {
        text += &format!("{header}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    send(address, format!("{text}\r\n{body}").as_bytes())
}

/// GET, with no more than it needs.
#[must_use]
pub fn get(address: SocketAddr, target: &str) -> Answer {
    request(address, "GET", target, &[], "")
}

/// The status of a GET; the connection is closed without reading on.
#[must_use]
pub fn status(address: SocketAddr, target: &str) -> u16 {
    let mut stream = connect(address);
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("asks");
    let head = head(&mut BufReader::new(stream));
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// POST, as our own page does.
#[must_use]
pub fn post(address: SocketAddr, target: &str, body: &str) -> Answer {
    request(address, "POST", target, &["X-Wsbeat: 1"], body)
}

/// A stream of server-sent events.
#[derive(Debug)]
pub struct Events(BufReader<TcpStream>);

impl Events {
    /// Opens it.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        let mut stream = connect(address);
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("asks");
        let mut reader = BufReader::new(stream);
        let head = head(&mut reader);
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("content-type: text/event-stream\r\n"), "{head}");
        Events(reader)
    }

    /// The next event: its name and its data. `None` at the end of the stream.
    pub fn next_event(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("a line in time") == 0 {
                return None;
            }
            // Between the events stand the lengths of HTTP's chunks.
            if let Some(text) = line.trim_end().strip_prefix("event: ") {
                text.clone_into(&mut name);
            } else if let Some(text) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(text).expect("JSON")));
            }
        }
    }

    /// The next event of this name.
    #[must_use]
    pub fn until(&mut self, wanted: &str) -> Value {
        loop {
            let (name, data) = self.next_event().expect("the stream goes on");
            if name == wanted {
                return data;
            }
        }
    }
}

/// An admin address in a thread of its own; it ends with this.
#[derive(Debug)]
pub struct Administered {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where verdicts are told.
    pub verdicts: Verdicts,
    _ends: tokio::sync::oneshot::Sender<()>,
}

impl Administered {
    /// An admin address on loopback, of these servers.
    #[must_use]
    pub fn start(config: impl FnOnce(AdminConfig) -> AdminConfig, servers: &[(&str, Handle)]) -> Self {
        let config = config(AdminConfig::at(([127, 0, 0, 1], 0).into()));
        let info = |name: &str| ListenerInfo { name: name.into(), workers: 1, ..ListenerInfo::default() };
        let listeners: Vec<_> = servers.iter().map(|(name, handle)| Listener::new(info(name), handle.clone())).collect();
        let (verdicts, feed) = verdicts();
        let (ends, ended) = tokio::sync::oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::Builder::new().name("admin".into());
        let serve = move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let admin = Admin::bind(config, listeners, feed).expect("binds");
                ready.send(admin.local_addr()).expect("the test waits");
                let mut running = JoinSet::new();
                running.spawn(admin.run());
                // Told to end, or nobody is left to tell.
                let _ = ended.await;
            });
        };
        thread.spawn(serve).expect("a thread");
        Administered { address: is_ready.recv().expect("starts"), verdicts, _ends: ends }
    }
}
