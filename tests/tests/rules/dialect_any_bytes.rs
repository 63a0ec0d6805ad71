//! No bytes make a decoder panic, and what it says is in its bounds.

use proptest::prelude::*;
use wsbeat_core::codec::gzip::{write_gzip, write_zlib};
use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Role};

/// Bytes that are noise, or words of the dialects in any order.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"ping\"",
        "\"pong\"",
        "\"op\"",
        "\"ts\"",
        "\"type\"",
        "\"id\"",
        "\"sub\"",
        "\"method\"",
        "\"data\"",
        "\"SUBSCRIBE\"",
        "\"subscribe\"",
        "\"welcome\"",
        "\"pingInterval\"",
        "1492420473027",
        "-1",
        "18446744073709551616",
        "1e3",
        "null",
        "\"\\ud800\"",
        "\"",
        "\\u0070",
        "0",
        "2",
        "40",
        "CONNECTED\n",
        "heart-beat:",
        "1,2",
        "\n",
        "\u{1e}",
        "ping",
        "é",
        "true",
    ]);
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..600),
        proptest::collection::vec(words, 0..40).prop_map(|w| w.concat().into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn decoding_never_panics_whatever_arrives(bytes in bytes(), cut in 0usize..600, wall in any::<u64>()) {
        let (mut gzipped, mut deflated) = (Vec::new(), Vec::new());
        write_gzip(&bytes, &mut gzipped);
        write_zlib(&bytes, &mut deflated);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let messages = [
            Message::Text(&text),
            Message::Binary(&bytes),
            Message::Binary(&gzipped),
            Message::Binary(&deflated),
            Message::Binary(&gzipped[..cut.min(gzipped.len())]),
        ];
        let mut decoder = Decoder::default();
        for dialect in Dialect::presets() {
            for role in [Role::Server, Role::Client] {
                for message in messages {
                    let said = match dialect.decode(role, message, wall, &mut decoder) {
                        Heard::Heartbeat { answer: Some(m), .. } | Heard::Reply(m) | Heard::Agreed { reply: m, .. } => m,
                        _ => continue,
                    };
                    let len = match said { Message::Text(t) => t.len(), Message::Binary(b) => b.len() };
                    prop_assert!(len <= dialect.heartbeat_bytes_max() + 256, "{} says {len} bytes", dialect.id());
                }
            }
        }
    }

    #[test]
    fn a_token_comes_back_to_the_letter(digits in "(0|-?[1-9][0-9]{0,60})", text in "\\PC{0,60}", is_text in any::<bool>(), pad in "[ \t\r\n]{0,4}") {
        let token = if is_text { serde_json::to_string(&text).unwrap() } else { digits };
        let mut frame = Vec::new();
        write_gzip(format!("{pad}{{{pad}\"ping\"{pad}:{pad}{token}{pad}}}{pad}").as_bytes(), &mut frame);
        let mut decoder = Decoder::default();
        let heard = Dialect::preset("htx-spot-v1").unwrap().decode(Role::Client, Message::Binary(&frame), 0, &mut decoder);
        let expected = format!("{{\"pong\":{token}}}");
        let answer = match heard { Heard::Heartbeat { answer, .. } => answer, _ => None };
        prop_assert_eq!(answer, Some(Message::Text(&expected)));
    }

    #[test]
    fn loading_never_panics_whatever_is_in_the_file(text in "\\PC{0,300}", at in 0usize..20_000, junk in "\\PC{0,8}") {
        let _ = Dialect::load(&text);
        let mut file = Dialect::presets_toml().to_string();
        let at = (0..=at.min(file.len())).rev().find(|i| file.is_char_boundary(*i)).unwrap();
        file.insert_str(at, &junk);
        let _ = Dialect::load(&file);
    }
}
