//! Every embedded dialect loads, says what the exchange's page says, and understands itself in both roles.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use wsbeat_core::dialect::{Decoder, Dialect, Encoder, Heard, Layer, Message, Role};
use wsbeat_core::event::Token;

const NOW: u64 = 1_600_000_000_000;

const IDS: [&str; 21] = [
    "blog",
    "htx-spot-v1",
    "htx-spot-v2",
    "htx-contract-market",
    "htx-contract-order",
    "binance-spot",
    "binance-usdm",
    "okx",
    "bybit-v5",
    "kucoin",
    "deribit",
    "kraken-v2",
    "coinbase",
    "mexc-futures",
    "cryptocom",
    "engineio-4",
    "phoenix",
    "graphql-ws",
    "centrifugo",
    "signalr",
    "stomp-1.2",
];

fn dialect(id: &str) -> &'static Dialect {
    Dialect::preset(id).unwrap()
}

#[test]
fn the_table_is_embedded_row_by_row() {
    let loaded = Dialect::load(Dialect::presets_toml()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded, Dialect::presets());
    let ids: Vec<&str> = loaded.iter().map(Dialect::id).collect();
    assert_eq!(ids, IDS);
}

#[test]
fn a_dialect_shown_is_a_dialect_that_loads() {
    for d in Dialect::presets() {
        let shown = d.to_toml();
        let again = Dialect::load(&shown).unwrap_or_else(|e| panic!("{}: {e}\n{shown}", d.id()));
        assert_eq!(again, std::slice::from_ref(d));
        assert_eq!(again[0].to_toml(), shown);
    }
}

#[test]
fn every_dialect_names_its_source_and_what_is_unverified() {
    let unverified: Vec<&str> = Dialect::presets().iter().filter(|d| !d.is_verified()).map(Dialect::id).collect();
    assert_eq!(unverified, ["htx-spot-v2", "bybit-v5", "cryptocom", "signalr"]);
    for d in Dialect::presets() {
        assert!(d.source().len() > 20, "{}", d.id());
        assert_eq!(d.is_verified(), d.unverified().next().is_none(), "{}", d.id());
    }
}

#[test]
fn every_dialect_understands_its_own_heartbeat_in_both_roles() {
    let (mut encoder, mut decoder, mut back) = (Encoder::default(), Decoder::default(), Decoder::default());
    for d in Dialect::presets().iter().filter(|d| d.layer() != Layer::Control) {
        for role in [Role::Server, Role::Client].into_iter().filter(|r| d.may_ask(*r)) {
            let token = Token(1_492_420_473_027);
            let heartbeat = d.heartbeat_from(role, token, &mut encoder);
            let Heard::Heartbeat { token: heard, answer } = d.decode(role.other(), heartbeat, NOW, &mut decoder) else {
                panic!("{} from {role:?}: {heartbeat:?}", d.id());
            };
            let has_token = d.to_toml().contains("\ntoken = ");
            assert_eq!(heard, if has_token { token } else { Token(0) }, "{}", d.id());
            let Some(answer) = answer else {
                assert_eq!(d.initiator().name(), "one-way", "{}", d.id());
                continue;
            };
            let matched = d.decode(role, answer, NOW, &mut back);
            // The public answer of mexc-futures bears a time, and no token.
            assert_eq!(matched, Heard::Answer(heard), "{} to {role:?}: {answer:?}", d.id());
        }
    }
}

