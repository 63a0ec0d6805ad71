//! Wishes: every policy setting by the name it has on command lines, in files and in traces.

use alloc::string::ToString;
use core::time::Duration;

use super::{
    Answers, Application, Ask, Cadence, Death, Evidence, Limits, Policy, PolicyError, Profile, STALL_AFTER_MAX, Shown, Transport, checked,
    checked_code,
};
use crate::time::Span;

/// What was asked for; `None` is the default of the profile or dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyConfig {
    /// The transport profile. Absent with `ping_interval` absent: no transport plane.
    pub profile: Option<Profile>,
    /// The time between pings; zero turns the plane off.
    pub ping_interval: Option<Duration>,
    /// The time a ping may stay unanswered; zero in the Tornado profiles only.
    pub ping_timeout: Option<Duration>,
    /// What counts as life on the transport plane; `strict` only.
    pub evidence: Option<Evidence>,
    /// Which answers count, on both planes.
    pub answers: Option<Answers>,
    /// How far pings and heartbeats may move off their grid, in millionths of the interval, below 500,000.
    pub jitter_ppm: Option<u32>,
    /// The time from the opening to the first ping.
    pub first_ping: Option<Duration>,
    /// How long a ping may stay unwritten while the transport takes no byte.
    pub write_stall: Option<Duration>,
    /// Skip pings while bytes arrive.
    pub only_when_idle: Option<bool>,
    /// Adapt the timeout to the round trip.
    pub adaptive: Option<bool>,
    /// An empty pong resolves the oldest ping.
    pub tolerate_empty: Option<bool>,
    /// The time between heartbeats; zero turns the plane off. Used by the dialect's plan.
    pub interval: Option<Duration>,
    /// How many unanswered heartbeats are allowed, 1 to 255. Used by the dialect's plan.
    pub misses: Option<u8>,
    /// On whose grid heartbeats are due.
    pub cadence: Option<Cadence>,
    /// How long a heartbeat may stay unwritten while the transport takes no byte.
    pub heartbeat_write_stall: Option<Duration>,
    /// Client: how long heartbeats may flow without data.
    pub feed_timeout: Option<Duration>,
    /// The close code for silence, on both planes.
    pub close_code: Option<u16>,
    /// How long a close handshake may take.
    pub close_timeout: Option<Duration>,
    /// How long the handshake may take.
    pub handshake_timeout: Option<Duration>,
    /// The age at which a connection is closed, ± 10 %.
    pub max_lifetime: Option<Duration>,
    /// The pings that a peer may send per second, from 1.
    pub pings_per_s: Option<u32>,
    /// The pings that a peer may send at once, from 1.
    pub pings_burst: Option<u32>,
    /// The pings over the rate that are forgiven; one is forgotten every 10 s.
    pub ping_strikes: Option<u32>,
    /// The malformed heartbeats in a row that are allowed.
    pub max_malformed: Option<u8>,
}

/// What a dialect asks of a connection, before the wishes are laid over it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The application plane.
    pub application: Option<Application>,
    /// The transport plane, for dialects whose heartbeats are control frames.
    pub transport: Option<Transport>,
    /// The maximum age.
    pub max_lifetime: Option<Span>,
}

impl PolicyConfig {
    /// The policy: these wishes over the `plan` of a dialect, checked.
    ///
    /// # Errors
    /// A setting out of its limits, by field, value and limit.
    pub fn check(&self, plan: Plan) -> Result<Policy, PolicyError> {
        Ok(Policy {
            transport: self.transport(plan.transport)?,
            application: plan.application.map(|a| self.application(a)).transpose()?,
            limits: self.limits(plan.max_lifetime)?,
        })
    }

    fn transport(&self, planned: Option<Transport>) -> Result<Option<Transport>, PolicyError> {
        let wished = self.profile.is_some() || self.ping_interval.is_some();
        if planned.is_some() {
            let limit = "the dialect's heartbeats are pings already: set interval instead, or dialect = none";
            if let Some(interval) = self.ping_interval {
                return Err(PolicyError::new("ping_interval", Shown(interval), limit));
            }
            if let Some(profile) = self.profile {
                return Err(PolicyError::new("profile", profile.name(), limit));
            }
        }
        if let (Some(timeout), false) = (self.ping_timeout, wished) {
            return Err(PolicyError::new("ping_timeout", Shown(timeout), "goes with ping_interval or profile"));
        }
        let checked_plane = match planned {
            Some(t) => Some(t),
            None if wished => Transport::check(self.profile.unwrap_or_default(), self.ping_interval, self.ping_timeout)?,
            None => None,
        };
        checked_plane.map(|t| self.transport_details(t)).transpose()
    }

