//! A JSON object is read exactly, every value as it was written, without recursion and without a cast.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use proptest::prelude::*;
use wsbeat_core::codec::json::{DEPTH_MAX, MEMBERS_MAX, Members, Raw};

fn pointer(text: &str) -> Vec<String> {
    text.split('/').skip(1).map(String::from).collect()
}

fn get(text: &str, place: &str) -> Option<String> {
    Members::default().parse(text).and_then(|object| object.get(&pointer(place)).map(|raw| raw.text().to_string()))
}

fn is_object(text: &str) -> bool {
    Members::default().parse(text).is_some()
}

#[test]
fn values_come_as_they_were_written() {
    let text = r#" { "a" : 1.0 , "b":"x\"\u0031" ,"c":{"d":[10,{"e":null}]}, "big":123456789012345678901234567890 } "#;
    for (place, value) in [
        ("/a", "1.0"),
        ("/b", r#""x\"\u0031""#),
        ("/c/d/0", "10"),
        ("/c/d/1/e", "null"),
        ("/c/d", r#"[10,{"e":null}]"#),
        ("/big", "123456789012345678901234567890"),
    ] {
        assert_eq!(get(text, place).as_deref(), Some(value), "{place}");
    }
    for place in ["/x", "/a/x", "/c/d/2", "/c/d/x", "/c/d/1/e/f", "/b/0"] {
        assert_eq!(get(text, place), None, "{place}");
    }
}

#[test]
fn threat_03_what_is_no_single_object_is_refused() {
    for text in [
        "",
        " ",
        "1",
        "\"a\"",
        "[]",
        "[{}]",
        "null",
        "{",
        "}",
        "{]",
        "{}{}",
        "{} x",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":nul}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":NaN}",
        "\u{feff}{}",
        "{}\0",
    ] {
        assert!(!is_object(text), "{text}");
    }
}

#[test]
fn threat_03_a_key_that_stands_twice_is_refused_however_it_is_written() {
    assert!(!is_object(r#"{"ping":1,"ping":1}"#));
    assert!(!is_object(r#"{"ping":1,"\u0070ing":2}"#));
    assert!(!is_object(r#"{"a":1,"b":2,"a":3}"#));
    assert_eq!(get(r#"{"d":{"a":1,"a":2}}"#, "/d/a"), None);
    assert_eq!(get(r#"{"d":{"a":1,"a":2,"b":3}}"#, "/d/b").as_deref(), Some("3"));
}

#[test]
fn keys_and_texts_are_compared_by_what_they_say() {
    assert_eq!(get(r#"{"\u0070ing":7}"#, "/ping").as_deref(), Some("7"));
    assert_eq!(get(r#"{"\ud83d\ude00":7}"#, "/😀").as_deref(), Some("7"));
    assert_eq!(get(r#"{"\ud83d":7}"#, "/😀"), None);
    let mut members = Members::default();
    let object = members.parse(r#"{"op":"p\u006fng"}"#).unwrap();
    assert!(object.get(&pointer("/op")).is_some_and(|raw| raw.says("pong")));
}

#[test]
fn a_key_with_an_escape_is_not_the_key_that_spells_it() {
    let mut members = Members::default();
    let object = members.parse(r#"{"a\\b":1,"a\\\\b":2,"a\\/":3}"#).unwrap();
    let value = |key: &str| object.get(&[key.to_owned()]).map(|raw| raw.text());
    assert_eq!(value(r"a\b"), Some("1"));
    assert_eq!(value(r"a\\b"), Some("2"));
    assert_eq!(value(r"a\/"), Some("3"));
}

#[test]
fn threat_03_nesting_ends_at_its_limit_and_never_recurses() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(is_object(&nested(DEPTH_MAX as usize)));
    assert!(!is_object(&nested(DEPTH_MAX as usize + 1)));
    assert!(!is_object(&nested(100_000)));
    assert!(!is_object(&"[".repeat(100_000)));
    assert!(!is_object(&"{\"a\":".repeat(100_000)));
}

#[test]
fn so_many_members_and_no_more() {
    let with = |n: usize| format!("{{{}}}", (0..n).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(","));
    assert!(is_object(&with(MEMBERS_MAX)));
    assert!(!is_object(&with(MEMBERS_MAX + 1)));
}

fn of(text: &str) -> Raw<'_> {
    let mut members = Members::default();
    members.parse(text).and_then(|o| o.get(&pointer("/a"))).unwrap()
}

#[test]
fn digits_are_equal_as_integer_and_as_string_and_nothing_else_is() {
    for (value, digits) in [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("\"1492420473027\"", Some(1_492_420_473_027)),
        ("18446744073709551616", None),
        ("1.0", None),
        ("1e3", None),
        ("-1", None),
        ("-0", None),
        ("true", None),
        ("null", None),
        ("\"01\"", None),
        ("\"\"", None),
        ("\"+1\"", None),
        ("\" 1\"", None),
        ("[1]", None),
        ("{}", None),
    ] {
        assert_eq!(of(&format!("{{\"a\":{value}}}")).digits(), digits, "{value}");
    }
}

/// Text that is JSON or nearly so.
fn nearly_json() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"b\"",
            "1",
            "-1",
            "0",
            "1.5",
            "1e3",
            "true",
            "null",
            " ",
            "\"\\u0061\"",
            "\"",
            "\\",
            "e",
            ".",
            "-",
            "{\"c\":[1,{}]}",
            "\"d\":",
            "\"f\":",
        ]),
        0..24,
    )
    .prop_map(|parts| format!("{{{}}}", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]
    #[test]
    fn it_accepts_what_serde_json_accepts(text in nearly_json()) {
        let reference: Result<&serde_json::value::RawValue, _> = serde_json::from_str(&text);
        let read = is_object(&text);
        if read {
            prop_assert!(reference.is_ok(), "{text}");
        } else if reference.is_ok() {
            // What only we refuse has a key twice.
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let canonical = serde_json::to_string(&value).unwrap();
            prop_assert!(is_object(&canonical), "{text}");
            prop_assert!(canonical.len() < text.len(), "{text}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = is_object(&text);
    }
}

#[test]
fn a_lone_surrogate_is_one_character_and_what_follows_it_stays() {
    for (written, says) in [
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        (r#""\ud83dx""#, "\u{fffd}x"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ud83d\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\ude00""#, "\u{fffd}"),
        (r#""\udbff\udfff""#, "\u{10ffff}"),
        (r#""\ud800\udc00""#, "\u{10000}"),
        (r#""\b\f\n\r\t\"\\\/""#, "\u{8}\u{c}\n\r\t\"\\/"),
    ] {
        let text = format!("{{\"a\":{written}}}");
        let says_it = |what: &str| Members::default().parse(&text).unwrap().get(&pointer("/a")).unwrap().says(what);
        assert!(says_it(says), "{written} is {says:?}");
        assert!(!says_it(&format!("{says}x")) && !says_it(""), "{written}");
    }
}
