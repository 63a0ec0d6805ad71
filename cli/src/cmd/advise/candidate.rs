//! What could be chosen, and what speaks against it.

use std::time::Duration;

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::{Death, Policy, PolicyConfig, Profile};
use wsbeat_core::trace::Header;

use super::reckon::{MISSES, Reckoned};
use crate::config::duration_text;
use crate::exit::Failure;

/// A policy that could be chosen.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) name: String,
    /// The flags of `serve` that choose it.
    pub(super) flags: String,
    /// Whether the arithmetic chose it.
    pub(super) reckoned: bool,
    pub(super) policy: Policy,
    pub(super) dialect: Option<Dialect>,
    /// The time between asks.
    pub(super) every: Duration,
    /// How long an answer may take before the peer is given up, counted from the asking.
    pub(super) tolerates: Duration,
    pub(super) profile: Option<Profile>,
}

/// Everything that is tried: what the arithmetic chose, then what is known from elsewhere.
pub(super) fn all(reckoned: &Reckoned) -> Result<Vec<Candidate>, Failure> {
    let mut all = Vec::new();
    let (interval, timeout) = (reckoned.interval, Some(reckoned.timeout));
    if interval.is_some() {
        all.push(pings(Profile::Strict, interval, timeout)?.chosen());
    }
    all.push(heartbeats("htx-spot-v1", Some(reckoned.beat))?.chosen());
    all.push(pings(Profile::Strict, None, None)?);
    all.push(heartbeats("htx-spot-v1", None)?);
    all.push(heartbeats("blog", None)?);
    all.push(pings(Profile::Tornado64, Some(Duration::from_secs(5)), Some(Duration::from_secs(10)))?);
    if interval.is_some() {
        all.push(pings(Profile::Tornado64, interval, timeout)?);
        all.push(pings(Profile::Tornado65, interval, timeout)?);
    }
    for profile in [Profile::Websockets, Profile::WsRecipe, Profile::UWebSockets, Profile::GorillaChat] {
        all.push(pings(profile, None, None)?);
    }
    Ok(all)
}

fn pings(profile: Profile, interval: Option<Duration>, timeout: Option<Duration>) -> Result<Candidate, Failure> {
    let config = PolicyConfig { profile: Some(profile), ping_interval: interval, ping_timeout: timeout, ..PolicyConfig::default() };
    let policy = config.check(wsbeat_core::policy::Plan::default()).map_err(Failure::usage)?;
    let mut flags = "--dialect none".to_owned();
    if profile != Profile::Strict || interval.is_none() {
        flags.push_str(&format!(" --profile {}", profile.name()));
    }
    for (flag, value) in [("interval", interval), ("timeout", timeout)] {
        if let Some(value) = value {
            flags.push_str(&format!(" --ping-{flag} {}", duration_text(value)));
        }
    }
    let (every, waits) = policy.transport.map_or_else(Default::default, |t| (Duration::from(t.interval), Duration::from(t.timeout)));
    // Tornado up to 6.4 counts from the last pong, a whole interval before it asks again; gorilla's chat likewise.
    let tolerates = match profile {
        Profile::Tornado64 | Profile::GorillaChat => waits.saturating_sub(every),
        _ => waits,
    };
    let name = format!("{} {}/{}", profile.name(), duration_text(every), duration_text(waits));
    Ok(Candidate { name, flags, reckoned: false, policy, dialect: None, every, tolerates, profile: Some(profile) })
}

fn heartbeats(id: &str, interval: Option<Duration>) -> Result<Candidate, Failure> {
    let unknown = || Failure::usage(format_args!("no dialect {id}"));
    let config = PolicyConfig { interval, misses: interval.map(|_| MISSES), ..PolicyConfig::default() };
    let dialect = Dialect::preset(id).ok_or_else(unknown)?.tuned(&config).map_err(Failure::usage)?;
    let header = Header { role: Role::Server, dialect: Some(dialect.clone()), config, ..Header::default() };
    let policy = header.policy().map_err(Failure::usage)?;
    let ask = policy.application.and_then(|app| app.ask).ok_or_else(unknown)?;
    let (every, misses) = match ask.death {
        Death::MissesBefore(misses) | Death::MissesAfter(misses) => (Duration::from(ask.period), misses),
        Death::Timeout(_) | Death::Never => (Duration::from(ask.period), 1),
    };
    let flags = match interval {
        Some(interval) => format!("--dialect {id} --interval {} --misses {misses}", duration_text(interval)),
        None => format!("--dialect {id}"),
    };
    Ok(Candidate {
        name: format!("{id} {} x{misses}", duration_text(every)),
        flags,
        reckoned: false,
        policy,
        dialect: Some(dialect),
        every,
        tolerates: every * u32::from(misses.min(ask.matching.window())),
        profile: None,
    })
}

impl Candidate {
    fn chosen(self) -> Self {
        Candidate { reckoned: true, ..self }
    }

    /// The payload of its pings, in bytes.
    pub(super) const fn ping_bytes(&self) -> u64 {
        match self.profile {
            Some(Profile::Strict) => 8,
            Some(Profile::Websockets) => 4,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::advise::reckon::NETWORK;

    #[test]
    fn flags_choose_what_was_tried() {
        let wanted = Reckoned::of(&NETWORK, Duration::from_secs(30));
        let flags: Vec<_> = all(&wanted).unwrap().into_iter().filter(|c| c.reckoned).map(|c| c.flags).collect();
        assert_eq!(flags, ["--dialect none --ping-interval 20s --ping-timeout 10s", "--dialect htx-spot-v1 --interval 10s --misses 2"]);
    }
}
