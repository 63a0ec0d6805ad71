//! Messages with places for values: `{"ping":$t}`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::write_decimal;

/// How long a template may be.
pub(super) const TEMPLATE_BYTES_MAX: usize = 4096;

/// A message with places for values.
#[derive(Clone, Debug)]
pub(super) struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    /// `$t`; `quoted` where it is the whole of a string.
    Token {
        quoted: bool,
    },
    /// `$now`: Unix milliseconds.
    Now,
    /// A captured value, quotes included where it is a string.
    Capture(usize),
}

/// The names that stand for what the dialect itself sets, replaced once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Constants {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

/// What to write in the place of `$t`.
#[derive(Clone, Copy, Debug)]
pub(super) enum TokenText<'a> {
    /// A token of ours, by its digits.
    Own(u64),
    /// The peer's, as it was written.
    Verbatim(&'a str),
    /// The peer's message had none.
    Absent,
}

impl Template {
    /// Reads a template in which `$t` and `$now`, the `constants` and `captures` may stand.
    ///
    /// The error is what is allowed instead.
    pub(super) fn parse(source: &str, captures: &[&str], constants: Constants) -> Result<Self, String> {
        if source.is_empty() || source.len() > TEMPLATE_BYTES_MAX {
            return Err(format!("1 to {TEMPLATE_BYTES_MAX} bytes"));
        }
        let mut template = Template { source: source.to_string(), pieces: Vec::new() };
        let mut rest = source;
        while let Some(at) = rest.find('$') {
            let (before, place) = rest.split_at(at);
            let after = place.get(1..).unwrap_or_default();
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            rest = template.place(before, name, after, captures, constants)?;
        }
        template.text(rest);
        Ok(template)
    }

    /// Takes `before` and the place `$name`; gives what is left after it.
    fn place<'s>(
        &mut self,
        before: &'s str,
        name: &str,
        after: &'s str,
        captures: &[&str],
        constants: Constants,
    ) -> Result<&'s str, String> {
        let digits = match name {
            "interval_ms" => Some(constants.interval.as_millis()),
            "interval_s" => Some(u128::from(constants.interval.as_secs())),
            "timeout_ms" => Some(constants.timeout.as_millis()),
            _ => None,
        };
        if let Some(digits) = digits {
            self.text(before);
            self.text(&digits.to_string());
            return Ok(after);
        }
        if name == "now" {
            self.text(before);
            self.pieces.push(Piece::Now);
            return Ok(after);
        }
        let capture = captures.iter().position(|c| *c == name);
        if name != "t" && capture.is_none() {
            return Err(format!("${name} is none of $t, $now, $interval_ms, $interval_s, $timeout_ms or the captures"));
        }
        let quoted = before.strip_suffix('"').zip(after.strip_prefix('"'));
        let (before, after) = quoted.unwrap_or((before, after));
        self.text(before);
        let quoted = quoted.is_some();
        self.pieces.push(capture.map_or(Piece::Token { quoted }, Piece::Capture));
        Ok(after)
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Piece::Text(last)) = self.pieces.last_mut() {
            last.push_str(text);
            return;
        }
        self.pieces.push(Piece::Text(text.to_string()));
    }

    /// The template as it was written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether a token has a place in it.
    pub(super) fn has_token(&self) -> bool {
        self.pieces.iter().any(|p| matches!(p, Piece::Token { .. }))
    }

    /// Whether a token has more than one place in it.
    pub(super) fn repeats_token(&self) -> bool {
        self.pieces.iter().filter(|p| matches!(p, Piece::Token { .. })).count() > 1
    }

    /// Whether anything but a token has a place in it.
    pub(super) fn has_others(&self) -> bool {
        self.pieces.iter().any(|p| matches!(p, Piece::Now | Piece::Capture(_)))
    }

    /// Appends the message to `out`.
    pub(super) fn render(&self, token: TokenText<'_>, wall_ms: u64, captures: &[&str], out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Now => write_decimal(wall_ms, out),
                Piece::Capture(index) => out.extend_from_slice(captures.get(*index).copied().unwrap_or("null").as_bytes()),
                Piece::Token { quoted } => write_token(token, *quoted, out),
            }
        }
    }
}

fn write_token(token: TokenText<'_>, quoted: bool, out: &mut Vec<u8>) {
    match (token, quoted) {
        (TokenText::Verbatim(raw), _) => out.extend_from_slice(raw.as_bytes()),
        (TokenText::Own(n), false) => write_decimal(n, out),
        (TokenText::Own(n), true) => {
            out.push(b'"');
            write_decimal(n, out);
            out.push(b'"');
        }
        (TokenText::Absent, true) => out.extend_from_slice(b"\"\""),
        (TokenText::Absent, false) => out.extend_from_slice(b"null"),
    }
}
