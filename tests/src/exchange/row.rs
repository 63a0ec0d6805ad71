//! The heartbeats of each exchange and protocol, as their documents have them. Nothing here knows our core.

use serde_json::{Value, json};

/// Which side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The exchange.
    Server,
    /// Its client.
    Client,
}

/// What one side does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It asks every interval and wants answers.
    Asks,
    /// It sends a heartbeat every interval and wants no answer.
    Beats,
    /// Nothing.
    Listens,
}

/// When an exchange drops a client. Times in ms, at the documented interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drops {
    /// At the beat that finds so many heartbeats in a row unanswered.
    Misses(usize),
    /// When a heartbeat has been unanswered for so long.
    Unanswered(u64),
    /// When the client has not asked for so long.
    Unasked(u64),
    /// When the client has sent nothing for so long.
    Idle(u64),
    /// Never.
    Never,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The dialect's id.
    pub id: &'static str,
    /// The documented time between heartbeats, in ms.
    pub interval_ms: u64,
    /// What the exchange does by itself.
    pub server: Part,
    /// What its client does by itself.
    pub client: Part,
    /// When a client is dropped.
    pub drops: Drops,
    /// The close code and reason for it, where known.
    pub closes: Option<(u16, &'static str)>,
}

const fn row(id: &'static str, interval_s: u64, server: Part, client: Part, drops: Drops) -> Row {
    Row { id, interval_ms: interval_s * 1000, server, client, drops, closes: None }
}

const fn closing(row: Row, code: u16, reason: &'static str) -> Row {
    Row { closes: Some((code, reason)), ..row }
}

use Part::{Asks, Beats, Listens};

/// Every row.
pub const ROWS: [Row; 21] = [
    row("blog", 5, Asks, Listens, Drops::Misses(2)),
    row("htx-spot-v1", 5, Asks, Listens, Drops::Misses(2)),
    row("htx-spot-v2", 20, Asks, Listens, Drops::Misses(2)),
    row("htx-contract-market", 5, Asks, Listens, Drops::Misses(5)),
    row("htx-contract-order", 5, Asks, Listens, Drops::Misses(5)),
    closing(row("binance-spot", 20, Asks, Listens, Drops::Unanswered(60_000)), 1008, "Pong timeout"),
    closing(row("binance-usdm", 180, Asks, Listens, Drops::Unanswered(600_000)), 1008, "Pong timeout"),
    closing(row("okx", 25, Listens, Asks, Drops::Idle(30_000)), 4004, "No data received in 30s"),
    row("bybit-v5", 20, Listens, Asks, Drops::Unasked(600_000)),
    row("kucoin", 18, Listens, Asks, Drops::Unasked(28_000)),
    row("deribit", 10, Asks, Listens, Drops::Misses(1)),
    row("kraken-v2", 1, Beats, Listens, Drops::Never),
    row("coinbase", 1, Beats, Listens, Drops::Never),
    row("mexc-futures", 15, Listens, Asks, Drops::Unasked(60_000)),
    row("cryptocom", 30, Asks, Listens, Drops::Unanswered(5_000)),
    row("engineio-4", 25, Asks, Listens, Drops::Unanswered(20_000)),
    row("phoenix", 30, Listens, Asks, Drops::Unasked(60_000)),
    row("graphql-ws", 12, Asks, Listens, Drops::Unanswered(12_000)),
    closing(row("centrifugo", 25, Asks, Listens, Drops::Unanswered(10_000)), 3012, "no pong"),
    row("signalr", 15, Beats, Beats, Drops::Idle(30_000)),
    row("stomp-1.2", 10, Beats, Beats, Drops::Idle(20_000)),
];

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A text message.
    Text(String),
    /// This text, compressed, in a binary message.
    Gzip(String),
    /// A ping frame.
    Ping(Vec<u8>),
}

/// What a message of the other side's is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A heartbeat that wants this answer.
    Ask(Wire),
    /// A heartbeat that wants none.
    Beat,
    /// An answer that brings back this token (empty where there is none).
    Answer(String),
    /// A request that gets this reply; heartbeats may begin after it.
    Request(Wire),
    /// What lets a client begin: a welcome.
    Welcome,
    /// Anything else.
    Data,
}

