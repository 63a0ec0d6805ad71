//! What a load is asked to be.

use std::io;
use std::time::Duration;

use wsbeat_core::policy::PolicyError;

use crate::client::{ConnectError, Trust};
use crate::heartbeat::DialectChoice;

/// Over how long connections are opened where nobody says it and the load lasts long enough.
const RAMP: Duration = Duration::from_secs(5);

/// The settings of a [`Load`](super::Load).
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// Where to: `ws://` or `wss://`.
    pub url: String,
    /// How many connections; default 100, 1 to [`LoadConfig::CONNECTIONS_MAX`]. Each costs a descriptor.
    pub connections: u32,
    /// How long it lasts, from the first connection on, the ramp included; default 30 s, more than zero.
    pub duration: Duration,
    /// Over how long the connections are opened, evenly, shorter than the duration. `None`, the default: 5 s, or half of the
    /// duration where that is shorter.
    pub ramp: Option<Duration>,
    /// The dialect of the heartbeats in messages; default: found out from the first that comes.
    pub dialect: DialectChoice,
    /// How many of a million connections never answer, on neither plane; default 0, at most 1,000,000.
    pub silent_ppm: u32,
    /// How long an answer is held back, on both planes; default not at all.
    pub answer_delay: Duration,
    /// Messages that are sent to come back; default none.
    pub echo: Option<Echo>,
    /// Headers of the upgrade request, beside its own.
    pub headers: Vec<(String, String)>,
    /// Whom a `wss://` server is believed.
    pub trust: Trust,
    /// How long DNS, TCP, TLS and the upgrade of one connection may take together; default 10 s, more than zero.
    pub connect_timeout: Duration,
    /// The longest message taken, in bytes; default 1 MiB.
    pub message_bytes_max: u32,
    /// What chance comes from: who is silent, and when it sends. Default 0.
    pub seed: u64,
}

/// Messages that the server sends back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// How many of the connections send, the first ones.
    pub connections: u32,
    /// The bytes of a message, 16 to 64 KiB.
    pub message_bytes: u32,
    /// How many messages each of them sends in a second, on time whether or not the last came back; 1 to 1,000.
    pub per_second: u32,
}

impl LoadConfig {
    /// The most connections of one load.
    pub const CONNECTIONS_MAX: u32 = 1_000_000;

    /// The defaults, for this address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        LoadConfig {
            url: url.into(),
            connections: 100,
            duration: Duration::from_secs(30),
            ramp: None,
            dialect: DialectChoice::Auto,
            silent_ppm: 0,
            answer_delay: Duration::ZERO,
            echo: None,
            headers: Vec::new(),
            trust: Trust::default(),
            connect_timeout: Duration::from_secs(10),
            message_bytes_max: 1 << 20,
            seed: 0,
        }
    }

    /// Over how long the connections are opened.
    pub(super) fn ramp(&self) -> Duration {
        self.ramp.unwrap_or_else(|| RAMP.min(self.duration / 2))
    }

    pub(super) fn check(&self) -> Result<(), LoadError> {
        let wrong = |field, value: String, limit| Err(LoadError::Limit { field, value, limit });
        if !(1..=Self::CONNECTIONS_MAX).contains(&self.connections) {
            return wrong("connections", self.connections.to_string(), "1 to 1000000");
        }
        if self.duration.is_zero() {
            return wrong("duration", "0s".into(), "more than zero");
        }
        if self.ramp() >= self.duration {
            return Err(LoadError::Ramp { ramp: self.ramp(), duration: self.duration });
        }
        if self.silent_ppm > 1_000_000 {
            return wrong("silent", self.silent_ppm.to_string(), "at most 100%");
        }
        if self.connect_timeout.is_zero() {
            return wrong("connect_timeout", "0s".into(), "more than zero");
        }
        self.echo.map_or(Ok(()), |echo| echo.check(self.connections))
    }
}

impl Echo {
    /// The shortest and longest message.
    pub const MESSAGE_BYTES: std::ops::RangeInclusive<u32> = 16..=64 << 10;
    /// The fewest and most messages a second.
    pub const PER_SECOND: std::ops::RangeInclusive<u32> = 1..=1_000;

    fn check(self, connections: u32) -> Result<(), LoadError> {
        let wrong = |field, value: u32, limit| Err(LoadError::Limit { field, value: value.to_string(), limit });
        if !(1..=connections).contains(&self.connections) {
            return wrong("echo", self.connections, "1 to the number of connections");
        }
        if !Self::MESSAGE_BYTES.contains(&self.message_bytes) {
            return wrong("size", self.message_bytes, "16 bytes to 64KiB");
        }
        if !Self::PER_SECOND.contains(&self.per_second) {
            return wrong("rate", self.per_second, "1 to 1000 a second");
        }
        Ok(())
    }
}

/// Why a load could not begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A setting out of its limits.
    #[error("{field} = {value}: {limit}")]
    Limit {
        /// The setting.
        field: &'static str,
        /// What it was.
        value: String,
        /// What is allowed.
        limit: &'static str,
    },
    /// Connections would still be opened when it is over.
    #[error("ramp = {ramp:?}: must be shorter than the duration, {duration:?}")]
    Ramp {
        /// Over how long they were to be opened.
        ramp: Duration,
        /// How long the load was to last.
        duration: Duration,
    },
    /// The address, a header, the dialect or the trust cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The dialect makes no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// More connections than descriptors.
    #[error("{connections} connections: this process may have {descriptors} descriptors, {spare} of them for other things; raise the limit (ulimit -n) or ask for at most {}", .descriptors - .spare)]
    Descriptors {
        /// How many connections were asked for.
        connections: u32,
        /// The process's limit.
        descriptors: u64,
        /// What is kept for other things.
        spare: u64,
    },
    /// The system would not let it watch its sockets.
    #[error("cannot watch sockets: {0}")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_that_nobody_gave_fits_every_duration() {
        let ramp = |duration| {
            let config = LoadConfig { duration, ..LoadConfig::new("ws://127.0.0.1") };
            config.check().map(|()| config.ramp())
        };
        for (duration_ms, ramp_ms) in [(1, 0), (1_000, 500), (5_000, 2_500), (10_000, 5_000), (30_000, 5_000)] {
            let found = ramp(Duration::from_millis(duration_ms)).unwrap();
            assert_eq!(found.as_millis(), ramp_ms, "{duration_ms} ms");
        }
    }

    #[test]
    fn a_ramp_as_long_as_the_load_is_refused_with_both() {
        let five = Duration::from_secs(5);
        let config = LoadConfig { duration: five, ramp: Some(five), ..LoadConfig::new("ws://127.0.0.1") };
        assert_eq!(config.check().unwrap_err().to_string(), "ramp = 5s: must be shorter than the duration, 5s");
        assert!(LoadConfig { ramp: Some(Duration::from_millis(4_999)), ..config }.check().is_ok());
    }
}
