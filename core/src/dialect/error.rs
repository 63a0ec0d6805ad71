//! What is wrong with a dialect file.

use alloc::string::{String, ToString};
use core::fmt;

/// A dialect file that cannot be: which dialect, which field, why, and at which line where known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialectError {
    /// The id of the dialect; empty where it has none yet.
    pub dialect: String,
    /// The field, as in the file; empty where the file is no TOML.
    pub field: String,
    /// What was given; empty where it was left out.
    pub value: String,
    /// What is allowed, or what is wrong.
    pub limit: String,
    /// The line, counted from 1.
    pub line: Option<usize>,
}

impl DialectError {
    pub(super) fn new(field: impl fmt::Display, value: impl fmt::Display, limit: impl fmt::Display) -> Self {
        DialectError { dialect: String::new(), field: field.to_string(), value: value.to_string(), limit: limit.to_string(), line: None }
    }
}

impl fmt::Display for DialectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.dialect.is_empty() {
            write!(f, "dialect {}: ", self.dialect)?;
        }
        if !self.field.is_empty() {
            f.write_str(&self.field)?;
            if !self.value.is_empty() {
                write!(f, " = {}", self.value)?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.limit)
    }
}

impl core::error::Error for DialectError {}
