//! The keys of one line.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::error::TraceError;
use crate::event::Token;
use crate::policy::checked_code;

/// What a control frame may carry (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: usize = 125;
/// What a close frame may carry beside its code.
const REASON_BYTES_MAX: usize = 123;

/// One line, as far as JSON goes.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) line: usize,
    map: Map<String, Value>,
}

impl Fields {
    pub(super) fn parse(line: usize, text: &str) -> Result<Self, TraceError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Fields { line, map }),
            Ok(_) => Err(TraceError::new(line, "", "", "one JSON object a line")),
            Err(e) if e.is_eof() => Err(TraceError::new(line, "", "", "the line is cut: its JSON object has no end")),
            Err(e) => Err(TraceError::new(line, "", "", format!("no JSON object: {e}"))),
        }
    }

    pub(super) fn error(&self, key: &str, limit: impl core::fmt::Display) -> TraceError {
        let value = self.map.get(key).map(shown).unwrap_or_default();
        TraceError::new(self.line, key, value, limit)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Every key with its value as configuration files write it; `None` for `null`.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Option<String>)> {
        self.map.iter().map(|(key, value)| (key.as_str(), (!value.is_null()).then(|| shown(value))))
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, TraceError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "a string")),
        }
    }

    pub(super) fn needed_text(&self, key: &str) -> Result<&str, TraceError> {
        self.text(key)?.ok_or_else(|| self.error(key, "missing: a string"))
    }

    /// A whole number of at most `max`.
    pub(super) fn number(&self, key: &str, max: u64) -> Result<Option<u64>, TraceError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().filter(|n| *n <= max) {
                Some(n) => Ok(Some(n)),
                None => Err(self.error(key, format!("a whole number from 0 to {max}"))),
            },
        }
    }

    pub(super) fn needed_number(&self, key: &str) -> Result<u64, TraceError> {
        self.number(key, u64::MAX)?.ok_or_else(|| self.error(key, format!("missing: a whole number from 0 to {}", u64::MAX)))
    }

    /// `n` of `bytes` and `wrote` lines.
    pub(super) fn bytes(&self) -> Result<u32, TraceError> {
        let n = self.number("n", u32::MAX.into())?.unwrap_or(1);
        Ok(u32::try_from(n).unwrap_or(u32::MAX))
    }

    pub(super) fn token(&self) -> Result<Option<Token>, TraceError> {
        Ok(self.number("token", u64::MAX)?.map(Token))
    }

    /// `of`: a number of a ping, counted from 1.
    pub(super) fn of(&self) -> Result<Option<u64>, TraceError> {
        match self.number("of", u64::MAX)? {
            Some(0) => Err(self.error("of", "pings are counted from 1")),
            k => Ok(k),
        }
    }

    pub(super) fn base64(&self) -> Result<Option<Vec<u8>>, TraceError> {
        let Some(text) = self.text("b64")? else {
            return Ok(None);
        };
        STANDARD.decode(text).map(Some).map_err(|e| self.error("b64", format!("base64 with padding (RFC 4648): {e}")))
    }

    /// `b64` as the payload of a control frame.
    pub(super) fn payload(&self) -> Result<Option<Vec<u8>>, TraceError> {
        match self.base64()? {
            Some(bytes) if bytes.len() > CONTROL_BYTES_MAX => {
                Err(self.error("b64", format!("a control frame carries at most {CONTROL_BYTES_MAX} bytes, not {}", bytes.len())))
            }
            payload => Ok(payload),
        }
    }

    /// `code` of the peer's close; 0 where it has none.
    pub(super) fn code(&self) -> Result<u16, TraceError> {
        let code = self.number("code", u16::MAX.into())?.unwrap_or(0);
        Ok(u16::try_from(code).unwrap_or(0))
    }

    /// `code` of a close of ours; 0 where it has none.
    pub(super) fn own_code(&self) -> Result<u16, TraceError> {
        let code = self.code()?;
        if code == 0 && !self.has("code") {
            return Ok(0);
        }
        checked_code(code).map_err(|e| self.error("code", e.limit))
    }

    /// `reason` of a close of ours.
    pub(super) fn reason(&self) -> Result<String, TraceError> {
        let reason = self.text("reason")?.unwrap_or_default();
        if reason.len() > REASON_BYTES_MAX {
            return Err(self.error("reason", format!("at most {REASON_BYTES_MAX} bytes, not {}", reason.len())));
        }
        Ok(reason.to_string())
    }

    /// What `out` lines say, for comparing.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
