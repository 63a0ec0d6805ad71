//! The table of forms: what is an answer, what is a heartbeat, and what is data.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::Write;

use wsbeat_core::codec::gzip::{Inflater, write_gzip};
use wsbeat_core::dialect::{Decoder, Dialect, Encoder, Heard, Message, Role};
use wsbeat_core::event::Token;

const NOW: u64 = 1_492_420_473_027;
const HTX: [&str; 3] = ["blog", "htx-spot-v1", "htx-contract-market"];

fn dialect(id: &str) -> &'static Dialect {
    Dialect::preset(id).unwrap()
}

/// What it means, in words.
fn heard(id: &str, role: Role, message: Message<'_>) -> String {
    let mut decoder = Decoder::default();
    words(dialect(id).decode(role, message, NOW, &mut decoder))
}

fn words(heard: Heard<'_>) -> String {
    match heard {
        Heard::Data(m) => format!("data {}", text(m)),
        Heard::Heartbeat { token, answer } => format!("heartbeat {} -> {}", token.0, answer.map_or("nothing".into(), text)),
        Heard::Answer(token) => format!("answer {}", token.0),
        Heard::Ready { data, .. } => format!("ready {}", text(data)),
        Heard::Reply(m) | Heard::Agreed { reply: m, .. } => format!("reply {}", text(m)),
        Heard::Malformed => "malformed".into(),
        Heard::TooBig => "too big".into(),
    }
}

fn text(message: Message<'_>) -> String {
    match message {
        Message::Text(t) => t.to_string(),
        Message::Binary(b) if b.starts_with(&[0x1f, 0x8b]) => {
            let mut inflater = Inflater::default();
            format!("gzip {}", String::from_utf8_lossy(inflater.gzip(b, 1 << 20).unwrap()))
        }
        Message::Binary(b) => format!("binary {}", String::from_utf8_lossy(b)),
    }
}

fn server(id: &str, text: &str) -> String {
    heard(id, Role::Server, Message::Text(text))
}

fn client(id: &str, text: &str) -> String {
    let mut frame = Vec::new();
    write_gzip(text.as_bytes(), &mut frame);
    heard(id, Role::Client, Message::Binary(&frame))
}

fn is_data(id: &str, form: &str) {
    assert_eq!(server(id, form), format!("data {form}"), "{id}");
}

