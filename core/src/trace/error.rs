//! What is wrong with a trace.

use alloc::string::{String, ToString};
use core::fmt;

use crate::policy::PolicyError;

/// How much of a value an error shows.
const SHOWN_CHARS: usize = 60;

/// A trace that cannot be read or replayed: which line, which key, what it says and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The line, counted from 1.
    pub line: usize,
    /// The key; empty where the line is none of a trace at all.
    pub key: String,
    /// What it says, cut to 60 characters; empty where it was left out.
    pub value: String,
    /// What is allowed, or what is wrong.
    pub limit: String,
}

impl TraceError {
    pub(super) fn new(line: usize, key: &str, value: impl fmt::Display, limit: impl fmt::Display) -> Self {
        let whole = value.to_string();
        let mut value: String = whole.chars().take(SHOWN_CHARS).collect();
        if value.len() < whole.len() {
            value.push('…');
        }
        TraceError { line, key: key.to_string(), value, limit: limit.to_string() }
    }

    pub(super) fn policy(line: usize, e: &PolicyError) -> Self {
        TraceError::new(line, e.field, &e.value, &e.limit)
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            f.write_str(&self.key)?;
            if !self.value.is_empty() {
                // Escaped: what a file says must not move the cursor of whoever reads the error.
                write!(f, " = {}", self.value.escape_debug())?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.limit)
    }
}

impl core::error::Error for TraceError {}
