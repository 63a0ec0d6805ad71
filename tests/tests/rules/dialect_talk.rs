//! What a dialect says by itself: hellos, acknowledged subscriptions, and what is negotiated.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::Duration;

use wsbeat_core::codec::gzip::Inflater;
use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Negotiated, Role};
use wsbeat_core::policy::PolicyConfig;

const NOW: u64 = 1_489_474_081_631;

fn dialect(id: &str) -> &'static Dialect {
    Dialect::preset(id).unwrap()
}

/// What a server of this dialect replies to `message`.
fn reply(id: &str, message: &str) -> Option<String> {
    let mut decoder = Decoder::default();
    match dialect(id).decode(Role::Server, Message::Text(message), NOW, &mut decoder) {
        Heard::Reply(Message::Text(text)) | Heard::Agreed { reply: Message::Text(text), .. } => Some(text.to_string()),
        Heard::Reply(Message::Binary(bytes)) => {
            let mut inflater = Inflater::default();
            Some(String::from_utf8(inflater.gzip(bytes, 1 << 20).unwrap().to_vec()).unwrap())
        }
        Heard::Data(data) => {
            assert_eq!(data, Message::Text(message));
            None
        }
        other => panic!("{id} {message}: {other:?}"),
    }
}

#[test]
fn requests_are_acknowledged_in_the_exchanges_words() {
    for (id, request, expected) in [
        (
            "htx-spot-v1",
            r#"{"sub":"market.btcusdt.kline.1min","id":"id1"}"#,
            r#"{"id":"id1","status":"ok","subbed":"market.btcusdt.kline.1min","ts":1489474081631}"#,
        ),
        (
            "htx-spot-v1",
            r#"{"sub":"market.btcusdt.kline.1min"}"#,
            r#"{"status":"ok","subbed":"market.btcusdt.kline.1min","ts":1489474081631}"#,
        ),
        (
            "htx-spot-v1",
            r#"{"unsub":"market.btcusdt.kline.1min","id":"id4"}"#,
            r#"{"id":"id4","status":"ok","unsubbed":"market.btcusdt.kline.1min","ts":1489474081631}"#,
        ),
        (
            "htx-contract-market",
            r#"{"sub":"market.BTC-USDT.depth.step0","id":5}"#,
            r#"{"id":5,"status":"ok","subbed":"market.BTC-USDT.depth.step0","ts":1489474081631}"#,
        ),
        (
            "htx-spot-v2",
            r#"{"action":"req","ch":"auth","params":{"authType":"api"}}"#,
            r#"{"action":"req","code":200,"ch":"auth","data":{}}"#,
        ),
        ("htx-spot-v2", r#"{"action":"sub","ch":"orders#btcusdt"}"#, r#"{"action":"sub","code":200,"ch":"orders#btcusdt","data":{}}"#),
        (
            "htx-contract-order",
            r#"{"op":"auth","type":"api","Signature":"x"}"#,
            r#"{"op":"auth","type":"api","err-code":0,"ts":1489474081631,"data":{"user-id":"0"}}"#,
        ),
        (
            "htx-contract-order",
            r#"{"op":"sub","cid":"c1","topic":"orders.btc"}"#,
            r#"{"op":"sub","cid":"c1","topic":"orders.btc","err-code":0,"ts":1489474081631}"#,
        ),
        ("binance-spot", r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@depth"],"id":1}"#, r#"{"result":null,"id":1}"#),
        ("binance-usdm", r#"{"method":"UNSUBSCRIBE","params":["btcusdt@depth"],"id":"312"}"#, r#"{"result":null,"id":"312"}"#),
        (
            "okx",
            r#"{"op":"subscribe","args":[{"channel":"tickers","instId":"BTC-USDT"}]}"#,
            r#"{"event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#,
        ),
        ("okx", r#"{"op":"login","args":[{"apiKey":"k"}]}"#, r#"{"event":"login","code":"0","msg":"","connId":"a4d3ae55"}"#),
        (
            "bybit-v5",
            r#"{"req_id":"test","op":"subscribe","args":["orderbook.1.BTCUSDT"]}"#,
            r#"{"success":true,"ret_msg":"","conn_id":"0","req_id":"test","op":"subscribe"}"#,
        ),
        ("bybit-v5", r#"{"op":"auth","args":["k",1,"s"]}"#, r#"{"success":true,"ret_msg":"","op":"auth","conn_id":"0"}"#),
        (
            "kucoin",
            r#"{"id":1545910660739,"type":"subscribe","topic":"/market/ticker:BTC-USDT","privateChannel":false,"response":true}"#,
            r#"{"id":1545910660739,"type":"ack"}"#,
        ),
        (
            "deribit",
            r#"{"jsonrpc":"2.0","id":9098,"method":"public/set_heartbeat","params":{"interval":30}}"#,
            r#"{"jsonrpc":"2.0","id":9098,"result":"ok"}"#,
        ),
        ("graphql-ws", r#"{"type":"connection_init","payload":{}}"#, r#"{"type":"connection_ack"}"#),
        (
            "phoenix",
            r#"{"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}"#,
            r#"{"topic":"room:1","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"1"}"#,
        ),
        ("centrifugo", r#"{"id":1,"connect":{}}"#, r#"{"id":1,"connect":{"client":"wsbeat","version":"wsbeat","ping":25,"pong":true}}"#),
        ("signalr", "{\"protocol\":\"json\",\"version\":1}\u{1e}", "{}\u{1e}"),
        ("engineio-4", "40", r#"40{"sid":"wsbeat"}"#),
        ("stomp-1.2", "CONNECT\naccept-version:1.2\nhost:h\n\n\0", "CONNECTED\nversion:1.2\nheart-beat:10000,10000\n\n\0"),
    ] {
        assert_eq!(reply(id, request).as_deref(), Some(expected), "{id} {request}");
    }
}

#[test]
fn what_asks_for_no_reply_gets_none() {
    for (id, request) in [
        ("kucoin", r#"{"id":1,"type":"subscribe","topic":"/market/ticker:BTC-USDT","response":false}"#),
        ("kucoin", r#"{"id":1,"type":"subscribe","topic":"/market/ticker:BTC-USDT"}"#),
        ("binance-spot", r#"{"method":"SUBSCRIBE","params":[]}"#),
        ("blog", r#"{"sub":"x"}"#),
        ("okx", r#"{"op":"subscribe","args":[]}"#),
    ] {
        assert_eq!(reply(id, request), None, "{id} {request}");
    }
}

#[test]
fn a_client_never_replies_to_requests() {
    let mut decoder = Decoder::default();
    for d in Dialect::presets() {
        let message = Message::Text(r#"{"method":"SUBSCRIBE","op":"subscribe","sub":"x","id":1,"args":[1]}"#);
        assert_eq!(d.decode(Role::Client, message, NOW, &mut decoder), Heard::Data(message), "{}", d.id());
    }
}

#[test]
fn hellos_tell_the_interval_in_force() {
    let server = |d: &Dialect| d.hello(Role::Server).map(|m| format!("{m:?}"));
    assert_eq!(
        dialect("engineio-4").hello(Role::Server),
        Some(Message::Text(r#"0{"sid":"wsbeat","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#))
    );
    let config = PolicyConfig { interval: Some(Duration::from_millis(300)), ..PolicyConfig::default() };
    let tuned = dialect("engineio-4").tuned(&config).unwrap();
    assert!(server(&tuned).is_some_and(|h| h.contains(r#"pingInterval\":300,"#)), "{tuned:?}");
    assert_eq!(Dialect::load(&tuned.to_toml()).unwrap(), [tuned]);
    assert!(server(dialect("kucoin")).is_some_and(|h| h.contains("welcome")));
    assert_eq!(dialect("htx-spot-v1").hello(Role::Server), None);
    assert_eq!(dialect("graphql-ws").hello(Role::Client), Some(Message::Text(r#"{"type":"connection_init"}"#)));
    assert_eq!(dialect("graphql-ws").subprotocol(), Some("graphql-transport-ws"));
}

fn negotiated(id: &str, message: &str) -> Option<Negotiated> {
    let mut decoder = Decoder::default();
    match dialect(id).decode(Role::Client, Message::Text(message), NOW, &mut decoder) {
        Heard::Ready { data, negotiated } => {
            assert_eq!(data, Message::Text(message), "the user gets it too");
            Some(negotiated)
        }
        _ => None,
    }
}

#[test]
fn what_the_server_sets_is_read() {
    let set = |interval: Option<u64>, timeout: Option<u64>| {
        Some(Negotiated { interval: interval.map(Duration::from_millis), timeout: timeout.map(Duration::from_millis) })
    };
    for (id, message, expected) in [
        ("kucoin", r#"{"id":"hQvf8jkno","type":"welcome"}"#, set(None, None)),
        ("kucoin", r#"{"id":"h","type":"welcome","pingInterval":18000,"pingTimeout":10000}"#, set(Some(18_000), Some(10_000))),
        ("kucoin", r#"{"id":"h","type":"ack"}"#, None),
        ("engineio-4", r#"0{"sid":"x","upgrades":[],"pingInterval":300,"pingTimeout":200}"#, set(Some(300), Some(200))),
        ("engineio-4", r#"4{"pingInterval":300}"#, None),
        ("centrifugo", r#"{"id":1,"connect":{"client":"c","ping":25,"pong":true}}"#, set(Some(25_000), None)),
        ("stomp-1.2", "CONNECTED\nversion:1.2\nheart-beat:15000,20000\n\n\0", set(Some(20_000), Some(30_000))),
        ("stomp-1.2", "CONNECTED\nheart-beat:0,0\n\n\0", set(Some(0), Some(0))),
        // Behind the empty line it is no header, and none means 0,0.
        ("stomp-1.2", "CONNECTED\n\nheart-beat:1,1\n\0", set(Some(0), Some(0))),
        ("graphql-ws", r#"{"type":"connection_ack"}"#, set(None, None)),
        ("htx-spot-v1", r#"{"type":"welcome"}"#, None),
    ] {
        assert_eq!(negotiated(id, message), expected, "{id} {message}");
    }
}

#[test]
fn what_a_client_says_it_can_and_wants_is_agreed_on_in_steps_that_never_ask_more_of_it() {
    let agreed = |header: &str| {
        let mut decoder = Decoder::default();
        let connect = format!("CONNECT\naccept-version:1.2\n{header}\n\0");
        match dialect("stomp-1.2").decode(Role::Server, Message::Text(&connect), NOW, &mut decoder) {
            Heard::Agreed { negotiated, .. } => (negotiated.interval.unwrap().as_millis(), negotiated.timeout.unwrap().as_millis()),
            other => panic!("{other:?}"),
        }
    };
    for (header, interval, timeout) in [
        ("heart-beat:10000,10000\n", 10_000, 20_000),
        ("heart-beat:0,0\n", 0, 0),
        ("", 0, 0),
        ("heart-beat:0,5000\n", 10_000, 0),
        ("heart-beat:5000,0\n", 0, 20_000),
        // It wants one every 50 s and gets one every 40; it sends one every 50 s and one every 80 will do.
        ("heart-beat:50000,50000\n", 40_000, 160_000),
        ("heart-beat:40000,40000\n", 40_000, 80_000),
        ("heart-beat:x,1\n", 0, 0),
    ] {
        assert_eq!(agreed(header), (interval, timeout), "{header}");
    }
    let all: std::collections::BTreeSet<_> = (0..32).map(|n| agreed(&format!("heart-beat:{0},{0}\n", 1_u64 << n))).collect();
    assert!(all.len() < 24, "{all:?}");
}

#[test]
fn a_side_that_need_not_beat_still_expects_the_other() {
    let stomp = dialect("stomp-1.2");
    let plan = |interval, timeout| {
        let negotiated = Negotiated { interval: Some(Duration::from_secs(interval)), timeout: Some(Duration::from_secs(timeout)) };
        let policy = PolicyConfig::default().check(stomp.plan(Role::Server, &PolicyConfig::default()).unwrap()).unwrap();
        let application = stomp.agreed(Role::Server, &policy, negotiated).unwrap().application;
        application.map(|a| (a.ask.map(|ask| ask.period.as_nanos() / 1_000_000_000), a.listen.map(|l| l.limit.as_nanos() / 1_000_000_000)))
    };
    assert_eq!(plan(0, 0), None);
    assert_eq!(plan(10, 0), Some((Some(10), None)));
    assert_eq!(plan(0, 40), Some((None, Some(40))));
    assert_eq!(plan(20, 40), Some((Some(20), Some(40))));
}

#[test]
fn a_hello_of_ours_is_understood_by_our_other_side() {
    for d in Dialect::presets() {
        let (mut decoder, mut back) = (Decoder::default(), Decoder::default());
        if let Some(hello) = d.hello(Role::Server) {
            let heard = d.decode(Role::Client, hello, NOW, &mut decoder);
            assert!(matches!(heard, Heard::Ready { .. }), "{}: {heard:?}", d.id());
        }
        let Some(hello) = d.hello(Role::Client) else { continue };
        match d.decode(Role::Server, hello, NOW, &mut decoder) {
            Heard::Data(_) => assert_eq!(d.id(), "coinbase", "a subscription that is not acknowledged"),
            Heard::Reply(said) | Heard::Agreed { reply: said, .. } => {
                let heard = d.decode(Role::Client, said, NOW, &mut back);
                assert!(matches!(heard, Heard::Ready { .. } | Heard::Data(_)), "{}: {heard:?}", d.id());
            }
            other => panic!("{}: {other:?}", d.id()),
        }
    }
}
