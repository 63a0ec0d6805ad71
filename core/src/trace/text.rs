//! JSON strings.

use alloc::string::String;

/// Appends `text` as a JSON string.
pub(super) fn push_string(text: &str, out: &mut String) {
    // A string always has a form in JSON, so this does not fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
