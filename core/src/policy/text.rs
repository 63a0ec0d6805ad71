//! Settings as text: by the names and in the forms of command lines, files and trace headers.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::{Answers, Cadence, Evidence, PolicyConfig, PolicyError, Profile, checked_code};

impl PolicyConfig {
    /// The names that [`PolicyConfig::set`] knows.
    pub const KEYS: [&'static str; 24] = [
        "profile",
        "ping_interval",
        "ping_timeout",
        "evidence",
        "answers",
        "jitter",
        "first_ping",
        "write_stall",
        "only_when_idle",
        "adaptive",
        "tolerate_empty",
        "interval",
        "misses",
        "cadence",
        "heartbeat_write_stall",
        "feed_timeout",
        "close_code",
        "close_timeout",
        "handshake_timeout",
        "max_lifetime",
        "pings_per_s",
        "pings_burst",
        "ping_strikes",
        "max_malformed",
    ];

    /// Sets the field `key` from text, as written on command lines, in files and in trace headers.
    ///
    /// `Ok(false)` where no field has that name.
    ///
    /// # Errors
    /// A value that is not of the field's form, by field, value and what the form is.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, PolicyError> {
        use parse::{choice, code, count, duration, flag, percent};
        match key {
            "profile" => self.profile = Some(choice("profile", value, &Profile::ALL.map(|p| (p.name(), p)))?),
            "ping_interval" => self.ping_interval = Some(duration("ping_interval", value)?),
            "ping_timeout" => self.ping_timeout = Some(duration("ping_timeout", value)?),
            "evidence" => {
                let all = [Evidence::PongOnly, Evidence::AnyFrame, Evidence::AnyBytes].map(|evidence| (evidence.name(), evidence));
                self.evidence = Some(choice("evidence", value, &all)?);
            }
            "answers" => self.answers = Some(choice("answers", value, &[("matching", Answers::Matching), ("any", Answers::Any)])?),
            "jitter" => self.jitter_ppm = Some(percent("jitter", value)?),
            "first_ping" => self.first_ping = Some(duration("first_ping", value)?),
            "write_stall" => self.write_stall = Some(duration("write_stall", value)?),
            "only_when_idle" => self.only_when_idle = Some(flag("only_when_idle", value)?),
            "adaptive" => self.adaptive = Some(flag("adaptive", value)?),
            "tolerate_empty" => self.tolerate_empty = Some(flag("tolerate_empty", value)?),
            "interval" => self.interval = Some(duration("interval", value)?),
            "misses" => self.misses = Some(count("misses", value, 1..=255)?),
            "cadence" => self.cadence = Some(choice("cadence", value, &[("together", Cadence::Together), ("spread", Cadence::Spread)])?),
            "heartbeat_write_stall" => self.heartbeat_write_stall = Some(duration("heartbeat_write_stall", value)?),
            "feed_timeout" => self.feed_timeout = Some(duration("feed_timeout", value)?),
            "close_code" => self.close_code = Some(code(value)?),
            "close_timeout" => self.close_timeout = Some(duration("close_timeout", value)?),
            "handshake_timeout" => self.handshake_timeout = Some(duration("handshake_timeout", value)?),
            "max_lifetime" => self.max_lifetime = Some(duration("max_lifetime", value)?),
            "pings_per_s" => self.pings_per_s = Some(count("pings_per_s", value, 1..=u32::MAX)?),
            "pings_burst" => self.pings_burst = Some(count("pings_burst", value, 1..=u32::MAX)?),
            "ping_strikes" => self.ping_strikes = Some(count("ping_strikes", value, 0..=u32::MAX)?),
            "max_malformed" => self.max_malformed = Some(count("max_malformed", value, 0..=255)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The settings that are given, as [`PolicyConfig::set`] reads them, in the order of [`PolicyConfig::KEYS`].
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let c = self;
        let answers = |a| match a {
            Answers::Matching => "matching",
            Answers::Any => "any",
        };
        let cadence = |c| match c {
            Cadence::Together => "together",
            Cadence::Spread => "spread",
        };
        let all = [
            ("profile", c.profile.map(|p| p.name().to_string())),
            ("ping_interval", c.ping_interval.map(duration)),
            ("ping_timeout", c.ping_timeout.map(duration)),
            ("evidence", c.evidence.map(|e| e.name().to_string())),
            ("answers", c.answers.map(|a| answers(a).to_string())),
            ("jitter", c.jitter_ppm.map(percent)),
            ("first_ping", c.first_ping.map(duration)),
            ("write_stall", c.write_stall.map(duration)),
            ("only_when_idle", c.only_when_idle.map(|b| b.to_string())),
            ("adaptive", c.adaptive.map(|b| b.to_string())),
            ("tolerate_empty", c.tolerate_empty.map(|b| b.to_string())),
            ("interval", c.interval.map(duration)),
            ("misses", c.misses.map(|n| n.to_string())),
            ("cadence", c.cadence.map(|c| cadence(c).to_string())),
            ("heartbeat_write_stall", c.heartbeat_write_stall.map(duration)),
            ("feed_timeout", c.feed_timeout.map(duration)),
            ("close_code", c.close_code.map(|n| n.to_string())),
            ("close_timeout", c.close_timeout.map(duration)),
            ("handshake_timeout", c.handshake_timeout.map(duration)),
            ("max_lifetime", c.max_lifetime.map(duration)),
            ("pings_per_s", c.pings_per_s.map(|n| n.to_string())),
            ("pings_burst", c.pings_burst.map(|n| n.to_string())),
            ("ping_strikes", c.ping_strikes.map(|n| n.to_string())),
            ("max_malformed", c.max_malformed.map(|n| n.to_string())),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// A duration as configuration files write it.
fn duration(d: Duration) -> String {
    let parts: Vec<String> = humantime::format_duration(d).to_string().split(' ').map(ToString::to_string).collect();
    parts.concat()
}

/// Millionths as per cent, exactly.
fn percent(ppm: u32) -> String {
    format!("{}.{:04}%", ppm / 10_000, ppm % 10_000)
}

/// Values from text.
mod parse {
    use super::{Duration, PolicyError};
    use alloc::vec::Vec;
    use core::fmt::Display;
    use core::ops::RangeInclusive;
    use core::str::FromStr;

    /// A duration with a unit: `5s`, `250ms`, `1m30s`.
    pub(super) fn duration(field: &'static str, text: &str) -> Result<Duration, PolicyError> {
        let form = "a duration needs a unit, such as 5s, 250ms or 1m30s";
        if text.trim() == "0" {
            return Err(PolicyError::new(field, text, "a duration needs a unit: 0s"));
        }
        humantime::parse_duration(text.trim()).map_err(|_| PolicyError::new(field, text, form))
    }

    pub(super) fn choice<T: Copy>(field: &'static str, text: &str, all: &[(&'static str, T)]) -> Result<T, PolicyError> {
        all.iter().find(|(name, _)| *name == text).map(|(_, v)| *v).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            PolicyError::new(field, text, alloc::format!("one of {}", names.join(", ")))
        })
    }

