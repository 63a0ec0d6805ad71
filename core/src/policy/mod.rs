//! The checked settings of a connection.
//!
//! Wishes ([`PolicyConfig`]) become a [`Policy`] once, before anything runs; what is illegal is a [`PolicyError`] that
//! names the field, the value and the limit. A policy is plain data, shared by all connections that run under it.

mod application;
mod config;
#[cfg(feature = "codec")]
mod serial;
#[cfg(feature = "codec")]
mod text;
mod transport;

pub use application::{Application, Ask, Cadence, Counts, Death, Listen, ListenFor, Matching, Start, Timing, TokenKind, Unsolicited};
pub use config::{Plan, PolicyConfig};
pub use transport::{Answers, Evidence, Profile, Transport};

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use crate::time::Span;

/// The longest time that any setting may name: 36,500 days.
pub const DURATION_MAX: Duration = Duration::from_secs(36_500 * 86_400);
/// The shortest interval or timeout: 1 ms.
pub const DURATION_MIN: Duration = Duration::from_millis(1);
/// How late a tick may come before it says that the host slept: 5 s, or the plane's timeout or period where shorter.
pub const STALL_AFTER_MAX: Span = Span::from_secs(5);

/// Everything that decides about a connection, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Pings and pongs; `None` is the plane turned off.
    pub transport: Option<Transport>,
    /// Heartbeats; `None` is the plane turned off.
    pub application: Option<Application>,
    /// What holds on every connection.
    pub limits: Limits,
}

impl Policy {
    /// Both planes off: only the limits hold.
    #[must_use]
    pub fn off() -> Self {
        Policy { transport: None, application: None, limits: Limits::default() }
    }

    /// The `strict` transport plane with its defaults (20 s, 20 s, any bytes are life), no heartbeats.
    #[must_use]
    pub fn strict() -> Self {
        Policy { transport: Some(Transport::strict()), ..Policy::off() }
    }
}

/// The limits that hold on every connection, whatever its planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a close handshake may take; default 5 s.
    pub close_timeout: Span,
    /// How long the handshake may take; default 5 s.
    pub handshake_timeout: Span,
    /// The age at which a connection is closed, ± 10 %; default none.
    pub max_lifetime: Option<Span>,
    /// The inbound pings allowed per second; default 10.
    pub pings_per_s: u32,
    /// The inbound pings allowed at once; default 50.
    pub pings_burst: u32,
    /// The strikes allowed for pings over the rate; default 2.
    pub strikes_max: u32,
    /// The malformed heartbeats in a row that are allowed; default 3.
    pub malformed_max: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            close_timeout: Span::from_secs(5),
            handshake_timeout: Span::from_secs(5),
            max_lifetime: None,
            pings_per_s: 10,
            pings_burst: 50,
            strikes_max: 2,
            malformed_max: 3,
        }
    }
}

/// A setting that cannot be: which field, what it was, what the limit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The name of the field, as in the configuration file.
    pub field: &'static str,
    /// The value that was given.
    pub value: String,
    /// What is allowed.
    pub limit: String,
}

impl PolicyError {
    pub(crate) fn new(field: &'static str, value: impl fmt::Display, limit: impl fmt::Display) -> Self {
        PolicyError { field, value: value.to_string(), limit: limit.to_string() }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.field, self.value, self.limit)
    }
}

impl core::error::Error for PolicyError {}

/// A duration inside [`DURATION_MIN`] and [`DURATION_MAX`].
pub(crate) fn checked(field: &'static str, d: Duration) -> Result<Span, PolicyError> {
    if d < DURATION_MIN {
        return Err(PolicyError::new(field, Shown(d), "at least 1ms"));
    }
    if d > DURATION_MAX {
        return Err(PolicyError::new(field, Shown(d), "at most 36500 days"));
    }
    Ok(Span::from(d))
}

/// A close code that may be sent (RFC 6455 §7.4).
pub(crate) fn checked_code(code: u16) -> Result<u16, PolicyError> {
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(code),
        _ => Err(PolicyError::new("close_code", code, "a code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999")),
    }
}

/// A duration as a person would write it.
pub(crate) struct Shown(pub(crate) Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() { f.write_str("0s") } else { fmt::Debug::fmt(&self.0, f) }
    }
}
