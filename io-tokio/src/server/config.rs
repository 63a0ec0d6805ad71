//! What a server is asked to be.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig, PolicyError};

use super::error::BindError;
use super::origin::Origins;
use super::tls::TlsConfig;

/// The settings of a [`Server`](super::Server).
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The addresses to listen at; default `127.0.0.1:8888`. Port 0 takes a free one. An IPv6 address takes IPv6 only.
    pub listen: Vec<SocketAddr>,
    /// The policy, as wishes over what the dialect asks for; default: nothing but the dialect's own.
    pub policy: PolicyConfig,
    /// The dialect of the heartbeats; default none: no application plane, every message is data.
    pub dialect: Option<Dialect>,
    /// What a peer may take of us.
    pub limits: ServerLimits,
    /// Which web pages may connect; default: those of the host that was asked for.
    pub origins: Origins,
    /// The certificate and key of `wss://`; default none: `ws://`.
    pub tls: Option<TlsConfig>,
    /// What all chance comes from: phases, jitter, the order of a drain. Default 0; a server of many nodes gives each its own.
    pub seed: u64,
    /// How long a drain may take; default 10 s. Closes are spread over the first half.
    pub drain: Duration,
    /// The page that a plain GET of `/` gets.
    pub page: String,
    /// How many threads serve, each with its own share of the connections (the kernel deals them out by `SO_REUSEPORT`); 1 to
    /// 256, default 1. With several, [`Server::bind_each`](super::Server::bind_each) makes a handler for each.
    pub workers: u32,
    /// How connections are numbered; default: as by the only server of the process.
    pub numbering: Option<Numbering>,
}

/// The numbers of a server's connections among those of other servers in the process: worker `k` has those that leave
/// `first + k` when divided by `step`. So no number comes twice, and each names its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The number of the first worker.
    pub first: u32,
    /// The workers of all servers of the process together, at least `first` and those of this server.
    pub step: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8888))],
            policy: PolicyConfig::default(),
            dialect: None,
            limits: ServerLimits::default(),
            origins: Origins::default(),
            tls: None,
            seed: 0,
            drain: Duration::from_secs(10),
            page: String::from(include_str!("page.html")),
            workers: 1,
            numbering: None,
        }
    }
}

/// What one peer, and all of them together, may take.
///
/// The handshake's time is the policy's: `handshake_timeout`, 5 s by default. Each is at least 1 (or longer than nothing) where
/// nothing else is said; [`ServerConfig::check`] refuses what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once, handshakes included; default 10,000. One more is answered 503. Each costs a descriptor.
    pub connections_max: u32,
    /// Connections at once from one address (IPv6: from one /64, what one customer is given); default 256. Loopback is exempt:
    /// behind a proxy on the same host every peer would share it.
    pub per_ip_max: u32,
    /// The bytes of one message, all its frames together; default 1 MiB. A longer one closes with 1009.
    pub message_bytes_max: u32,
    /// The bytes that may wait for one peer to read, their queue included; default 256 KiB. What does not fit is refused to its
    /// sender. Where nothing waits one message of any size is taken, so that an answer may be as long as its question. At least 1,024.
    pub write_bytes_max: u32,
    /// The bytes of a request's head; default 16 KiB, several times what browsers with many cookies send. 256 bytes
    /// to 1 MiB. Longer: 431.
    pub head_bytes_max: u32,
    /// The headers of a request; 8 to 64, default 64. More: 431.
    pub headers_max: u32,
    /// How long a message may take from its first byte to its last; default 30 s. Longer closes with 1008.
    pub assembly: Duration,
    /// The frames of one message; default 1,024, which a peer that splits 1 MiB into 1 KiB pieces just keeps. More closes with 1008.
    pub frames_per_message_max: u32,
    /// The bytes read from one connection before the others have their turn; default 256 KiB.
    pub read_bytes_per_turn: u32,
    /// The bytes read and thrown away from a peer that broke the protocol or was refused, so that it can read our answer
    /// before the connection is reset; default 1 MiB, 0 for none.
    pub discard_bytes_max: u32,
    /// The connections that may wait in the kernel to be accepted; default 1,024.
    pub backlog: u32,
    /// The commands of the [`Handle`](super::Handle) that may wait at each worker; default 1,024. It is a number of commands:
    /// how long the messages in them may be is not limited.
    pub commands_max: u32,
}

