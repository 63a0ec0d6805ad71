//! Fields that do not go together are refused by name, and what a dialect says of itself is what its file says.

use wsbeat_core::dialect::{Codec, Decoder, Dialect, Heard, Initiator, Layer, Message, Role};
use wsbeat_core::event::Token;

const CONTROL: &str = r#"[[dialect]]
id = "control"
source = "the manual"
status = "verified"
initiator = "server"
layer = "control"
interval = "20s"
death = "timeout(20s)"
"#;

const MESSAGES: &str = r#"[[dialect]]
id = "messages"
source = "the manual"
status = "verified"
initiator = "server"
layer = "text"
ping = '{"ping":$t}'
pong = '{"pong":$t}'
token = "counter-id"
interval = "20s"
death = "timeout(20s)"
"#;

/// `base` with these lines instead of those of the same fields, or behind them.
fn with(base: &str, lines: &str) -> String {
    let key = |line: &str| line.split(" = ").next().unwrap_or_default().to_string();
    let given: Vec<String> = lines.lines().map(key).collect();
    let kept: Vec<&str> = base.lines().filter(|line| !given.contains(&key(line))).collect();
    format!("{}\n{lines}\n", kept.join("\n"))
}

fn refused(base: &str, lines: &str) -> String {
    Dialect::load(&with(base, lines)).expect_err(lines).to_string()
}

fn loaded(base: &str, lines: &str) -> Dialect {
    Dialect::load(&with(base, lines)).unwrap_or_else(|e| panic!("{lines}: {e}")).remove(0)
}

#[test]
fn a_token_in_two_places_is_told_as_only_one_could_be_recognised() {
    let told = refused(MESSAGES, "ping = '{\"a\":$t,\"b\":$t}'");
    assert!(told.ends_with("a JSON object with $t in one place, or recognise for it"), "{told}");
}

#[test]
fn what_control_frames_cannot_do_is_told() {
    for (lines, field) in [
        ("initiator = \"client\"", "initiator = client"),
        ("ping = 'x'", "ping = x"),
        ("pong = 'x'", "pong = x"),
        ("unsolicited = \"error\"", "unsolicited = error"),
        ("client_asks = true", "client_asks = true"),
        ("codec = \"gzip\"", "codec = gzip"),
    ] {
        let told = refused(CONTROL, lines);
        assert!(told.contains(&format!("dialect control: {field}: ")), "{told}");
    }
    loaded(CONTROL, "unsolicited = \"counts\"");
}

