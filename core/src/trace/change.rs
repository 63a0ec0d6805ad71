//! Settings by the keys of the configuration file: those of the header, and those that a `reconfigure` line changes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::error::TraceError;
use super::fields::Fields;
use super::header::{Header, duration};
use crate::dialect::Dialect;
use crate::policy::{Answers, Cadence, Evidence, PolicyConfig, PolicyError};

/// A change of settings and, perhaps, of the dialect.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    /// `Some(None)` is no dialect.
    dialect: Option<Option<Dialect>>,
    /// `None` takes a setting back to its default.
    settings: Vec<(String, Option<String>)>,
}

impl Change {
    pub(super) fn read(fields: &Fields) -> Result<Self, TraceError> {
        let settings = fields.all().filter(|(key, _)| PolicyConfig::KEYS.contains(key));
        Ok(Change { dialect: dialect(fields)?, settings: settings.map(|(key, value)| (key.to_string(), value)).collect() })
    }

    /// Changes the header of the trace from here on; checked as a whole.
    pub(super) fn apply(&self, header: &mut Header) -> Result<(), PolicyError> {
        if let Some(dialect) = &self.dialect {
            header.dialect.clone_from(dialect);
        }
        let stay = settings(&header.config);
        let stay = stay.iter().filter(|(key, _)| !self.settings.iter().any(|(changed, _)| changed == key));
        let changed = self.settings.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)));
        let mut config = PolicyConfig::default();
        for (key, value) in stay.map(|(key, value)| (*key, value.as_str())).chain(changed) {
            config.set(key, value)?;
        }
        header.config = config;
        header.policy().map(|_| ())
    }
}

fn dialect(fields: &Fields) -> Result<Option<Option<Dialect>>, TraceError> {
    let Some(id) = fields.text("dialect")? else {
        return Ok(None);
    };
    if id == "none" {
        return Ok(Some(None));
    }
    let Some(toml) = fields.text("dialect_toml")? else {
        let preset = Dialect::preset(id).cloned();
        let known = || Dialect::presets().iter().map(Dialect::id).collect::<Vec<_>>().join(", ");
        return preset
            .map(|d| Some(Some(d)))
            .ok_or_else(|| fields.error("dialect", format!("no such dialect: give dialect_toml as well, or one of none, {}", known())));
    };
    let loaded = Dialect::load(toml).map_err(|e| TraceError::new(fields.line, "dialect_toml", "", e))?;
    let found = loaded.into_iter().find(|d| d.id() == id);
    found.map(|d| Some(Some(d))).ok_or_else(|| fields.error("dialect", "dialect_toml holds no dialect of this id"))
}

/// The settings that are given, as [`PolicyConfig::set`] reads them.
pub(super) fn settings(c: &PolicyConfig) -> Vec<(&'static str, String)> {
    let evidence = |e| match e {
        Evidence::PongOnly => "pong",
        Evidence::AnyFrame => "frame",
        Evidence::AnyBytes => "bytes",
    };
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
        ("evidence", c.evidence.map(|e| evidence(e).to_string())),
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
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Millionths as per cent, exactly.
fn percent(ppm: u32) -> String {
    format!("{}.{:04}%", ppm / 10_000, ppm % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Profile;
    use core::time::Duration;

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
        };
        let settings = settings(&config);
        let keys: Vec<&str> = settings.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, PolicyConfig::KEYS);
        let mut back = PolicyConfig::default();
        for (key, value) in settings {
            assert_eq!(back.set(key, &value), Ok(true), "{key} = {value}");
        }
        assert_eq!(back, config);
    }
}
