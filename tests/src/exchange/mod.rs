//! A scriptable exchange: one server that speaks every dialect, with faults, as the path of the URL says.
//!
//! It is an independent peer: written from the exchanges' documents on plain tokio-tungstenite, without a line of our
//! core. `ws://ADDRESS/okx?period_ms=500&fault=mute&after=3` is an OKX whose times are scaled to a heartbeat every 500 ms
//! and that goes mute after its third; `script.rs` has all keys. As a program of its own:
//! `cargo run -p wsbeat-tests --example exchange -- 127.0.0.1:8899`.

mod log;
mod party;
mod row;
mod script;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};

pub use log::{Log, Seen};
pub use party::Party;
pub use row::{Drops, Heard, Part, ROWS, Row, Side, Wire, find};
pub use script::{Fault, Script};

/// A running exchange. Its connections run as tasks of the runtime that started it.
#[derive(Debug)]
pub struct Exchange {
    /// Where it listens.
    pub address: SocketAddr,
    logs: Logs,
    accepting: tokio::task::JoinHandle<()>,
}

type Logs = Arc<Mutex<BTreeMap<String, Log>>>;

/// Whether the logs are printed as they grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// They are.
    Printed,
    /// They are not.
    Silent,
}

impl Exchange {
    /// Listens at `address`.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn start(address: impl ToSocketAddrs, voice: Voice) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let logs = Logs::default();
        let accepting = tokio::spawn(accept_all(listener, logs.clone(), voice));
        Ok(Exchange { address, logs, accepting })
    }

    /// Accepts for as long as the program runs.
    pub async fn run(&mut self) {
        let _ = (&mut self.accepting).await;
    }

    /// A URL of this exchange.
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("ws://{}/{target}", self.address)
    }

    /// The log of this name; empty until a connection of it opens.
    #[must_use]
    pub fn log(&self, name: &str) -> Log {
        log_of(&self.logs, name, Voice::Silent)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn log_of(logs: &Logs, name: &str, voice: Voice) -> Log {
    let mut logs = logs.lock().unwrap_or_else(PoisonError::into_inner);
    logs.entry(name.to_owned()).or_insert_with(|| Log::new(name, voice == Voice::Printed)).clone()
}

async fn accept_all(listener: TcpListener, logs: Logs, voice: Voice) {
    while let Ok((tcp, _)) = listener.accept().await {
        let logs = logs.clone();
        tokio::spawn(async move {
            let Some((stream, script)) = upgrade(tcp).await else { return };
            let log = log_of(&logs, &script.name, voice);
            Party::new(stream, script, Side::Server, log).live().await;
        });
    }
}

async fn upgrade(tcp: TcpStream) -> Option<(WebSocketStream<TcpStream>, Script)> {
    let _ = tcp.set_nodelay(true);
    let mut parsed = None;
    #[allow(clippy::result_large_err, reason = "the library's signature")]
    let read_path = |request: &Request, mut response: Response| {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let script = Script::parse(target).map_err(|problem| {
            let mut refusal = ErrorResponse::new(Some(problem));
            *refusal.status_mut() = StatusCode::NOT_FOUND;
            refusal
        })?;
        if let Some(name) = script.row.subprotocol().filter(|_| request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL)) {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
        }
        parsed = Some(script);
        Ok(response)
    };
    let stream = tokio_tungstenite::accept_hdr_async(tcp, read_path).await.ok()?;
    Some((stream, parsed?))
}

/// Connects a client that lives by the script's row to `address`; gives its log and its task.
///
/// # Panics
/// If it cannot connect.
pub async fn client(address: SocketAddr, script: Script) -> (Log, tokio::task::JoinHandle<()>) {
    let tcp = TcpStream::connect(address).await.expect("connects");
    tcp.set_nodelay(true).expect("nodelay");
    let mut request = format!("ws://{address}/").into_client_request().expect("a request");
    if let Some(name) = script.row.subprotocol() {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
    let (stream, _) = tokio_tungstenite::client_async(request, tcp).await.expect("upgrades");
    let log = Log::new(&script.name, false);
    (log.clone(), tokio::spawn(Party::new(stream, script, Side::Client, log).live()))
}