impl Default for ServerLimits {
    fn default() -> Self {
        ServerLimits {
            connections_max: 10_000,
            per_ip_max: 256,
            message_bytes_max: 1 << 20,
            write_bytes_max: 256 << 10,
            head_bytes_max: 16 << 10,
            headers_max: Self::HEADERS_MAX,
            assembly: Duration::from_secs(30),
            frames_per_message_max: 1_024,
            read_bytes_per_turn: 256 << 10,
            discard_bytes_max: 1 << 20,
            backlog: 1_024,
            commands_max: 1_024,
        }
    }
}

impl ServerLimits {
    /// The fewest that `headers_max` may be.
    pub const HEADERS_MIN: u32 = 8;
    /// The most that `headers_max` may be.
    pub const HEADERS_MAX: u32 = 64;

    /// The first limit that cannot be.
    fn check(&self) -> Result<(), BindError> {
        let wrong = |field, value: u64, limit| Err(BindError::Limit { field, value, limit });
        for (field, value) in [
            ("connections_max", self.connections_max),
            ("per_ip_max", self.per_ip_max),
            ("message_bytes_max", self.message_bytes_max),
            ("frames_per_message_max", self.frames_per_message_max),
            ("read_bytes_per_turn", self.read_bytes_per_turn),
            ("backlog", self.backlog),
            ("commands_max", self.commands_max),
        ] {
            if value == 0 {
                return wrong(field, 0, "at least 1");
            }
        }
        if self.write_bytes_max < 1_024 {
            return wrong("write_bytes_max", self.write_bytes_max.into(), "at least 1024");
        }
        if !(256..=1 << 20).contains(&self.head_bytes_max) {
            return wrong("head_bytes_max", self.head_bytes_max.into(), "256 to 1048576");
        }
        if !(Self::HEADERS_MIN..=Self::HEADERS_MAX).contains(&self.headers_max) {
            return wrong("headers_max", self.headers_max.into(), "8 to 64");
        }
        if self.assembly.is_zero() {
            return wrong("assembly", 0, "longer than 0s");
        }
        Ok(())
    }
}

impl ServerConfig {
    /// The policy that these settings give, once everything in them is checked.
    ///
    /// # Errors
    /// The first setting that cannot be, by field, value and limit.
    pub fn check(&self) -> Result<Policy, BindError> {
        self.limits.check()?;
        let wrong = |field, value: u32, limit| Err(BindError::Limit { field, value: value.into(), limit });
        if self.listen.is_empty() {
            return wrong("listen", 0, "at least one address");
        }
        if !(1..=Self::WORKERS_MAX).contains(&self.workers) {
            return wrong("workers", self.workers, "1 to 256");
        }
        let Numbering { first, step } = self.numbers();
        if first.checked_add(self.workers).is_none_or(|end| end > step) {
            return wrong("numbering.step", step, "at least numbering.first and the workers together");
        }
        Ok(self.checked_policy()?)
    }

    /// The most that `workers` may be.
    pub const WORKERS_MAX: u32 = 256;

    pub(super) fn numbers(&self) -> Numbering {
        self.numbering.unwrap_or(Numbering { first: 0, step: self.workers })
    }

    fn checked_policy(&self) -> Result<Policy, PolicyError> {
        let plan = match &self.dialect {
            Some(dialect) => dialect.plan(Role::Server, &self.policy)?,
            None => Plan::default(),
        };
        self.policy.check(plan)
    }
}