#[test]
fn an_answer_is_its_digits_as_integer_or_as_string() {
    for id in HTX {
        for form in [
            r#"{"pong":1492420473027}"#,
            r#"{"pong":"1492420473027"}"#,
            r#" { "pong" : 1492420473027 } "#,
            r#"{"pong":1492420473027,"extra":[1,{"x":null}]}"#,
            r#"{"\u0070ong":1492420473027}"#,
        ] {
            assert_eq!(server(id, form), "answer 1492420473027", "{id} {form}");
        }
        assert_eq!(server(id, r#"{"pong":18446744073709551615}"#), format!("answer {}", u64::MAX));
    }
    for form in [r#"{"op":"pong","ts":1492420473027}"#, r#"{"op":"pong","ts":"1492420473027"}"#] {
        assert_eq!(server("htx-contract-order", form), "answer 1492420473027");
    }
}

#[test]
fn threat_03_a_value_that_is_no_token_makes_it_data() {
    for id in HTX {
        for value in [
            "1.0",
            "1e3",
            "-1",
            "-0",
            "true",
            "false",
            "null",
            "18446744073709551616",
            "\"\"",
            "\"x\"",
            "\"01\"",
            "\"1.0\"",
            "[1]",
            "{}",
            "[]",
            "0.0",
            "1E0",
        ] {
            is_data(id, &format!("{{\"pong\":{value}}}"));
        }
    }
}

#[test]
fn what_is_no_heartbeat_is_data_as_it_came() {
    for id in HTX {
        for form in [
            "",
            " ",
            "hello",
            "ping",
            "[]",
            "[{\"pong\":1}]",
            "\"pong\"",
            "1",
            "null",
            "{}",
            "{\"a\":1}",
            "{\"data\":{\"pong\":1}}",
            "{\"pong\":1,\"pong\":1}",
            "{\"ping\":1,\"ping\":2}",
            "{\"ping\":1,\"\\u0070ing\":1}",
            "{\"a\":1,\"a\":1,\"pong\":1}",
            "{\"pong\":1",
            "{\"pong\":1}}",
            "{\"Pong\":1}",
            "\u{feff}{\"pong\":1}",
            "{\"pong\":01}",
            "{\"pong\":+1}",
            "{\"pong\":1,}",
            "{'pong':1}",
            "{\"pong\":1}{\"pong\":1}",
            "{\"PING\":1}",
            "{\"pong\":\"\\ud800\"}",
        ] {
            is_data(id, form);
        }
        is_data(id, &"[".repeat(100_000));
        is_data(id, &"{\"pong\":".repeat(60));
    }
}

#[test]
fn a_message_over_its_limit_is_data_without_being_parsed() {
    for id in HTX {
        let limit = dialect(id).heartbeat_bytes_max();
        assert_eq!(limit, 512);
        let padded = |len: usize| format!("{{\"pong\":7{}}}", " ".repeat(len - 10));
        assert_eq!(server(id, &padded(512)), "answer 7");
        is_data(id, &padded(513));
    }
}

#[test]
fn binary_frames_that_a_server_receives_are_data() {
    for id in HTX {
        let mut frame = Vec::new();
        write_gzip(b"{\"pong\":7}", &mut frame);
        for bytes in [&b"{\"pong\":7}"[..], &frame, b"\x1f\x8bbroken", b""] {
            let mut decoder = Decoder::default();
            let message = Message::Binary(bytes);
            assert_eq!(dialect(id).decode(Role::Server, message, NOW, &mut decoder), Heard::Data(message));
        }
    }
}

#[test]
fn a_client_that_asks_gets_its_integer_back_as_written() {
    for id in HTX {
        for n in ["1492420473027", "0", "-5", "9007199254740993", "123456789012345678901234567890"] {
            let said = server(id, &format!("{{\"ping\":{n}}}"));
            assert!(said.ends_with(&format!("-> gzip {{\"pong\":{n}}}")), "{said}");
        }
        let error = r#"reply gzip {"ts":1492420473027,"status":"error","err-code":"bad-request","err-msg":"invalid ping"}"#;
        for n in ["\"1492420473027\"", "\"x\"", "1.5", "1e3", "null", "true", "{}", "[1]"] {
            assert_eq!(server(id, &format!("{{\"ping\":{n}}}")), error, "{n}");
        }
    }
    for id in ["htx-spot-v2", "htx-contract-order"] {
        is_data(id, "{\"ping\":1}");
    }
}

#[test]
fn an_object_with_both_keys_is_an_answer() {
    for id in HTX {
        assert_eq!(server(id, r#"{"ping":5,"pong":6}"#), "answer 6");
        is_data(id, r#"{"ping":5,"pong":null}"#);
    }
}

#[test]
fn a_client_answers_with_the_same_token_to_the_letter() {
    for id in HTX {
        for token in [
            "1492420473027",
            "0",
            "9007199254740993",
            "18446744073709551616",
            "123456789012345678901234567890",
            "\"1492420473027\"",
            "\"abc\"",
            "\"\\u0041\\\"\"",
            "-7",
        ] {
            let said = client(id, &format!("{{ \"ping\" : {token} }}"));
            assert!(said.ends_with(&format!("-> {{\"pong\":{token}}}")), "{said}");
        }
        assert_eq!(client(id, r#"{"ping":1492420473027}"#), r#"heartbeat 1492420473027 -> {"pong":1492420473027}"#);
        for other in ["1.0", "1e3", "null", "true", "[1]", "{}"] {
            let form = format!("{{\"ping\":{other}}}");
            assert_eq!(client(id, &form), format!("data {form}"));
        }
    }
    let said = client("htx-contract-order", r#"{"op":"ping","ts":"1492420473027"}"#);
    assert_eq!(said, r#"heartbeat 1492420473027 -> {"op":"pong","ts":"1492420473027"}"#);
}

#[test]
fn data_comes_inflated() {
    let tick = r#"{"ch":"market.btcusdt.kline.1min","tick":{"close":1.5}}"#;
    assert_eq!(client("htx-spot-v1", tick), format!("data {tick}"));
    let long = format!("{{\"data\":\"{}\"}}", "x".repeat(20_000));
    assert_eq!(client("htx-spot-v1", &long), format!("data {long}"));
}

#[test]
fn plain_json_in_a_binary_frame_is_accepted_unless_the_dialect_says_no() {
    let plain = Message::Binary(br#"{"ping":7}"#);
    assert_eq!(heard("htx-spot-v1", Role::Client, plain), r#"heartbeat 7 -> {"pong":7}"#);
    assert_eq!(heard("htx-spot-v1", Role::Client, Message::Binary(b"\xff\xfe")), "data binary \u{fffd}\u{fffd}");
    let strict = dialect("htx-spot-v1").to_toml().replace("codec = ", "plain_binary = false\ncodec = ");
    let strict = Dialect::load(&strict).unwrap();
    let mut decoder = Decoder::default();
    assert_eq!(strict[0].decode(Role::Client, plain, NOW, &mut decoder), Heard::Data(plain));
}

#[test]
fn what_begins_as_gzip_and_is_not_is_malformed_to_a_client() {
    let mut frame = Vec::new();
    write_gzip(br#"{"ping":7}"#, &mut frame);
    for len in 2..frame.len() {
        assert_eq!(heard("htx-spot-v1", Role::Client, Message::Binary(&frame[..len])), "malformed", "cut at {len}");
    }
    assert_eq!(heard("htx-spot-v1", Role::Client, Message::Binary(&[&frame[..], &frame].concat())), "malformed");
    assert_eq!(heard("htx-spot-v1", Role::Client, Message::Binary(&[&frame[..], b"x"].concat())), "malformed");
}

#[test]
fn a_bomb_is_too_big() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&vec![b' '; 2 << 20]).unwrap();
    assert_eq!(heard("htx-spot-v1", Role::Client, Message::Binary(&encoder.finish().unwrap())), "too big");
}

#[test]
fn a_decoder_serves_one_connection_after_the_other() {
    let mut decoder = Decoder::default();
    let mut frame = Vec::new();
    write_gzip(br#"{"ping":7}"#, &mut frame);
    for _ in 0..3 {
        let broken = dialect("htx-spot-v1").decode(Role::Client, Message::Binary(&frame[..20]), NOW, &mut decoder);
        assert_eq!(broken, Heard::Malformed);
        let whole = dialect("htx-spot-v1").decode(Role::Client, Message::Binary(&frame), NOW, &mut decoder);
        let answer = Some(Message::Text(r#"{"pong":7}"#));
        assert_eq!(whole, Heard::Heartbeat { token: Token(7), answer });
    }
}

/// The HTX heartbeat in another wrapping.
fn wrapped(codec: &str) -> Dialect {
    let toml = dialect("htx-spot-v1").to_toml().replace("codec = \"gzip\"", codec);
    Dialect::load(&toml).unwrap().remove(0)
}

#[test]
fn deflate_and_plain_binary_are_wrappings_like_gzip() {
    let (mut encoder, mut decoder, mut back) = (Encoder::default(), Decoder::default(), Decoder::default());
    let deflate = wrapped("codec = \"deflate\"");
    let heartbeat = deflate.heartbeat(Token(7), &mut encoder);
    assert!(matches!(heartbeat, Message::Binary([0x78, ..])));
    let said = words(deflate.decode(Role::Client, heartbeat, NOW, &mut decoder));
    assert_eq!(said, r#"heartbeat 7 -> {"pong":7}"#);
    let plain = Message::Binary(br#"{"ping":8}"#);
    assert_eq!(words(deflate.decode(Role::Client, plain, NOW, &mut decoder)), r#"heartbeat 8 -> {"pong":8}"#);
    assert_eq!(deflate.decode(Role::Client, Message::Binary(b"junk"), NOW, &mut decoder), Heard::Malformed);

    let identity = wrapped("codec = \"identity\"");
    let heartbeat = identity.heartbeat(Token(7), &mut encoder);
    assert_eq!(heartbeat, Message::Binary(br#"{"ping":7}"#));
    let Heard::Heartbeat { answer: Some(answer), .. } = identity.decode(Role::Client, heartbeat, NOW, &mut decoder) else {
        panic!("a heartbeat");
    };
    assert_eq!(answer, Message::Binary(br#"{"pong":7}"#), "binary both ways where nothing is compressed");
    assert_eq!(identity.decode(Role::Server, answer, NOW, &mut back), Heard::Answer(Token(7)));
}

#[test]
fn text_where_binary_is_due_is_read_unless_the_dialect_says_no_and_text_where_text_is_due_always() {
    let (ping, pong) = (r#"{"ping":7}"#, r#"{"pong":7}"#);
    assert_eq!(heard("htx-spot-v1", Role::Client, Message::Text(ping)), r#"heartbeat 7 -> {"pong":7}"#);
    let strict = dialect("htx-spot-v1").to_toml().replace("codec = ", "plain_binary = false\ncodec = ");
    let strict = Dialect::load(&strict).unwrap().remove(0);
    let mut decoder = Decoder::default();
    assert_eq!(strict.decode(Role::Client, Message::Text(ping), NOW, &mut decoder), Heard::Data(Message::Text(ping)));
    assert_eq!(strict.decode(Role::Server, Message::Text(pong), NOW, &mut decoder), Heard::Answer(Token(7)));
}

#[test]
fn an_encoder_serves_both_sides_of_a_dialect_in_turn() {
    let both = dialect("htx-contract-market");
    let mut encoder = Encoder::default();
    let mut packed = Vec::new();
    write_gzip(br#"{"ping":7}"#, &mut packed);
    for _ in 0..2 {
        assert_eq!(both.heartbeat_from(Role::Client, Token(7), &mut encoder), Message::Text(r#"{"ping":7}"#));
        assert_eq!(both.heartbeat_from(Role::Server, Token(7), &mut encoder), Message::Binary(&packed));
    }
}

#[test]
fn numbers_of_every_form_may_stand_beside_a_heartbeat() {
    for number in ["-1", "-0.5", "1e5", "-2E-7", "0"] {
        assert_eq!(client("htx-spot-v1", &format!("{{\"x\":{number},\"ping\":7}}")), r#"heartbeat 7 -> {"pong":7}"#, "{number}");
    }
}
