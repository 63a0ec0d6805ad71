//! Why a connection did not come to be.

use std::fmt;
use std::io;
use std::time::Duration;

use wsbeat_core::policy::PolicyError;

/// A step on the way to an open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Looking up the host's addresses.
    Dns,
    /// Connecting TCP.
    Tcp,
    /// Asking the proxy for a tunnel.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The HTTP upgrade.
    Upgrade,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Dns => "DNS",
            Stage::Tcp => "TCP",
            Stage::Proxy => "proxy",
            Stage::Tls => "TLS",
            Stage::Upgrade => "HTTP upgrade",
        })
    }
}

/// Why a connection did not come to be, and at which stage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be connected to.
    #[error("{url}: {problem}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A header or subprotocol cannot be sent.
    #[error("header {name}: {problem}")]
    Header {
        /// Its name as it was given.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A policy setting is out of its limits.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A limit of the client's own is out of its limits.
    #[error("{field} = {value}: {limit}")]
    Limit {
        /// The name of the field.
        field: &'static str,
        /// The value that was given.
        value: String,
        /// What is allowed.
        limit: &'static str,
    },
    /// The host, or the proxy, has no address.
    #[error("DNS: {host}: {source}")]
    Dns {
        /// The host.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// None of the addresses of the host, or of the proxy, accepted.
    #[error("TCP: {host}:{port}: {source}")]
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the last address tried said.
        source: io::Error,
    },
    /// The proxy cannot be used, or did not open the tunnel.
    #[error("proxy: {proxy}: {problem}")]
    Proxy {
        /// Its URL, without user and password.
        proxy: String,
        /// What it said, or what is wrong with it.
        problem: String,
    },
    /// The TLS handshake failed, or its settings cannot be.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server answered the upgrade with another status than 101.
    #[error("HTTP status {status}")]
    Http {
        /// The status.
        status: u16,
        /// Its `Retry-After`, where it named seconds or a date.
        retry_after: Option<Duration>,
    },
    /// The server's answer to the upgrade was no proper one.
    #[error("HTTP upgrade: {0}")]
    Upgrade(String),
    /// The deadline passed.
    #[error("{stage}: no connection after {after:?}")]
    Timeout {
        /// The stage that was under way.
        stage: Stage,
        /// The deadline, from the beginning.
        after: Duration,
    },
}

impl ConnectError {
    /// The stage that failed; `None` where it did not get to the first.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        match self {
            ConnectError::Url { .. } | ConnectError::Header { .. } | ConnectError::Policy(_) | ConnectError::Limit { .. } => None,
            ConnectError::Dns { .. } => Some(Stage::Dns),
            ConnectError::Tcp { .. } => Some(Stage::Tcp),
            ConnectError::Proxy { .. } => Some(Stage::Proxy),
            ConnectError::Tls(_) => Some(Stage::Tls),
            ConnectError::Http { .. } | ConnectError::Upgrade(_) => Some(Stage::Upgrade),
            ConnectError::Timeout { stage, .. } => Some(*stage),
        }
    }
}
