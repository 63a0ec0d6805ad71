//! A client whose heartbeat is kept for it.

mod backoff;
mod error;
mod reconnect;

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::policy::PolicyConfig;

pub use backoff::{Attempts, Backoff, Decision, Why};
pub use error::{ConnectError, Stage};
pub use reconnect::{ClientEvent, QueueFull, Reconnecting};

use crate::clock::Clock;
use crate::heartbeat::{AnswerFaults, DialectChoice, Heartbeat};

/// Whom a `wss://` client trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Whom the platform trusts.
    #[default]
    Platform,
    /// The certificates in this PEM file, and no others.
    CaFile(PathBuf),
    /// Anyone: no certificate is checked. For tests only.
    Insecure,
}

/// What a client allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message taken, in bytes as they come (inflated ones have the dialect's limit); default 1 MiB.
    pub message_bytes_max: usize,
    /// The most bytes that wait to be written; default 256 KiB beside the message being sent.
    pub write_bytes_max: usize,
    /// How long DNS, TCP, TLS and the upgrade may take together; default 10 s.
    pub connect_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes_max: 1 << 20,
            write_bytes_max: 256 << 10,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// A client to be connected. Every setter has a default.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
}

impl Client {
    /// A client of `ws://` or `wss://` `url`: dialect [`DialectChoice::Auto`], no pings of its own.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Client { url: url.into() }
    }

    /// The dialect.
    #[must_use]
    pub fn dialect(self, dialect: DialectChoice) -> Self {
        let _ = dialect;
        self
    }

    /// The wishes laid over the dialect's plan.
    #[must_use]
    pub fn policy(self, config: PolicyConfig) -> Self {
        let _ = config;
        self
    }

    /// A header of the upgrade request, beside those that RFC 6455 §4.1 asks for.
    #[must_use]
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let _ = (name.into(), value.into());
        self
    }

    /// The subprotocol asked for; default the dialect's.
    #[must_use]
    pub fn subprotocol(self, name: impl Into<String>) -> Self {
        let _ = name.into();
        self
    }

    /// A message sent on every connection once it is open, in the order given: subscriptions.
    #[must_use]
    pub fn subscribe(self, message: Message) -> Self {
        let _ = message;
        self
    }

    /// The limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        let _ = limits;
        self
    }

    /// Whom to trust.
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        let _ = trust;
        self
    }

    /// How answers are spoilt, on both planes: a test aid.
    #[must_use]
    pub fn answer_faults(self, faults: AnswerFaults) -> Self {
        let _ = faults;
        self
    }

    /// The seed of chance: ping payloads, phases, jitter, delays; default drawn at random.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        let _ = seed;
        self
    }

    /// The clock.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        let _ = clock;
        self
    }

    /// Connects once.
    ///
    /// # Errors
    /// Why it did not come to be, and at which stage.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let _ = &self.url;
        todo!()
    }

    /// Connects, and connects again as `backoff` says. Nothing happens before the stream is polled.
    #[must_use]
    pub fn reconnecting(self, backoff: Backoff) -> Reconnecting {
        let _ = backoff;
        todo!()
    }
}

/// The byte stream under a client's connection.
pub type Transport = TcpStream;

/// An open connection of a client's: a [`Heartbeat`], and how it came to be.
#[derive(Debug)]
pub struct Connection {
    heartbeat: Heartbeat<WebSocketStream<Transport>>,
    peer: SocketAddr,
    upgraded_in: Duration,
    subprotocol: Option<String>,
}

impl Connection {
    /// The address it goes to.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// The time from the first step (DNS) to the end of the upgrade.
    #[must_use]
    pub fn upgraded_in(&self) -> Duration {
        self.upgraded_in
    }

    /// The subprotocol that the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The adaptor alone.
    #[must_use]
    pub fn into_heartbeat(self) -> Heartbeat<WebSocketStream<Transport>> {
        self.heartbeat
    }
}

impl Deref for Connection {
    type Target = Heartbeat<WebSocketStream<Transport>>;

    fn deref(&self) -> &Self::Target {
        &self.heartbeat
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.heartbeat
    }
}
