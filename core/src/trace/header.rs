//! The first line: what decides.

use alloc::format;
use alloc::string::String;

use super::VERSION;
use super::change::Change;
use super::error::TraceError;
use super::fields::Fields;
use super::text::push_string;
use crate::dialect::{Dialect, Role};
use crate::policy::{Policy, PolicyConfig, PolicyError};

/// What moves time in a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ticks {
    /// The lines alone, as they were recorded.
    #[default]
    Recorded,
    /// Every deadline, to the nanosecond.
    Auto,
}

/// The header of a trace: all that decides besides what happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The seed of the hub's chance.
    pub seed: u64,
    /// What moves time.
    pub ticks: Ticks,
    /// Which side of the connections we are.
    pub role: Role,
    /// The dialect, as it is before `config` tunes it; `None` is no application plane.
    pub dialect: Option<Dialect>,
    /// The settings.
    pub config: PolicyConfig,
}

impl Default for Header {
    /// A server with both planes off and seed 0, recorded.
    fn default() -> Self {
        Header { seed: 0, ticks: Ticks::Recorded, role: Role::Server, dialect: None, config: PolicyConfig::default() }
    }
}

impl Header {
    /// The policy that follows from dialect, role and settings.
    ///
    /// # Errors
    /// A setting out of its limits.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let plan = self.dialect.as_ref().map(|d| d.plan(self.role, &self.config)).transpose()?;
        self.config.check(plan.unwrap_or_default())
    }

    pub(super) fn read(fields: &Fields) -> Result<Self, TraceError> {
        if fields.text("trace").ok().flatten() != Some("wsbeat") {
            return Err(fields.error("trace", "the first line is the header of a trace: {\"v\":1,\"trace\":\"wsbeat\",…}"));
        }
        match fields.number("v", u64::MAX)? {
            Some(VERSION) => {}
            Some(v) if v > VERSION => return Err(fields.error("v", format!("a newer version: this reads version {VERSION}"))),
            _ => return Err(fields.error("v", format!("the version: {VERSION}"))),
        }
        let mut header = Header { seed: fields.number("seed", u64::MAX)?.unwrap_or(0), ..Header::default() };
        header.ticks = match fields.text("ticks")? {
            None => Ticks::Recorded,
            Some("auto") => Ticks::Auto,
            Some(_) => return Err(fields.error("ticks", "auto, or left out where ticks are recorded")),
        };
        header.role = match fields.text("role")? {
            None | Some("server") => Role::Server,
            Some("client") => Role::Client,
            Some(_) => return Err(fields.error("role", "server or client")),
        };
        let change = Change::read(fields)?;
        header.change(&change).map_err(|e| TraceError::policy(fields.line, &e))?;
        Ok(header)
    }

    /// What decides from here on; checked as a whole.
    pub(super) fn change(&mut self, change: &Change) -> Result<(), PolicyError> {
        change.apply(&mut self.dialect, &mut self.config)?;
        self.policy().map(|_| ())
    }

    /// Appends the header as a line.
    pub fn write(&self, out: &mut String) {
        out.push_str(&format!("{{\"v\":{VERSION},\"trace\":\"wsbeat\",\"seed\":{}", self.seed));
        if self.ticks == Ticks::Auto {
            out.push_str(",\"ticks\":\"auto\"");
        }
        if self.role == Role::Client {
            out.push_str(",\"role\":\"client\"");
        }
        push_dialect(self.dialect.as_ref(), out);
        for (key, value) in self.config.settings() {
            push_setting(key, Some(&value), out);
        }
        out.push_str("}\n");
    }
}

/// The keys that name a dialect. One that is not embedded travels whole.
pub(super) fn push_dialect(dialect: Option<&Dialect>, out: &mut String) {
    let Some(dialect) = dialect else { return };
    out.push_str(",\"dialect\":");
    push_string(dialect.id(), out);
    if Dialect::preset(dialect.id()) != Some(dialect) {
        out.push_str(",\"dialect_toml\":");
        push_string(&dialect.to_toml(), out);
    }
}

/// A setting as JSON: numbers and truth values bare, all else as a string.
pub(super) fn push_setting(key: &str, value: Option<&str>, out: &mut String) {
    out.push_str(",\"");
    out.push_str(key);
    out.push_str("\":");
    match value {
        None => out.push_str("null"),
        Some(bare) if matches!(bare, "true" | "false") || bare.bytes().all(|b| b.is_ascii_digit()) => out.push_str(bare),
        Some(text) => push_string(text, out),
    }
}
