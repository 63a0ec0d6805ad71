//! A dialect file that cannot be is refused with the dialect, the field, the value, the limit and the line.

use wsbeat_core::dialect::Dialect;

/// A whole dialect of a user's own, a field a line.
const OWN: &str = r#"[[dialect]]
id = "own"
source = "the manual of ours"
status = "unverified"
unverified = ["death"]
initiator = "server"
client_asks = true
layer = "binary"
codec = "gzip"
plain_binary = false
ping = '{"ask":$t}'
pong = '{"reply":$t}'
token = "ms-int"
match = "window(3)"
unsolicited = "counts"
invalid = '{"wrong":$now}'
interval = "7s"
timing = "after-idle"
cadence = "together"
first = "interval"
death = "misses(3, after)"
counts = "queued"
evidence = "messages"
close = 4001
max_lifetime = "1h"
subprotocol = "own.v1"
heartbeat_bytes_max = 100
inflated_bytes_max = 2048
recognise = { ping = [{ "/ask" = "$t" }], pong = [{ "/reply" = "$t" }] }
negotiated = { message = { "/type" = "hello" }, interval = "/every", timeout = "/patience", unit = "s", margin = 2 }
hello = { server = '{"type":"hello","every":$interval_s}', client = "hi" }
replies = [{ when = { "/join" = "$t" }, capture = { room = "/join" }, send = '{"joined":$room}' }]
"#;

fn with(field: &str, value: &str) -> String {
    let begins = format!("{field} = ");
    let lines: Vec<String> =
        OWN.lines().map(|line| if line.starts_with(&begins) { format!("{begins}{value}") } else { line.to_string() }).collect();
    lines.join("\n")
}

#[test]
fn every_field_can_be_set_by_a_user() {
    let own = Dialect::load(OWN).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(own.len(), 1);
    assert_eq!(Dialect::load(&own[0].to_toml()).unwrap(), own);
    let fields = OWN.lines().filter(|l| l.contains(" = ")).count();
    let documented = Dialect::presets_toml().lines().take_while(|l| l.starts_with('#') || l.is_empty());
    let described: String = documented.collect::<Vec<_>>().join("\n");
    for line in OWN.lines().skip(1) {
        let field = line.split(' ').next().unwrap();
        assert!(described.contains(field), "{field} is described");
    }
    assert_eq!(fields, 31, "a new field belongs in this test");
}