#[test]
fn heartbeats_are_the_strings_of_the_table() {
    let mut encoder = Encoder::default();
    for (id, wire) in [
        ("htx-spot-v2", r#"{"action":"ping","data":{"ts":7}}"#),
        ("okx", "ping"),
        ("bybit-v5", r#"{"req_id":"7","op":"ping"}"#),
        ("kucoin", r#"{"id":"7","type":"ping"}"#),
        ("deribit", r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#),
        ("kraken-v2", r#"{"channel":"heartbeat"}"#),
        ("mexc-futures", r#"{"method":"ping"}"#),
        ("cryptocom", r#"{"id":7,"method":"public/heartbeat","code":0}"#),
        ("engineio-4", "2"),
        ("phoenix", r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"7"}"#),
        ("graphql-ws", r#"{"type":"ping"}"#),
        ("centrifugo", "{}"),
        ("signalr", "{\"type\":6}\u{1e}"),
        ("stomp-1.2", "\n"),
    ] {
        assert_eq!(dialect(id).heartbeat(Token(7), &mut encoder), Message::Text(wire), "{id}");
    }
    for (id, wire) in [
        ("blog", r#"{"ping":7}"#),
        ("htx-spot-v1", r#"{"ping":7}"#),
        ("htx-contract-market", r#"{"ping":7}"#),
        ("htx-contract-order", r#"{"op":"ping","ts":"7"}"#),
    ] {
        let mut expected = Vec::new();
        wsbeat_core::codec::gzip::write_gzip(wire.as_bytes(), &mut expected);
        assert_eq!(dialect(id).heartbeat(Token(7), &mut encoder), Message::Binary(&expected), "{id}");
    }
    let asked = dialect("htx-spot-v1").heartbeat_from(Role::Client, Token(7), &mut encoder);
    assert_eq!(asked, Message::Text(r#"{"ping":7}"#), "the client's direction is text");
}

/// (dialect, who hears it, the message, the token and the answer)
type Vector = (&'static str, Role, &'static str, u64, Option<&'static str>);

#[test]
fn documented_heartbeats_get_the_documented_answers() {
    use Role::{Client, Server};
    let vectors: [Vector; 19] = [
        (
            "htx-spot-v2",
            Client,
            r#"{"action":"ping","data":{"ts":1575537778295}}"#,
            1575537778295,
            Some(r#"{"action":"pong","data":{"ts":1575537778295}}"#),
        ),
        ("htx-spot-v2", Client, r#"{ "data": { "ts": "15" }, "action": "ping" }"#, 15, Some(r#"{"action":"pong","data":{"ts":"15"}}"#)),
        ("okx", Server, "ping", 0, Some("pong")),
        (
            "bybit-v5",
            Server,
            r#"{"req_id":"100001","op":"ping"}"#,
            100001,
            Some(r#"{"success":true,"ret_msg":"pong","conn_id":"0","req_id":"100001","op":"ping"}"#),
        ),
        ("bybit-v5", Server, r#"{"op":"ping"}"#, 0, Some(r#"{"success":true,"ret_msg":"pong","conn_id":"0","req_id":"","op":"ping"}"#)),
        ("kucoin", Server, r#"{"id":"1545910590801","type":"ping"}"#, 1545910590801, Some(r#"{"id":"1545910590801","type":"pong"}"#)),
        ("kucoin", Server, r#"{"id":1545910590801,"type":"ping"}"#, 1545910590801, Some(r#"{"id":1545910590801,"type":"pong"}"#)),
        (
            "deribit",
            Client,
            r#"{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}"#,
            0,
            Some(r#"{"jsonrpc":"2.0","id":0,"method":"public/test","params":{}}"#),
        ),
        ("kraken-v2", Client, r#"{"channel":"heartbeat"}"#, 0, None),
        (
            "coinbase",
            Client,
            r#"{"channel":"heartbeats","client_id":"","timestamp":"2023-06-23T20:31:26Z","sequence_num":0,"events":[{"current_time":"2023-06-23 20:31:56","heartbeat_counter":"3049"}]}"#,
            3049,
            None,
        ),
        ("mexc-futures", Server, r#"{"method":"ping"}"#, 0, Some(r#"{"channel":"pong","data":1600000000000}"#)),
        (
            "cryptocom",
            Client,
            r#"{"id":1587523073344,"method":"public/heartbeat","code":0}"#,
            1587523073344,
            Some(r#"{"id":1587523073344,"method":"public/respond-heartbeat"}"#),
        ),
        ("engineio-4", Client, "2", 0, Some("3")),
        (
            "phoenix",
            Server,
            r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"12"}"#,
            12,
            Some(r#"{"topic":"phoenix","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"12"}"#),
        ),
        ("graphql-ws", Client, r#"{"type":"ping"}"#, 0, Some(r#"{"type":"pong"}"#)),
        ("graphql-ws", Server, r#"{"type":"ping","payload":{"a":1}}"#, 0, Some(r#"{"type":"pong"}"#)),
        ("centrifugo", Client, "{}", 0, Some("{}")),
        ("signalr", Server, "{\"type\":6}\u{1e}", 0, None),
        ("stomp-1.2", Client, "\n", 0, None),
    ];
    let mut decoder = Decoder::default();
    for (id, role, message, token, answer) in vectors {
        let heard = dialect(id).decode(role, Message::Text(message), NOW, &mut decoder);
        let expected = Heard::Heartbeat { token: Token(token), answer: answer.map(Message::Text) };
        assert_eq!(heard, expected, "{id} {message}");
    }
}

#[test]
fn documented_answers_are_answers() {
    let mut decoder = Decoder::default();
    for (id, role, message, token) in [
        ("okx", Role::Client, "pong", 0),
        ("bybit-v5", Role::Client, r#"{"success":true,"ret_msg":"pong","conn_id":"0970e817","req_id":"","op":"ping"}"#, 0),
        ("bybit-v5", Role::Client, r#"{"req_id":"7","op":"pong","args":["1675418560633"],"conn_id":"cfcb4ocs"}"#, 7),
        ("bybit-v5", Role::Client, r#"{"op":"pong","args":["1675418560633"],"conn_id":"cfcb4ocs"}"#, 0),
        ("kucoin", Role::Client, r#"{"id":"7","type":"pong"}"#, 7),
        ("deribit", Role::Server, r#"{"jsonrpc":"2.0","id":8212,"method":"public/test","params":{}}"#, 0),
        ("mexc-futures", Role::Client, r#"{"channel":"pong","data":1587453241453}"#, 0),
        ("cryptocom", Role::Server, r#"{"id":1587523073344,"method":"public/respond-heartbeat"}"#, 1587523073344),
        ("engineio-4", Role::Server, "3", 0),
        ("phoenix", Role::Client, r#"{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"7","topic":"phoenix"}"#, 7),
        ("graphql-ws", Role::Client, r#"{"type":"pong"}"#, 0),
        ("centrifugo", Role::Server, "{}", 0),
        ("htx-spot-v2", Role::Server, r#"{"action":"pong","data":{"ts":1575537778295}}"#, 1575537778295),
    ] {
        let heard = dialect(id).decode(role, Message::Text(message), NOW, &mut decoder);
        assert_eq!(heard, Heard::Answer(Token(token)), "{id} {message}");
    }
}

#[test]
fn what_only_looks_like_a_heartbeat_is_data() {
    let mut decoder = Decoder::default();
    for (id, role, message) in [
        ("okx", Role::Server, "ping "),
        ("okx", Role::Server, "pong"),
        ("okx", Role::Server, r#"{"op":"ping"}"#),
        ("kucoin", Role::Server, r#"{"type":"ping"}"#),
        ("kucoin", Role::Client, r#"{"id":"x","type":"pong"}"#),
        ("engineio-4", Role::Client, "2probe"),
        ("engineio-4", Role::Server, "42[\"chat\"]"),
        ("centrifugo", Role::Client, "{ }"),
        ("deribit", Role::Client, r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}"#),
        ("kraken-v2", Role::Server, r#"{"channel":"heartbeat"}"#),
        ("signalr", Role::Client, "{\"type\":6}"),
        ("cryptocom", Role::Client, r#"{"method":"public/heartbeat","code":0}"#),
        ("phoenix", Role::Server, r#"{"topic":"room","event":"heartbeat","payload":{},"ref":"12"}"#),
        ("binance-spot", Role::Client, r#"{"ping":1}"#),
        ("htx-spot-v2", Role::Client, r#"{"action":"ping","data":{"ts":1,"ts":1}}"#),
    ] {
        let heard = dialect(id).decode(role, Message::Text(message), NOW, &mut decoder);
        assert_eq!(heard, Heard::Data(Message::Text(message)), "{id}");
    }
}

#[test]
fn one_token_is_encoded_once_and_dialects_do_not_mix() {
    let mut encoder = Encoder::default();
    let first = format!("{:?}", dialect("htx-spot-v1").heartbeat(Token(1), &mut encoder));
    assert_eq!(format!("{:?}", dialect("htx-spot-v1").heartbeat(Token(1), &mut encoder)), first);
    assert_ne!(format!("{:?}", dialect("htx-spot-v1").heartbeat(Token(2), &mut encoder)), first);
    let other = dialect("bybit-v5").heartbeat(Token(2), &mut encoder);
    assert_eq!(other, Message::Text(r#"{"req_id":"2","op":"ping"}"#));
    assert_eq!(dialect("okx").heartbeat(Token(2), &mut encoder), Message::Text("ping"));
}
