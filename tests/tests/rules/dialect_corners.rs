//! Fields at their limits, forms that few dialects have, and plans that few ask for.

use std::time::Duration;

use wsbeat_core::codec::json::Members;
use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Negotiated, Role};
use wsbeat_core::policy::{Application, Ask, Death, Policy, PolicyConfig};
use wsbeat_core::time::Span;

const CONTROL: &str = "initiator = \"server\"\nlayer = \"control\"\ninterval = \"20s\"\n";
const MESSAGES: &str = "initiator = \"server\"\nlayer = \"text\"\nping = '{\"ping\":$t}'\npong = '{\"pong\":$t}'\n\
                        token = \"counter-id\"\ninterval = \"20s\"\ndeath = \"timeout(20s)\"\n";

fn load(fields: &str) -> Result<Dialect, String> {
    let head = "[[dialect]]\nid = \"own\"\nsource = \"the manual\"\nstatus = \"verified\"\n";
    Dialect::load(&format!("{head}{fields}")).map(|mut all| all.remove(0)).map_err(|e| e.to_string())
}

fn messages(more: &str) -> Dialect {
    load(&format!("{MESSAGES}{more}\n")).unwrap()
}

fn refused(fields: &str) -> String {
    load(fields).expect_err(fields)
}

/// What the other side hears, as text where it is an answer or a reply.
fn says(dialect: &Dialect, role: Role, text: &str) -> Option<String> {
    let mut decoder = Decoder::default();
    match dialect.decode(role, Message::Text(text), 7, &mut decoder) {
        Heard::Heartbeat { answer: Some(Message::Text(said)), .. } | Heard::Reply(Message::Text(said)) => Some(said.to_string()),
        _ => None,
    }
}

#[test]
fn a_template_with_the_time_in_it_needs_a_form_and_one_that_is_too_long_is_told() {
    let timed = MESSAGES.replace("{\"ping\":$t}", "{\"ping\":$t,\"at\":$now}");
    assert!(refused(&timed).ends_with("a JSON object with $t in one place, or recognise for it"), "{}", refused(&timed));
    load(&format!("{timed}recognise = {{ ping = [{{ \"/ping\" = \"$t\" }}] }}\n")).unwrap();
    let long = |bytes: usize| MESSAGES.replace("{\"ping\":$t}", &format!("{{\"ping\":$t,\"x\":\"{}\"}}", "x".repeat(bytes - 18)));
    assert!(refused(&long(4_097)).ends_with("1 to 4096 bytes"), "{}", refused(&long(4_097)));
    load(&long(4_096)).unwrap();
}

#[test]
fn a_pointer_or_a_reply_that_cannot_be_is_told_by_its_field() {
    let told = refused(&format!("{MESSAGES}negotiated = {{ message = \"x\", interval = \"every\" }}\n"));
    assert!(told.contains("negotiated.interval = every: "), "{told}");
    let told = refused(&format!("{MESSAGES}negotiated = {{ message = \"x\", timeout = \"wait\" }}\n"));
    assert!(told.contains("negotiated.timeout = wait: "), "{told}");
    let told = refused(&format!("{MESSAGES}replies = [{{ when = \"x\", send = \"$nope\" }}]\n"));
    assert!(told.contains("replies.send = $nope: $nope is none of "), "{told}");
}

#[test]
fn a_hello_is_compressed_where_its_direction_is() {
    let fields = MESSAGES.replace("layer = \"text\"", "layer = \"binary\"\ncodec = \"gzip\"");
    let own = load(&format!("{fields}hello = {{ server = \"hi\", client = \"ho\" }}\n")).unwrap();
    assert!(matches!(own.hello(Role::Server), Some(Message::Binary([0x1f, 0x8b, ..]))));
    assert_eq!(own.hello(Role::Client), Some(Message::Text("ho")));
    let mut decoder = Decoder::default();
    let heard = own.decode(Role::Client, own.hello(Role::Server).unwrap(), 0, &mut decoder);
    assert_eq!(heard, Heard::Data(Message::Text("hi")));
}