    pub(super) fn flag(field: &'static str, text: &str) -> Result<bool, PolicyError> {
        choice(field, text, &[("true", true), ("false", false)])
    }

    pub(super) fn count<N: FromStr + PartialOrd + Display>(
        field: &'static str,
        text: &str,
        allowed: RangeInclusive<N>,
    ) -> Result<N, PolicyError> {
        let wrong = || PolicyError::new(field, text, alloc::format!("{} to {}", allowed.start(), allowed.end()));
        text.parse().ok().filter(|n| allowed.contains(n)).ok_or_else(wrong)
    }

    pub(super) fn code(text: &str) -> Result<u16, PolicyError> {
        let code = text.parse().map_err(|_| PolicyError::new("close_code", text, "a number from 1000 to 4999"))?;
        super::checked_code(code)
    }

    /// `5%` or `0.05`, in millionths.
    pub(super) fn percent(field: &'static str, text: &str) -> Result<u32, PolicyError> {
        let wrong = || PolicyError::new(field, text, "a share such as 5% or 0.05");
        let number = text.strip_suffix('%').unwrap_or(text);
        let share: f64 = number.parse().map_err(|_| wrong())?;
        let ppm = if text.ends_with('%') { share * 1e4 } else { share * 1e6 };
        if !(0.0..=1e6).contains(&ppm) {
            return Err(wrong());
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie in 0 to a million")]
        Ok(ppm.round() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_key_and_comes_back_as_it_was() {
        let odd = Some(Duration::new(86_400 * 400 + 61, 20_003_005));
        let config = PolicyConfig {
            profile: Some(Profile::Tornado65),
            ping_interval: odd,
            ping_timeout: Some(Duration::ZERO),
            evidence: Some(Evidence::AnyFrame),
            answers: Some(Answers::Any),
            jitter_ppm: Some(123_457),
            first_ping: Some(Duration::from_nanos(1)),
            write_stall: odd,
            only_when_idle: Some(true),
            adaptive: Some(false),
            tolerate_empty: Some(true),
            interval: odd,
            misses: Some(255),
            cadence: Some(Cadence::Together),
            heartbeat_write_stall: odd,
            feed_timeout: odd,
            close_code: Some(4999),
            close_timeout: odd,
            handshake_timeout: odd,
            max_lifetime: odd,
            pings_per_s: Some(u32::MAX),
            pings_burst: Some(1),
            ping_strikes: Some(0),
            max_malformed: Some(255),
        };
        let settings = config.settings();
        let keys: Vec<&str> = settings.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, PolicyConfig::KEYS);
        let mut back = PolicyConfig::default();
        for (key, value) in settings {
            assert_eq!(back.set(key, &value), Ok(true), "{key} = {value}");
        }
        assert_eq!(back, config);
    }
}