#[test]
fn what_messages_cannot_do_is_told() {
    let when = |n: usize| vec![r#"{ when = "x", send = "y" }"#; n].join(", ");
    let too_many = format!("replies = [{}]", when(33));
    for (lines, field) in [
        ("duplex = true", "duplex = true"),
        ("initiator = \"client\"\nclient_asks = true", "client_asks = true"),
        ("initiator = \"one-way\"", "pong = {\"pong\":$t}"),
        ("codec = \"deflate\"", "codec = deflate"),
        ("token = \"counter-id\"\nmatch = \"newest\"\npong = '{\"ok\":1}'", "match = newest"),
        ("ping = 'ping'\npong = 'pong'\ntoken = \"none\"\nmatch = \"exact\"", "match = exact"),
        ("negotiated = { message = 'x', request = ['y'], interval = '/every' }", "negotiated.request = given"),
        ("negotiated = { message = 'x', header = '' }", "negotiated.header = "),
        ("negotiated = { message = 'x', header = 'h', timeout = '/t' }", "negotiated.header = h"),
        ("negotiated = { interval = '/every' }", "negotiated.message = absent"),
        ("negotiated = { message = { '/x' = 1.5 }, interval = '/every' }", "negotiated.message = /x = 1.5"),
        ("negotiated = { message = 'x', header = 'h', request = [{ '/y' = 1.5 }] }", "negotiated.request = /y = 1.5"),
        ("negotiated = { message = 'x', unit = 'h' }", "negotiated.unit = h"),
        ("negotiated = { message = 'x', margin = 0 }", "negotiated.margin = 0"),
        ("first = { after = { '/x' = 1.5 } }", "first.after = /x = 1.5"),
        ("close = 70000", "close = 70000"),
        (&too_many, "replies = 33"),
        ("id = \"auto\"", "id = auto"),
        (&format!("source = \"{}\"", "s".repeat(513)), "source = s"),
        (&format!("id = \"{}\"", "i".repeat(65)), "id = i"),
        ("subprotocol = \"\"", "subprotocol"),
        (&format!("subprotocol = \"{}\"", "p".repeat(65)), "subprotocol = p"),
    ] {
        let told = refused(MESSAGES, lines);
        assert!(told.contains(field), "{lines}: {told}");
    }
    loaded(MESSAGES, &format!("replies = [{}]", when(32)));
    loaded(MESSAGES, &format!("source = \"{}\"", "s".repeat(512)));
    loaded(MESSAGES, &format!("subprotocol = \"{}\"", "p".repeat(64)));
    loaded(MESSAGES, "match = \"newest\"");
}

#[test]
fn a_pointer_has_a_limit_and_its_parts_a_form() {
    let long = |segments: usize| {
        format!("recognise = {{ ping = [{{ \"{}\" = \"$t\" }}], pong = [{{ \"/pong\" = \"$t\" }}] }}", "/a".repeat(segments))
    };
    loaded(MESSAGES, &long(8));
    assert!(refused(MESSAGES, &long(9)).contains("a pointer has at most 8 segments"), "{}", refused(MESSAGES, &long(9)));
}

#[test]
fn a_dialect_tells_what_its_file_says() {
    for (lines, death) in
        [("death = \"none\"", "none"), ("death = \"idle(30s)\"", "idle(30s)"), ("death = \"misses(2, after)\"", "misses(2, after)")]
    {
        assert_eq!(loaded(MESSAGES, lines).death(), death);
    }
    assert!(!loaded(MESSAGES, "").client_waits());
    assert!(loaded(MESSAGES, "first = { after = { \"/type\" = \"welcome\" } }").client_waits());
    let initiators = [Initiator::Server, Initiator::Client, Initiator::Both, Initiator::OneWay].map(Initiator::name);
    assert_eq!(initiators, ["server", "client", "both", "one-way"]);
    assert_eq!([Layer::Control, Layer::Text, Layer::Binary].map(Layer::name), ["control", "text", "binary"]);
    assert_eq!([Codec::Identity, Codec::Gzip, Codec::Deflate].map(Codec::name), ["identity", "gzip", "deflate"]);
}

#[test]
fn a_heartbeat_is_known_by_all_that_its_template_says() {
    let own = loaded(MESSAGES, "ping = '{\"a\":[\"x\",$t,true,7],\"b\":null}'");
    let hears = |text: &str| {
        let mut decoder = Decoder::default();
        matches!(own.decode(Role::Client, Message::Text(text), 0, &mut decoder), Heard::Heartbeat { token: Token(5), .. })
    };
    assert!(hears(r#"{"a":["x",5,true,7],"b":null}"#));
    assert!(hears(r#"{"a":["x",5,true,7]}"#), "null says nothing");
    for other in
        [r#"{"a":["y",5,true,7]}"#, r#"{"a":["x",5,false,7]}"#, r#"{"a":["x",5,true,8]}"#, r#"{"a":["x",5,true]}"#, r#"{"a":{"1":5}}"#]
    {
        assert!(!hears(other), "{other}");
    }
}

#[test]
fn a_limit_can_be_used_up_and_not_passed() {
    loaded(MESSAGES, &format!("id = \"{}\"", "a".repeat(64)));
    assert!(refused(MESSAGES, &format!("id = \"{}\"", "a".repeat(65))).contains("1 to 64 of"));
    loaded(MESSAGES, &format!("source = \"{}\"", "a".repeat(512)));
    assert!(refused(MESSAGES, &format!("source = \"{}\"", "a".repeat(513))).contains("1 to 512 bytes"));
    let capture = |n: u8| {
        let names: Vec<String> = (0..n).map(|k| format!("n{k} = \"/n{k}\"")).collect();
        format!("replies = [{{ when = {{ \"/a\" = \"b\" }}, capture = {{ {} }}, send = \"y\" }}]", names.join(", "))
    };
    loaded(MESSAGES, &capture(4));
    assert!(refused(MESSAGES, &capture(5)).contains("replies.capture = 5: at most 4"));
    let filled = |len: usize| format!("{MESSAGES}{}\n", "#".repeat(len - MESSAGES.len() - 1));
    assert!(Dialect::load(&filled(1 << 20)).is_ok());
    assert_eq!(Dialect::load(&filled((1 << 20) + 1)).unwrap_err().limit, "a dialect file has at most 1 MiB");
}

#[test]
fn what_is_refused_is_shown_as_it_was_written_with_all_that_would_do() {
    let told = refused(MESSAGES, "interval = \"100us\"");
    assert!(told.contains("interval = 100us: at least 1ms"), "{told}");
    let told = refused(MESSAGES, "match = \"closest\"");
    assert!(told.contains("match = closest: one of any, newest, exact, window(N)"), "{told}");
}

#[test]
fn what_is_wrong_in_the_second_dialect_is_told_of_the_second() {
    let e = Dialect::load(&format!("{MESSAGES}{CONTROL}interval_s = 4\n")).unwrap_err();
    assert_eq!((e.dialect.as_str(), e.field.as_str()), ("control", "interval_s"), "{e}");
}

#[test]
fn dialects_are_equal_where_all_that_they_say_is() {
    assert_eq!(loaded(MESSAGES, ""), loaded(MESSAGES, ""));
    assert_ne!(loaded(MESSAGES, ""), loaded(MESSAGES, "interval = \"21s\""));
    assert!(loaded(MESSAGES, "").may_ask(Role::Server) && !loaded(MESSAGES, "").may_ask(Role::Client));
}

#[test]
fn a_template_may_be_as_long_as_the_limit_and_a_form_may_name_a_number() {
    let long = |len: usize| format!("replies = [{{ when = \"x\", send = \"{}\" }}]", "y".repeat(len));
    loaded(MESSAGES, &long(4_096));
    assert!(refused(MESSAGES, &long(4_097)).contains("1 to 4096 bytes"));
    let own = loaded(MESSAGES, "recognise = { ping = [{ \"/op\" = 9, \"/ping\" = \"$t\" }] }");
    let mut decoder = Decoder::default();
    assert!(matches!(own.decode(Role::Client, Message::Text(r#"{"op":9,"ping":1}"#), 0, &mut decoder), Heard::Heartbeat { .. }));
    assert!(matches!(own.decode(Role::Client, Message::Text(r#"{"op":8,"ping":1}"#), 0, &mut decoder), Heard::Data(_)));
    let told = refused(MESSAGES, "first = \"never\"");
    assert!(told.contains("one of jitter, interval, { after = message }"), "{told}");
}

#[test]
fn an_answer_without_its_token_is_one_where_any_will_do() {
    let pong = "recognise = { pong = [{ \"/op\" = \"pong\", \"/id\" = \"$t\" }] }";
    let hears = |matching: &str, text: &str| {
        let mut decoder = Decoder::default();
        let own = loaded(MESSAGES, &format!("{pong}\nmatch = \"{matching}\""));
        match own.decode(Role::Server, Message::Text(text), 0, &mut decoder) {
            Heard::Answer(token) => Some(token.0),
            _ => None,
        }
    };
    let (with, without) = (r#"{"op":"pong","id":5}"#, r#"{"op":"pong"}"#);
    assert_eq!((hears("exact", with), hears("exact", without)), (Some(5), None));
    assert_eq!((hears("any", with), hears("any", without)), (Some(5), Some(0)));
}

#[test]
fn forms_of_other_prefixes_are_looked_for_behind_their_own() {
    let forms = "recognise = { pong = [{ prefix = \"a:\", \"/p\" = \"$t\" }, { prefix = \"a:b:\", \"/p\" = \"$t\" }] }";
    let own = loaded(MESSAGES, forms);
    let mut decoder = Decoder::default();
    assert_eq!(own.decode(Role::Server, Message::Text(r#"a:b:{"p":5}"#), 0, &mut decoder), Heard::Answer(Token(5)));
    assert_eq!(own.decode(Role::Server, Message::Text(r#"a:{"p":6}"#), 0, &mut decoder), Heard::Answer(Token(6)));
}
