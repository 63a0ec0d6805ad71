//! A client whose heartbeat is kept for it.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use futures_util::StreamExt;
//! use wsbeat_tokio::client::Client;
//!
//! let mut connection = Client::new("wss://api.example.org/ws").connect().await?;
//! while let Some(message) = connection.next().await {
//!     println!("{}", message?);
//! }
//! # Ok(())
//! # }
//! ```

mod backoff;
mod connect;
mod error;
#[cfg(feature = "tls")]
mod pinned;
#[cfg(feature = "proxy")]
mod proxy;
mod reconnect;
mod recording;
pub(crate) mod request;
#[cfg(feature = "tls")]
pub(crate) mod tls;
mod transport;

use std::net::SocketAddr;
use std::ops::{ControlFlow, Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::policy::PolicyConfig;

pub use backoff::{Attempts, Backoff, Decision, Why};
pub use error::{ConnectError, Stage};
pub use reconnect::{ClientEvent, QueueFull, Reconnecting};
pub use transport::Transport;

use recording::Recording;

use crate::clock::Clock;
use crate::heartbeat::{AnswerFaults, DialectChoice, Heartbeat};

/// Whom a `wss://` client trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Whom the platform trusts.
    #[default]
    Platform,
    /// What is signed by a certificate of this PEM file, and the certificates themselves: the self-signed one of a server is enough.
    CaFile(PathBuf),
    /// Anyone: no certificate is checked. For tests only.
    Insecure,
}

/// Through which proxy a client connects.
///
/// A proxy is asked by HTTP CONNECT (`http://[USER:PASSWORD@]HOST:PORT`, basic authentication) or SOCKS 5 (`socks5://…` or
/// `socks5h://…`: the same here, the proxy looks up the name). Without the feature `proxy` there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// The one that the environment names: `HTTP_PROXY` for `ws://`, `HTTPS_PROXY` for `wss://`, else `ALL_PROXY`, in small
    /// letters too; none for what `NO_PROXY` names and for this machine itself (`localhost`, loopback addresses).
    #[default]
    Environment,
    /// None.
    None,
    /// This one, whatever the environment says.
    Url(String),
}

/// What a client allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message taken, in bytes as they come (inflated ones have the dialect's limit); default 1 MiB.
    pub message_bytes_max: usize,
    /// How long DNS, TCP, the proxy, TLS and the upgrade may take together; default 10 s.
    pub connect_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { message_bytes_max: 1 << 20, connect_timeout: Duration::from_secs(10) }
    }
}

impl Limits {
    /// The longest `message_bytes_max`: 1 GiB.
    pub const MESSAGE_BYTES_CEILING: usize = 1 << 30;
}

/// A client to be connected. Every setter has a default.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    dialect: DialectChoice,
    config: PolicyConfig,
    headers: Vec<(String, String)>,
    subprotocol: Option<String>,
    subscriptions: Vec<Message>,
    limits: Limits,
    trust: Trust,
    proxy: Proxy,
    faults: AnswerFaults,
    seed: Option<u64>,
    clock: Option<Clock>,
    recording: Option<Recording>,
}

impl Client {
    /// A client of `ws://` or `wss://` `url`: dialect [`DialectChoice::Auto`], no pings of its own.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Client {
            url: url.into(),
            dialect: DialectChoice::default(),
            config: PolicyConfig::default(),
            headers: Vec::new(),
            subprotocol: None,
            subscriptions: Vec::new(),
            limits: Limits::default(),
            trust: Trust::default(),
            proxy: Proxy::default(),
            faults: AnswerFaults::default(),
            seed: None,
            clock: None,
            recording: None,
        }
    }

    /// The dialect; default [`DialectChoice::Auto`].
    #[must_use]
    pub fn dialect(mut self, dialect: DialectChoice) -> Self {
        self.dialect = dialect;
        self
    }

    /// The wishes laid over the dialect's plan; default none. `ping_interval` or `profile` turn on pings of our own.
    #[must_use]
    pub fn policy(mut self, config: PolicyConfig) -> Self {
        self.config = config;
        self
    }

    /// A header of the upgrade request, beside those that RFC 6455 §4.1 asks for.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The subprotocol asked for; default the dialect's. A server that does not choose it is refused.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// A message sent on every connection once it is open (and the server's welcome has come, where the dialect has a client
    /// wait for one), in the order given: subscriptions.
    #[must_use]
    pub fn subscribe(mut self, message: Message) -> Self {
        self.subscriptions.push(message);
        self
    }

    /// The limits; default [`Limits::default`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whom to trust; default the platform's trust.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// The proxy; default the environment's.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// How answers are spoilt, on both planes: a test aid; default not at all.
    #[must_use]
    pub fn answer_faults(mut self, faults: AnswerFaults) -> Self {
        self.faults = faults;
        self
    }

    /// The seed of chance: ping payloads, phases, jitter, delays; default drawn at random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The clock; default one made at the first attempt.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Records a [trace](wsbeat_core::trace) of every connection: `next` is asked once for each that was upgraded, and gives
    /// what takes its lines, as [`Builder::build_recorded`](crate::heartbeat::Builder::build_recorded) says, or `None` to
    /// record nothing of it; default no record.
    #[must_use]
    pub fn record<T>(mut self, next: impl FnMut() -> Option<T> + Send + 'static) -> Self
    where
        T: FnMut(&str) -> ControlFlow<()> + Send + 'static,
    {
        self.recording = Some(Recording::new(next));
        self
    }

    /// Connects, and connects again as `backoff` says. Nothing happens before the stream is polled.
    #[must_use]
    pub fn reconnecting(self, backoff: Backoff) -> Reconnecting {
        Reconnecting::new(self, backoff)
    }
}

/// An open connection of a client's: a [`Heartbeat`], and how it came to be.
#[derive(Debug)]
pub struct Connection {
    heartbeat: Heartbeat<WebSocketStream<Transport>>,
    peer: SocketAddr,
    upgraded_in: Duration,
    subprotocol: Option<String>,
}

impl Connection {
    /// The address it goes to: the proxy's, where one stands between.
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