/// The row of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id == id)
}

const SIGNALR_HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\u{1e}";
const SIGNALR_PING: &str = "{\"type\":6}\u{1e}";

impl Row {
    fn is_gzip(&self) -> bool {
        matches!(self.id, "blog" | "htx-spot-v1" | "htx-contract-market" | "htx-contract-order")
    }

    fn is_control(&self) -> bool {
        self.id.starts_with("binance")
    }

    /// What a side does by itself.
    #[must_use]
    pub fn part(&self, side: Side) -> Part {
        match side {
            Side::Server => self.server,
            Side::Client => self.client,
        }
    }

    /// Whether heartbeats begin only after the handshake of the protocol on top of the WebSocket's.
    #[must_use]
    pub fn waits(&self, side: Side) -> bool {
        let handshakes = ["deribit", "coinbase", "graphql-ws", "centrifugo", "signalr", "stomp-1.2"];
        handshakes.contains(&self.id) || (self.id == "kucoin" && side == Side::Client)
    }

    /// The heartbeat with the `n`-th token, and the token as an answer brings it back.
    #[must_use]
    pub fn ask(&self, side: Side, n: u64) -> (Wire, String) {
        let ms = 1_492_420_473_027 + n;
        let (message, token) = match (self.id, side) {
            ("htx-spot-v2", _) => (json!({"action": "ping", "data": {"ts": ms}}), ms.to_string()),
            ("htx-contract-order", _) => (json!({"op": "ping", "ts": ms.to_string()}), ms.to_string()),
            ("cryptocom", _) => (json!({"id": ms, "method": "public/heartbeat", "code": 0}), ms.to_string()),
            ("bybit-v5", _) => (json!({"req_id": n.to_string(), "op": "ping"}), n.to_string()),
            ("kucoin", _) => (json!({"id": ms.to_string(), "type": "ping"}), ms.to_string()),
            ("phoenix", _) => (json!({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": n.to_string()}), n.to_string()),
            ("deribit", _) => (json!({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}}), String::new()),
            ("kraken-v2", _) => (json!({"channel": "heartbeat"}), String::new()),
            ("coinbase", _) => {
                let beat = json!({"current_time": "2023-06-23 20:31:56", "heartbeat_counter": n.to_string()});
                (json!({"channel": "heartbeats", "client_id": "", "sequence_num": n, "events": [beat]}), String::new())
            }
            ("mexc-futures", _) => (json!({"method": "ping"}), String::new()),
            ("graphql-ws", _) => (json!({"type": "ping"}), String::new()),
            ("centrifugo", _) => (json!({}), String::new()),
            (htx, _) if htx == "blog" || htx.starts_with("htx") => (json!({"ping": ms}), ms.to_string()),
            (binance, _) if binance.starts_with("binance") => return (Wire::Ping(ms.to_string().into_bytes()), ms.to_string()),
            ("okx", _) => return (Wire::Text("ping".into()), String::new()),
            ("engineio-4", _) => return (Wire::Text("2".into()), String::new()),
            ("signalr", _) => return (Wire::Text(SIGNALR_PING.into()), String::new()),
            _ => return (Wire::Text("\n".into()), String::new()),
        };
        (self.from(side, &message), token)
    }

    /// Compresses what an exchange says, where it does.
    fn from(&self, side: Side, message: &Value) -> Wire {
        if self.is_gzip() && side == Side::Server { Wire::Gzip(message.to_string()) } else { Wire::Text(message.to_string()) }
    }

    /// What a side says first, `period_ms` being the interval it tells of.
    #[must_use]
    pub fn opening(&self, side: Side, period_ms: u64, timeout_ms: u64) -> Option<Wire> {
        let message = match (self.id, side) {
            ("kucoin", Side::Server) => {
                json!({"id": "hQvf8jkno", "type": "welcome", "pingInterval": period_ms, "pingTimeout": timeout_ms})
            }
            ("engineio-4", Side::Server) => {
                let open = json!({"sid": "lv_VI97HAXpY6yYWAAAC", "upgrades": [], "pingInterval": period_ms, "pingTimeout": timeout_ms});
                return Some(Wire::Text(format!("0{open}")));
            }
            ("deribit", Side::Client) => {
                json!({"jsonrpc": "2.0", "id": 9098, "method": "public/set_heartbeat", "params": {"interval": period_ms / 1000}})
            }
            ("coinbase", Side::Client) => json!({"type": "subscribe", "channel": "heartbeats"}),
            ("graphql-ws", Side::Client) => json!({"type": "connection_init"}),
            ("centrifugo", Side::Client) => json!({"id": 1, "connect": {}}),
            ("signalr", Side::Client) => return Some(Wire::Text(SIGNALR_HANDSHAKE.into())),
            ("stomp-1.2", Side::Client) => {
                return Some(Wire::Text(format!("CONNECT\naccept-version:1.2\nhost:x\nheart-beat:{period_ms},{period_ms}\n\n\0")));
            }
            _ => return None,
        };
        Some(self.from(side, &message))
    }

    /// What a message that came to `side` is.
    #[must_use]
    pub fn hear(&self, side: Side, text: &str, period_ms: u64) -> Heard {
        let message: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        match side {
            Side::Server => self.hear_client(text, &message, period_ms),
            Side::Client => self.hear_server(text, &message),
        }
    }

    /// What a message of the client's is to the exchange.
    fn hear_client(&self, text: &str, v: &Value, period_ms: u64) -> Heard {
        let says = |key: &str, word: &str| v[key] == word;
        let reply = |v: Value| Heard::Request(self.from(Side::Server, &v));
        let ask = |v: Value| Heard::Ask(self.from(Side::Server, &v));
        match self.id {
            "htx-spot-v2" if says("action", "pong") => Heard::Answer(plain(&v["data"]["ts"])),
            "htx-contract-order" if says("op", "pong") => Heard::Answer(plain(&v["ts"])),
            htx if (htx == "blog" || htx.starts_with("htx")) && v.get("pong").is_some() => Heard::Answer(plain(&v["pong"])),
            htx if (htx == "blog" || htx.starts_with("htx")) && v.get("ping").is_some() => ask(json!({"pong": v["ping"]})),
            htx if htx.starts_with("htx") && v.get("sub").is_some() => reply(json!({"status": "ok", "subbed": v["sub"], "ts": 1})),
            "okx" if text == "ping" => Heard::Ask(Wire::Text("pong".into())),
            "bybit-v5" if says("op", "ping") => {
                ask(json!({"success": true, "ret_msg": "pong", "conn_id": "c", "req_id": v["req_id"], "op": "ping"}))
            }
            "kucoin" if says("type", "ping") => ask(json!({"id": v["id"], "type": "pong"})),
            "deribit" if says("method", "public/set_heartbeat") => reply(json!({"jsonrpc": "2.0", "id": v["id"], "result": "ok"})),
            "deribit" if says("method", "public/test") => Heard::Answer(String::new()),
            "coinbase" if says("type", "subscribe") => {
                reply(json!({"channel": "subscriptions", "events": [{"subscriptions": {"heartbeats": ["heartbeats"]}}]}))
            }
            "mexc-futures" if says("method", "ping") => ask(json!({"channel": "pong", "data": 1_587_453_241_453_u64})),
            "cryptocom" if says("method", "public/respond-heartbeat") => Heard::Answer(plain(&v["id"])),
            "engineio-4" if text == "3" => Heard::Answer(String::new()),
            "phoenix" if says("topic", "phoenix") && says("event", "heartbeat") => {
                ask(json!({"topic": "phoenix", "event": "phx_reply", "payload": {"status": "ok", "response": {}}, "ref": v["ref"]}))
            }
            "graphql-ws" if says("type", "connection_init") => reply(json!({"type": "connection_ack"})),
            "graphql-ws" if says("type", "pong") => Heard::Answer(String::new()),
            "graphql-ws" if says("type", "ping") => ask(json!({"type": "pong"})),
            "centrifugo" if v.get("connect").is_some() => {
                reply(json!({"id": v["id"], "connect": {"client": "c", "version": "6", "ping": period_ms / 1000, "pong": true}}))
            }
            "centrifugo" if text == "{}" => Heard::Answer(String::new()),
            "signalr" if text == SIGNALR_HANDSHAKE => Heard::Request(Wire::Text("{}\u{1e}".into())),
            "signalr" if text == SIGNALR_PING => Heard::Beat,
            "stomp-1.2" if text == "\n" => Heard::Beat,
            "stomp-1.2" if text.starts_with("CONNECT") => {
                Heard::Request(Wire::Text(format!("CONNECTED\nversion:1.2\nheart-beat:{period_ms},{period_ms}\n\n\0")))
            }
            _ => Heard::Data,
        }
    }

    /// What a message of the exchange's is to its client.
    fn hear_server(&self, text: &str, v: &Value) -> Heard {
        let says = |key: &str, word: &str| v[key] == word;
        let ask = |v: Value| Heard::Ask(self.from(Side::Client, &v));
        match self.id {
            "htx-spot-v2" if says("action", "ping") => ask(json!({"action": "pong", "data": {"ts": v["data"]["ts"]}})),
            "htx-contract-order" if says("op", "ping") => ask(json!({"op": "pong", "ts": v["ts"]})),
            htx if (htx == "blog" || htx.starts_with("htx")) && v.get("ping").is_some() => ask(json!({"pong": v["ping"]})),
            "okx" if text == "pong" => Heard::Answer(String::new()),
            "bybit-v5" if says("ret_msg", "pong") || says("op", "pong") => Heard::Answer(plain(&v["req_id"])),
            "kucoin" if says("type", "welcome") => Heard::Welcome,
            "kucoin" if says("type", "pong") => Heard::Answer(plain(&v["id"])),
            "deribit" if v["params"]["type"] == "test_request" => {
                ask(json!({"jsonrpc": "2.0", "id": 8212, "method": "public/test", "params": {}}))
            }
            "deribit" if says("result", "ok") => Heard::Welcome,
            "kraken-v2" if says("channel", "heartbeat") => Heard::Beat,
            "coinbase" if says("channel", "heartbeats") => Heard::Beat,
            "mexc-futures" if says("channel", "pong") => Heard::Answer(String::new()),
            "cryptocom" if says("method", "public/heartbeat") => ask(json!({"id": v["id"], "method": "public/respond-heartbeat"})),
            "engineio-4" if text == "2" => Heard::Ask(Wire::Text("3".into())),
            "engineio-4" if text.starts_with("0{") => Heard::Welcome,
            "phoenix" if says("topic", "phoenix") && says("event", "phx_reply") => Heard::Answer(plain(&v["ref"])),
            "graphql-ws" if says("type", "connection_ack") => Heard::Welcome,
            "graphql-ws" if says("type", "ping") => ask(json!({"type": "pong"})),
            "centrifugo" if text == "{}" => ask(json!({})),
            "centrifugo" if v.get("connect").is_some() => Heard::Welcome,
            "signalr" if text == SIGNALR_PING => Heard::Beat,
            "signalr" if text == "{}\u{1e}" => Heard::Welcome,
            "stomp-1.2" if text == "\n" => Heard::Beat,
            "stomp-1.2" if text.starts_with("CONNECTED") => Heard::Welcome,
            _ => Heard::Data,
        }
    }

    /// Whether control frames are its heartbeats.
    #[must_use]
    pub fn by_ping_frames(&self) -> bool {
        self.is_control()
    }

    /// Whether an exchange lets any answer do, whatever its token.
    #[must_use]
    pub fn any_answer(&self) -> bool {
        self.id == "binance-usdm"
    }

    /// The subprotocol, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&'static str> {
        match self.id {
            "graphql-ws" => Some("graphql-transport-ws"),
            "stomp-1.2" => Some("v12.stomp"),
            _ => None,
        }
    }
}

/// A token as text: a string without its quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
