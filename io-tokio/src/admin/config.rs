//! What an admin address is asked to be.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The settings of an [`Admin`](super::Admin).
#[derive(Clone)]
pub struct AdminConfig {
    /// Where to listen. Anything but loopback needs a [`token`](AdminConfig::token). Port 0 takes a free one.
    pub address: SocketAddr,
    /// What requests must bring as `Authorization: Bearer …`; default none. Printable ASCII without spaces.
    pub token: Option<String>,
    /// The names, besides `localhost`, by which it may be asked for (`Host`, without a port); default none. IP addresses
    /// always may.
    pub hosts: Vec<String>,
    /// What its clients may take.
    pub limits: AdminLimits,
}

/// What the clients of an admin address may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminLimits {
    /// Connections at once; default 64: a few people, a few scrapers. One more is answered 503.
    pub connections_max: u32,
    /// Event streams at once; default 16. One more is answered 503. Below `connections_max`, so that streams never take all.
    pub streams_max: u32,
    /// The bytes of a request's head; default 16 KiB, at least 8 KiB. Longer: 431.
    pub head_bytes_max: u32,
    /// The bytes of a request's body; default 4 KiB. Longer: 413.
    pub body_bytes_max: u32,
    /// How long a request's head or body, an answer of the drivers, or a pause in reading our answer may take; default 5 s.
    /// A connection that stays without a request this long is closed.
    pub timeout: Duration,
}

impl Default for AdminLimits {
    fn default() -> Self {
        AdminLimits {
            connections_max: 64,
            streams_max: 16,
            head_bytes_max: 16 << 10,
            body_bytes_max: 4 << 10,
            timeout: Duration::from_secs(5),
        }
    }
}

/// Why an admin address could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// An address that others reach, and no token.
    #[error("admin = {address}: only loopback goes without a token; set admin_token")]
    TokenRequired {
        /// The address.
        address: SocketAddr,
    },
    /// A token that no request could bring.
    #[error("admin_token: 1 to 512 printable ASCII characters without spaces")]
    Token,
    /// A limit that cannot be.
    #[error("{field} = {value}: {limit}")]
    Limit {
        /// The name of the field.
        field: &'static str,
        /// What it was.
        value: u64,
        /// What is allowed.
        limit: &'static str,
    },
    /// An address that could not be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The longest token.
const TOKEN_BYTES_MAX: usize = 512;

impl AdminConfig {
    /// At this address, with everything else as by default.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        AdminConfig { address, token: None, hosts: Vec::new(), limits: AdminLimits::default() }
    }

    /// Whether all of it can be.
    ///
    /// # Errors
    /// The first setting that cannot be, by field, value and limit.
    pub fn check(&self) -> Result<(), AdminError> {
        let token_is_one = |token: &str| (1..=TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
        match &self.token {
            Some(token) if !token_is_one(token) => return Err(AdminError::Token),
            None if !self.address.ip().to_canonical().is_loopback() => return Err(AdminError::TokenRequired { address: self.address }),
            _ => {}
        }
        self.limits.check()
    }
}

impl AdminLimits {
    fn check(&self) -> Result<(), AdminError> {
        let wrong = |field, value: u32, limit| Err(AdminError::Limit { field, value: value.into(), limit });
        if self.connections_max == 0 {
            return wrong("connections_max", 0, "at least 1");
        }
        if self.streams_max >= self.connections_max {
            return wrong("streams_max", self.streams_max, "less than the connections at once");
        }
        if !(8 << 10..=1 << 20).contains(&self.head_bytes_max) {
            return wrong("head_bytes_max", self.head_bytes_max, "8192 to 1048576");
        }
        if self.timeout.is_zero() {
            return wrong("timeout", 0, "longer than 0s");
        }
        Ok(())
    }
}

/// The token is no business of a log's.
impl fmt::Debug for AdminConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminConfig")
            .field("address", &self.address)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("hosts", &self.hosts)
            .field("limits", &self.limits)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> AdminConfig {
        AdminConfig::at(address.parse().unwrap())
    }

    #[test]
    fn only_loopback_goes_without_a_token() {
        for address in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert!(at(address).check().is_ok(), "{address}");
        }
        for address in ["0.0.0.0:0", "[::]:0", "192.168.0.1:9", "[::ffff:10.0.0.1]:0"] {
            let without = at(address);
            assert!(without.check().unwrap_err().to_string().contains("set admin_token"), "{address}");
            let with = AdminConfig { token: Some("t".into()), ..without };
            assert!(with.check().is_ok() && !format!("{with:?}").contains("\"t\""));
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused() {
        for token in ["", "a b", "a\n", "é", &"x".repeat(513)] {
            let config = AdminConfig { token: Some(token.into()), ..at("127.0.0.1:0") };
            assert!(matches!(config.check(), Err(AdminError::Token)), "{token:?}");
        }
    }

    #[test]
    fn limits_that_cannot_be_are_named() {
        let limits = AdminLimits { streams_max: 64, ..AdminLimits::default() };
        let config = AdminConfig { limits, ..at("127.0.0.1:0") };
        assert_eq!(config.check().unwrap_err().to_string(), "streams_max = 64: less than the connections at once");
    }
}
