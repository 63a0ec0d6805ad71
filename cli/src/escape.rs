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

/// JSON in one line, with the same characters escaped as JSON does: they stand in strings only.
pub(crate) fn json_line(json: String) -> String {
    if !json.chars().any(is_unsafe) {
        return json;
    }
    let mut line = String::with_capacity(json.len() + 8);
    for c in json.chars() {
        if is_unsafe(c) {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
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
    use super::{json_line, one_line};

    #[test]
    fn threat_24_what_a_peer_sends_stays_on_one_line() {
        assert_eq!(one_line("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(one_line("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(one_line("x\u{202e}y\u{85}"), "x\\u{202e}y\\u{85}");
    }

    #[test]
    fn threat_24_facts_are_the_same_text_and_turn_nothing_around() {
        let text = "a\n\u{1b}[31m\u{9b}m\u{202e}txt.exe\u{2028}\u{7f}";
        let line = json_line(serde_json::to_string(text).unwrap());
        assert_eq!(line, r#""a\n\u001b[31m\u009bm\u202etxt.exe\u2028\u007f""#);
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["{\"ping\":1492420473027}", "心跳 ä \\n", ""] {
            assert_eq!(one_line(text), text);
        }
    }
}