#[test]
fn every_field_that_is_wrong_is_named_with_its_value_its_limit_and_its_line() {
    for (field, value) in [
        ("id", "\"\""),
        ("id", "\"Own\""),
        ("id", "\"none\""),
        ("id", "7"),
        ("source", "\" \""),
        ("status", "\"maybe\""),
        ("status", "\"verified\""),
        ("unverified", "\"death\""),
        ("initiator", "\"nobody\""),
        ("initiator", "\"client\""),
        ("client_asks", "\"yes\""),
        ("layer", "\"paper\""),
        ("layer", "\"text\""),
        ("codec", "\"brotli\""),
        ("plain_binary", "1"),
        ("ping", "''"),
        ("ping", "'{\"ask\":$x}'"),
        ("ping", "'{\"ask\":1}'"),
        ("pong", "'{\"reply\":$interval}'"),
        ("token", "\"uuid\""),
        ("token", "\"none\""),
        ("match", "\"window(5)\""),
        ("match", "\"window(0)\""),
        ("match", "\"closest\""),
        ("unsolicited", "\"panic\""),
        ("invalid", "'$nothing'"),
        ("interval", "5"),
        ("interval", "\"5\""),
        ("interval", "\"0s\""),
        ("interval", "\"-1s\""),
        ("interval", "\"1us\""),
        ("interval", "\"40000days\""),
        ("timing", "\"later\""),
        ("cadence", "\"alone\""),
        ("first", "\"never\""),
        ("first", "{ after = { } }"),
        ("first", "{ before = \"x\" }"),
        ("death", "\"misses(0, before)\""),
        ("death", "\"misses(256, before)\""),
        ("death", "\"misses(2)\""),
        ("death", "\"misses(2, during)\""),
        ("death", "\"timeout(5)\""),
        ("death", "\"idle(0s)\""),
        ("death", "\"old age\""),
        ("counts", "\"seen\""),
        ("evidence", "\"tea leaves\""),
        ("close", "1005"),
        ("close", "-1"),
        ("close", "70000"),
        ("close", "\"never\""),
        ("max_lifetime", "\"forever\""),
        ("subprotocol", "\"a b\""),
        ("heartbeat_bytes_max", "0"),
        ("heartbeat_bytes_max", "65537"),
        ("inflated_bytes_max", "1023"),
        ("inflated_bytes_max", "67108865"),
        ("recognise", "{ ping = [{ ask = \"$t\" }] }"),
        ("recognise", "{ ping = [{ \"/ask\" = 1.5 }] }"),
        ("recognise", "{ ping = [{ \"/a\" = \"$t\", \"/b\" = \"$t\" }] }"),
        ("recognise", "{ pang = [] }"),
        ("negotiated", "{ interval = \"/every\" }"),
        ("negotiated", "{ message = \"x\", interval = \"every\" }"),
        ("negotiated", "{ message = \"x\", unit = \"h\" }"),
        ("negotiated", "{ message = \"x\", margin = 11 }"),
        ("negotiated", "{ message = \"x\", header = \"h\", interval = \"/every\" }"),
        ("hello", "{ server = '{\"now\":$now}' }"),
        ("hello", "{ both = \"x\" }"),
        ("replies", "[{ when = \"x\", send = \"$room\" }]"),
        ("replies", "[{ when = \"x\", send = \"$t\" }]"),
        ("replies", "[{ when = \"x\" }]"),
        ("replies", "[{ when = \"x\", capture = { a = \"/a\", b = \"/b\", c = \"/c\", d = \"/d\", e = \"/e\" }, send = \"y\" }]"),
    ] {
        let text = with(field, value);
        let e = Dialect::load(&text).expect_err(&format!("{field} = {value}"));
        let line = 1 + text.lines().position(|l| l.starts_with(&format!("{field} = "))).unwrap();
        // Two fields that do not go together: the error may name either.
        let either = matches!(
            (field, value),
            ("status", "\"verified\"") | ("initiator", "\"client\"") | ("layer", "\"text\"") | ("ping", "'{\"ask\":1}'")
        );
        if !either {
            assert_eq!(e.field.split('.').next(), Some(field), "{field} = {value}: {e}");
            assert_eq!(e.line, Some(line), "{e}");
        }
        assert!(e.line.is_some(), "{e}");
        assert!(!e.value.is_empty() && !e.limit.is_empty(), "{field} = {value}: {e:?}");
        assert!(field == "id" || e.dialect == "own", "{e:?}");
        assert!(e.to_string().contains(&e.field) && e.to_string().contains(&e.limit), "{e}");
    }
}

#[test]
fn a_field_that_is_missing_is_named() {
    for field in ["id", "source", "status", "initiator", "layer", "interval", "death", "ping", "pong"] {
        let text: Vec<&str> = OWN.lines().filter(|l| !l.starts_with(&format!("{field} = "))).collect();
        let e = Dialect::load(&text.join("\n")).expect_err(field);
        assert!(e.to_string().contains(field), "{field}: {e}");
    }
}

#[test]
fn an_unknown_field_is_named_with_its_line() {
    let e = Dialect::load(&format!("{OWN}intervall = \"5s\"\n")).unwrap_err();
    assert_eq!((e.dialect.as_str(), e.field.as_str(), e.line), ("own", "intervall", Some(33)));
    assert!(e.to_string().contains("intervall"), "{e}");
}

#[test]
fn an_id_stands_once_in_a_file() {
    let e = Dialect::load(&format!("{OWN}{OWN}")).unwrap_err();
    assert_eq!((e.field.as_str(), e.value.as_str(), e.line), ("id", "own", Some(34)));
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let e = Dialect::load("[[dialect]]\nid = \n").unwrap_err();
    assert_eq!(e.line, Some(2), "{e}");
    assert!(Dialect::load("").is_err());
    assert!(Dialect::load("x = 1").is_err());
    assert!(Dialect::load(&"#".repeat(2 << 20)).is_err());
}
