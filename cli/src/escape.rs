//! Text of the peer's, made safe for one line of a terminal.

use std::fmt::Write as _;

/// `text` in one line: control characters and those that change the direction of writing are escaped, so that nothing a
/// peer sends can forge a line, move the cursor or turn text around. Other text stays as it is.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_unsafe(c) => {
                // Writing to a string cannot fail.
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    line
}

/// Controls, line and paragraph separators, and the marks of bidirectional text (Unicode UAX #9).
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn what_a_peer_sends_stays_on_one_line() {
        assert_eq!(one_line("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(one_line("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(one_line("x\u{202e}y\u{85}"), "x\\u{202e}y\\u{85}");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["{\"ping\":1492420473027}", "心跳 ä \\n", ""] {
            assert_eq!(one_line(text), text);
        }
    }
}