    fn transport_details(&self, mut t: Transport) -> Result<Transport, PolicyError> {
        if t.profile != Profile::Strict {
            let own = [
                ("evidence", self.evidence.map(|evidence| evidence.name().to_string())),
                ("only_when_idle", self.only_when_idle.map(|flag| flag.to_string())),
                ("adaptive", self.adaptive.map(|flag| flag.to_string())),
                ("tolerate_empty", self.tolerate_empty.map(|flag| flag.to_string())),
                ("write_stall", self.write_stall.map(|time| Shown(time).to_string())),
            ];
            if let Some((field, value)) = own.into_iter().find_map(|(field, value)| Some((field, value?))) {
                return Err(PolicyError::new(field, value, "profile strict only: the other profiles do as their originals"));
            }
            return Ok(t);
        }
        t.evidence = self.evidence.unwrap_or(t.evidence);
        t.answers = self.answers.unwrap_or(t.answers);
        t.jitter_ppm = self.jitter(t.jitter_ppm)?;
        t.first = self.first_ping.map(|d| checked("first_ping", d)).transpose()?;
        t.write_stall = self.write_stall.map_or(Ok(t.write_stall), |d| checked("write_stall", d))?;
        t.only_when_idle = self.only_when_idle.unwrap_or(t.only_when_idle);
        t.adaptive = self.adaptive.unwrap_or(t.adaptive);
        t.tolerate_empty = self.tolerate_empty.unwrap_or(t.tolerate_empty);
        t.close_code = self.close_code.map_or(Ok(t.close_code), checked_code)?;
        Ok(t)
    }

    fn application(&self, mut a: Application) -> Result<Application, PolicyError> {
        if let Some(ask) = &mut a.ask {
            self.ask(ask)?;
        }
        if let Some(d) = self.feed_timeout {
            a.feed_timeout = (d > Duration::ZERO).then(|| checked("feed_timeout", d)).transpose()?;
        }
        if let (Some(code), true) = (self.close_code, a.close_code.is_some()) {
            a.close_code = Some(checked_code(code)?);
        }
        Ok(a)
    }

    fn ask(&self, ask: &mut Ask) -> Result<(), PolicyError> {
        ask.cadence = self.cadence.unwrap_or(ask.cadence);
        ask.answers = self.answers.unwrap_or(ask.answers);
        if ask.cadence == Cadence::Spread {
            ask.jitter_ppm = self.jitter(ask.jitter_ppm)?;
        }
        ask.write_stall = self.heartbeat_write_stall.map_or(Ok(ask.write_stall), |d| checked("heartbeat_write_stall", d))?;
        Ok(())
    }

    fn jitter(&self, default: u32) -> Result<u32, PolicyError> {
        match self.jitter_ppm {
            None => Ok(default),
            Some(ppm) if ppm < 500_000 => Ok(ppm),
            Some(ppm) => Err(PolicyError::new("jitter", alloc::format!("{}%", ppm / 10_000), "below 50%")),
        }
    }

    fn limits(&self, planned_lifetime: Option<Span>) -> Result<Limits, PolicyError> {
        let default = Limits::default();
        Ok(Limits {
            close_timeout: self.close_timeout.map_or(Ok(default.close_timeout), |d| checked("close_timeout", d))?,
            handshake_timeout: self.handshake_timeout.map_or(Ok(default.handshake_timeout), |d| checked("handshake_timeout", d))?,
            max_lifetime: match self.max_lifetime {
                None => planned_lifetime,
                Some(Duration::ZERO) => None,
                Some(d) => Some(checked("max_lifetime", d)?),
            },
            pings_per_s: self.pings_per_s.map_or(Ok(default.pings_per_s), |n| from_one("pings_per_s", n))?,
            pings_burst: self.pings_burst.map_or(Ok(default.pings_burst), |n| from_one("pings_burst", n))?,
            strikes_max: self.ping_strikes.unwrap_or(default.strikes_max),
            malformed_max: self.max_malformed.unwrap_or(default.malformed_max),
        })
    }
}

fn from_one(field: &'static str, n: u32) -> Result<u32, PolicyError> {
    if n == 0 { Err(PolicyError::new(field, n, "1 to 4294967295")) } else { Ok(n) }
}

impl Ask {
    /// A plain asker: every `period` on the connection's own grid, given up as `death` says, all rules on.
    #[must_use]
    pub fn every(period: Span, death: Death) -> Self {
        let write_stall = match death {
            Death::MissesBefore(n) | Death::MissesAfter(n) => period.times(u64::from(n)),
            Death::Timeout(t) => t.times(2),
            Death::Never => period.times(2),
        };
        Ask {
            period,
            cadence: Cadence::Spread,
            start: super::Start::Jitter,
            timing: super::Timing::Beat,
            jitter_ppm: 0,
            death,
            counts: super::Counts::Written,
            matching: super::Matching::Window(2),
            answers: Answers::Matching,
            unsolicited: super::Unsolicited::Ignored,
            token: super::TokenKind::Timestamp,
            write_stall,
            stall_after: STALL_AFTER_MAX.min(period),
        }
    }
}
