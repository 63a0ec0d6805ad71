//! A peer's text, made safe to show.

use std::fmt;

/// A peer's text for logs and terminals: one line, control, bidirectional and invisible characters escaped, at most 128
/// characters of it.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl Escaped<'_> {
    /// How many characters of the text are shown.
    pub const CHARS_MAX: usize = 128;
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(Self::CHARS_MAX) {
            write!(f, "{}", c.escape_debug())?;
        }
        match chars.next() {
            Some(_) => f.write_str("…"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        let text = Escaped("a\r\nb\u{1b}[31m\u{202e}\u{2066}\0é").to_string();
        assert_eq!(text, "a\\r\\nb\\u{1b}[31m\\u{202e}\\u{2066}\\0é");
        assert_eq!(Escaped(&"x".repeat(500)).to_string().chars().count(), 129);
    }
}