#[test]
fn an_answer_to_a_heartbeat_without_a_token_has_null_in_its_place() {
    let fields = "match = \"any\"\nrecognise = { ping = [{ \"/ask\" = true }, { \"/ping\" = \"$t\" }] }";
    let own = messages(fields);
    assert_eq!(says(&own, Role::Client, r#"{"ask":true}"#).as_deref(), Some(r#"{"pong":null}"#));
    assert_eq!(says(&own, Role::Client, r#"{"ping":5}"#).as_deref(), Some(r#"{"pong":5}"#));
    let quoted = MESSAGES.replace("{\"pong\":$t}", "{\"pong\":\"$t\"}");
    let quoted = load(&format!("{quoted}{fields}\n")).unwrap();
    assert_eq!(says(&quoted, Role::Client, r#"{"ask":true}"#).as_deref(), Some(r#"{"pong":""}"#));
}

#[test]
fn forms_behind_prefixes_of_different_lengths_are_each_looked_for() {
    let own = messages("recognise = { ping = [{ prefix = \"a\", \"/x\" = \"$t\" }, { prefix = \"ab\", \"/x\" = \"$t\" }] }");
    for (text, is_heartbeat) in [(r#"a{"x":1}"#, true), (r#"ab{"x":1}"#, true), (r#"b{"x":1}"#, false), ("a", false)] {
        assert_eq!(says(&own, Role::Client, text).is_some(), is_heartbeat, "{text}");
    }
}

#[test]
fn a_reply_to_an_exact_message_may_say_what_stands_in_it() {
    let own = messages("replies = [{ when = '{\"op\":\"hi\",\"id\":7}', capture = { id = \"/id\" }, send = '{\"id\":$id}' }]");
    assert_eq!(says(&own, Role::Server, r#"{"op":"hi","id":7}"#).as_deref(), Some(r#"{"id":7}"#));
    assert_eq!(says(&own, Role::Server, r#"{"op":"hi","id":8}"#), None);
}

#[test]
fn a_header_that_is_no_pair_of_numbers_negotiates_no_heartbeats() {
    let stomp = Dialect::preset("stomp-1.2").unwrap();
    let hears = |pair: &str| {
        let mut decoder = Decoder::default();
        let text = format!("CONNECTED\nheart-beat:{pair}\n\n\0");
        match stomp.decode(Role::Client, Message::Text(&text), 0, &mut decoder) {
            Heard::Ready { negotiated, .. } => Some(negotiated),
            _ => None,
        }
    };
    let none = Some(Negotiated { interval: Some(Duration::ZERO), timeout: Some(Duration::ZERO) });
    for pair in ["x,5", "5,x", "5", "", "-1,5"] {
        assert_eq!(hears(pair), none, "{pair}");
    }
    assert_ne!(hears("5000,5000"), none);
}

#[test]
fn a_header_whose_name_only_begins_like_the_one_that_negotiates_is_another() {
    let stomp = Dialect::preset("stomp-1.2").unwrap();
    let mut decoder = Decoder::default();
    let text = "CONNECTED\nheart-beats:1,1\nheart-beat:0,0\n\n\0";
    let heard = stomp.decode(Role::Client, Message::Text(text), 0, &mut decoder);
    let none = Negotiated { interval: Some(Duration::ZERO), timeout: Some(Duration::ZERO) };
    assert!(matches!(heard, Heard::Ready { negotiated, .. } if negotiated == none), "{heard:?}");
}

// Plans.

#[test]
fn pings_may_wait_as_long_as_a_peer_may_idle_or_an_interval_where_nobody_dies() {
    let timeout = |death: &str| {
        let own = load(&format!("{CONTROL}death = \"{death}\"\n")).unwrap();
        own.plan(Role::Server, &PolicyConfig::default()).unwrap().transport.unwrap().timeout
    };
    assert_eq!(
        (timeout("idle(30s)"), timeout("none"), timeout("timeout(9s)")),
        (Span::from_secs(30), Span::from_secs(20), Span::from_secs(9))
    );
}

#[test]
fn a_client_listens_for_pings_only_where_their_absence_is_death() {
    let listens = |death: &str| {
        let own = load(&format!("{CONTROL}death = \"{death}\"\n")).unwrap();
        own.plan(Role::Client, &PolicyConfig::default()).unwrap().application.unwrap().listen.map(|listen| listen.limit)
    };
    assert_eq!((listens("none"), listens("timeout(9s)")), (None, Some(Span::from_secs(29))));
}

#[test]
fn a_plane_that_is_off_stays_off_whatever_is_negotiated() {
    let stomp = Dialect::preset("stomp-1.2").unwrap();
    let offered = |secs| Negotiated { interval: Some(Duration::from_secs(secs)), timeout: None };
    assert_eq!(stomp.agreed(Role::Server, &Policy::strict(), offered(9)), Ok(Policy::strict()));
    let app = Application { ask: None, listen: None, answers_peer: false, feed_timeout: Some(Span::from_secs(3)), close_code: None };
    let mute = Policy { application: Some(app), ..Policy::off() };
    let told = stomp.agreed(Role::Server, &mute, offered(40_000 * 86_400)).unwrap_err().to_string();
    assert_eq!(told, "interval = 3456000000s: at most 36500 days");
    // Who was mute and is asked for heartbeats sends them, and keeps the rest of its settings.
    let agreed = stomp.agreed(Role::Server, &mute, offered(9)).unwrap().application.unwrap();
    assert_eq!((agreed.ask.map(|ask| ask.period), agreed.feed_timeout), (Some(Span::from_secs(9)), Some(Span::from_secs(3))));
    let asking = Application { ask: Some(Ask { jitter_ppm: 5, ..Ask::every(Span::from_secs(1), Death::Never) }), ..app };
    let agreed = stomp.agreed(Role::Server, &Policy { application: Some(asking), ..Policy::off() }, offered(9)).unwrap();
    assert_eq!(agreed.application.and_then(|app| app.ask).map(|ask| (ask.period, ask.jitter_ppm)), Some((Span::from_secs(9), 5)));
}

// JSON.

#[test]
fn a_pointer_to_the_whole_names_no_member_and_a_text_that_ends_in_an_escape_is_no_object() {
    let mut members = Members::default();
    assert_eq!(members.parse(r#"{"a":1}"#).unwrap().get(&[]).map(|raw| raw.text()), None);
    for cut in [r#"{"a\"#, r#"{"a":"\"#, r#"{"a":"\u00"#, r#"{"a":-"#, "{", r#"{"a":1"#, r#"{"a":[1,"#] {
        assert!(Members::default().parse(cut).is_none(), "{cut}");
    }
}

#[test]
fn settings_that_end_too_soon_are_told() {
    let told = serde_json::from_str::<PolicyConfig>("{\"misses\":1,").unwrap_err().to_string();
    assert!(told.starts_with("EOF while parsing"), "{told}");
}
