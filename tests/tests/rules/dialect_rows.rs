//! A peer written from a row of the table stays connected over several periods, and is dropped when it goes silent.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use serde_json::{Value, json};
use wsbeat_core::codec::gzip::{Inflater, write_gzip};
use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::dialect::{Decoder, Dialect, Encoder, Heard, Message, Role};
use wsbeat_core::event::{Action, Input, Payload, Verdict};
use wsbeat_core::policy::{Death, Policy, PolicyConfig};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now, Span};

const RTT: Span = Span::from_millis(80);
const HTX: [&str; 3] = ["blog", "htx-spot-v1", "htx-contract-market"];

/// What the peer answers to a message of ours, from the row alone.
fn answer(id: &str, peer: Role, text: &str) -> Option<Value> {
    use Role::{Client, Server};
    let v: Value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    let is = |key: &str, value: &str| v[key] == value;
    match (id, peer) {
        (htx, Client) if HTX.contains(&htx) => v.get("ping").map(|n| json!({"pong": n})),
        ("htx-spot-v2", Client) if is("action", "ping") => Some(json!({"action": "pong", "data": v["data"]})),
        ("htx-contract-order", Client) if is("op", "ping") => Some(json!({"op": "pong", "ts": v["ts"]})),
        ("okx", Server) if text == "ping" => Some(json!("pong")),
        ("bybit-v5", Server) if is("op", "ping") => {
            Some(json!({"success": true, "ret_msg": "pong", "conn_id": "c", "req_id": v["req_id"], "op": "ping"}))
        }
        ("kucoin", Server) if is("type", "ping") => Some(json!({"id": v["id"], "type": "pong"})),
        ("deribit", Client) if v["params"]["type"] == "test_request" => {
            Some(json!({"jsonrpc": "2.0", "id": 8212, "method": "public/test", "params": {}}))
        }
        ("mexc-futures", Server) if is("method", "ping") => Some(json!({"channel": "pong", "data": 1_587_453_241_453_u64})),
        ("cryptocom", Client) if is("method", "public/heartbeat") => Some(json!({"id": v["id"], "method": "public/respond-heartbeat"})),
        ("engineio-4", Client) if text == "2" => Some(json!("3")),
        ("phoenix", Server) if is("event", "heartbeat") => {
            Some(json!({"topic": "phoenix", "event": "phx_reply", "payload": {"status": "ok", "response": {}}, "ref": v["ref"]}))
        }
        ("graphql-ws", _) if is("type", "ping") => Some(json!({"type": "pong"})),
        ("centrifugo", Client) if text == "{}" => Some(json!({})),
        _ => None,
    }
}

/// What the peer sends unasked, and every how many seconds.
fn unasked(id: &str, peer: Role, n: u64) -> Option<(u64, String)> {
    use Role::{Client, Server};
    let (every, wire) = match (id, peer) {
        (htx, Server) if HTX.contains(&htx) => (5, json!({"ping": 1_492_420_473_027 + n})),
        ("htx-spot-v2", Server) => (20, json!({"action": "ping", "data": {"ts": 1_575_537_778_295 + n}})),
        ("htx-contract-order", Server) => (5, json!({"op": "ping", "ts": (1_492_420_473_027 + n).to_string()})),
        ("okx", Client) => (25, json!("ping")),
        ("bybit-v5", Client) => (20, json!({"req_id": n.to_string(), "op": "ping"})),
        ("kucoin", Client) => (18, json!({"id": n.to_string(), "type": "ping"})),
        ("deribit", Server) => (10, json!({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}})),
        ("kraken-v2", Server) => (1, json!({"channel": "heartbeat"})),
        ("coinbase", Server) => (1, json!({"channel": "heartbeats", "events": [{"heartbeat_counter": n.to_string()}]})),
        ("mexc-futures", Client) => (15, json!({"method": "ping"})),
        ("cryptocom", Server) => (30, json!({"id": 1_587_523_073_344 + n, "method": "public/heartbeat", "code": 0})),
        ("engineio-4", Server) => (25, json!("2")),
        ("phoenix", Client) => (30, json!({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": n.to_string()})),
        ("graphql-ws", Server) => (12, json!({"type": "ping"})),
        ("centrifugo", Server) => (25, json!({})),
        ("signalr", _) => (15, json!("{\"type\":6}\u{1e}")),
        ("stomp-1.2", _) => (10, json!("\n")),
        _ => return None,
    };
    Some((every, written(&wire)))
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// One of our connections and the peer at its other end.
struct World {
    dialect: &'static Dialect,
    role: Role,
    policy: Policy,
    ours: Connection,
    due: Instant,
    /// What is on its way to us.
    arriving: Vec<(Instant, Vec<u8>)>,
    peer_sends: u64,
    pings: bool,
    silent: bool,
    answers_heard: u32,
    heartbeats_heard: u32,
    encoder: Encoder,
    decoder: Decoder,
    verdict: Option<Verdict>,
}

impl World {
    fn new(id: &str, role: Role) -> World {
        let dialect = Dialect::preset(id).unwrap();
        let config = PolicyConfig::default();
        let policy = config.check(dialect.plan(role, &config).unwrap()).unwrap();
        let ours = Connection::accepted(&policy, Now::default(), Chance::new(7, 1));
        let mut world = World {
            dialect,
            role,
            policy,
            ours,
            due: Instant::NEVER,
            arriving: Vec::new(),
            peer_sends: 1,
            pings: id.starts_with("binance"),
            silent: false,
            answers_heard: 0,
            heartbeats_heard: 0,
            encoder: Encoder::default(),
            decoder: Decoder::default(),
            verdict: None,
        };
        world.step(Instant::ZERO, Input::Opened);
        if id == "kucoin" && role == Role::Client {
            world.arriving.push((Instant::ZERO.after(RTT), br#"{"id":"hQvf8jkno","type":"welcome"}"#.to_vec()));
        }
        world
    }

    fn step(&mut self, at: Instant, input: Input) {
        let now = Now::new(at, 1_492_420_473_027 + at.as_nanos() / 1_000_000);
        let mut actions = Vec::new();
        self.due = self.ours.step(&self.policy, now, input, &mut |a: Action| actions.push(a));
        for action in actions {
            match action {
                Action::Ping(payload) => {
                    self.step(at, Input::Wrote(10));
                    self.step(at, Input::PingFlushed(payload));
                    let mut space = [0; 8];
                    self.arriving.push((at.after(RTT), payload.bytes(&mut space).to_vec()));
                }
                Action::Heartbeat(token) => {
                    let said = match self.dialect.heartbeat_from(self.role, token, &mut self.encoder) {
                        Message::Text(text) => text.to_string(),
                        Message::Binary(bytes) => String::from_utf8(Inflater::default().gzip(bytes, 1 << 20).unwrap().to_vec()).unwrap(),
                    };
                    self.step(at, Input::Wrote(10));
                    self.step(at, Input::HeartbeatFlushed(token));
                    if let Some(back) = answer(self.dialect.id(), self.role.other(), &said) {
                        self.arriving.push((at.after(RTT), written(&back).into_bytes()));
                    }
                }
                Action::Close(verdict) | Action::Abort(verdict) if self.verdict.is_none() => self.verdict = Some(verdict),
                _ => {}
            }
        }
    }

    /// A message, or in the dialects of control frames a ping or pong, has come.
    fn arrive(&mut self, at: Instant, bytes: &[u8]) {
        self.step(at, Input::Bytes(u32::try_from(bytes.len()).unwrap()));
        if self.pings {
            self.answers_heard += 1;
            self.heartbeats_heard += 1;
            let input = if self.role == Role::Server { Input::Pong(Payload::parse(bytes)) } else { Input::Ping };
            return self.step(at, input);
        }
        let mut frame = Vec::new();
        let zipped = self.dialect.codec().name() == "gzip" && self.role == Role::Client;
        write_gzip(bytes, &mut frame);
        let message = if zipped { Message::Binary(&frame) } else { Message::Text(std::str::from_utf8(bytes).unwrap()) };
        let input = match self.dialect.decode(self.role, message, 0, &mut self.decoder) {
            Heard::Heartbeat { token, .. } => {
                self.heartbeats_heard += 1;
                Input::Heartbeat(token)
            }
            Heard::Answer(token) => {
                self.answers_heard += 1;
                Input::Answer(token)
            }
            Heard::Ready { .. } => Input::Ready,
            other => panic!("{}: {other:?}", self.dialect.id()),
        };
        self.step(at, input);
    }

    fn peer_next(&self) -> Option<(Instant, String)> {
        let peer = self.role.other();
        let (every, wire) = match (self.pings, self.role) {
            (true, Role::Client) => (self.dialect.interval().as_secs(), "any".to_string()),
            (true, Role::Server) => return None,
            _ => unasked(self.dialect.id(), peer, self.peer_sends)?,
        };
        Some((Instant::from_secs(every).after(Span::from_secs(every).times(self.peer_sends - 1)), wire))
    }

    /// Lets time pass to `until` or to the end of the connection.
    fn run(&mut self, until: Instant) {
        while self.verdict.is_none() {
            let peer = self.peer_next();
            let arrival = self.arriving.iter().map(|(at, _)| *at).min().unwrap_or(Instant::NEVER);
            let sends = peer.as_ref().map_or(Instant::NEVER, |(at, _)| *at);
            let next = self.due.min(arrival).min(sends);
            if next > until {
                return;
            }
            if next == arrival {
                let index = self.arriving.iter().position(|(at, _)| *at == arrival).unwrap();
                let (_, bytes) = self.arriving.remove(index);
                if !self.silent {
                    self.arrive(next, &bytes);
                }
            } else if next == sends {
                self.peer_sends += 1;
                self.arriving.push((next.after(RTT), peer.unwrap().1.into_bytes()));
            } else {
                self.step(next, Input::Tick);
            }
        }
    }

    /// The longest that our side may take to give a silent peer up, from when it fell silent.
    fn patience(&self) -> Option<Span> {
        if let Some(t) = self.policy.transport {
            return Some(t.interval.plus(t.timeout));
        }
        let a = self.policy.application?;
        let by_answers = a.ask.and_then(|ask| match ask.death {
            Death::MissesBefore(n) | Death::MissesAfter(n) => Some(ask.period.times(u64::from(n) + 1)),
            Death::Timeout(t) => Some(ask.period.plus(t)),
            Death::Never => None,
        });
        by_answers.or(a.listen.map(|l| l.limit))
    }
}

#[test]
fn a_peer_of_every_row_lives_by_it_and_dies_by_silence() {
    for dialect in Dialect::presets() {
        for role in [Role::Server, Role::Client] {
            let id = dialect.id();
            let mut world = World::new(id, role);
            let Some(patience) = world.patience() else {
                assert!(matches!((id, role), ("kraken-v2" | "coinbase", Role::Server)), "only one-way senders judge nobody: {id}");
                continue;
            };
            // Several periods, and long enough that silence would have been noticed twice.
            let lives = Instant::ZERO.after(patience.times(2)).after(Span::from(dialect.interval()).times(5));
            world.run(lives);
            assert_eq!(world.verdict, None, "{id} {role:?}: a peer that keeps to its row");
            assert_eq!(world.ours.phase(), Phase::Open, "{id} {role:?}");
            assert!(world.answers_heard + world.heartbeats_heard >= 3, "{id} {role:?} heard something");
            world.silent = true;
            world.run(lives.after(patience).after(RTT));
            let verdict = world.verdict.unwrap_or_else(|| panic!("{id} {role:?}: a silent peer lives after {patience:?}"));
            assert!(verdict.kind.is_silence(), "{id} {role:?}: {verdict}");
            assert_eq!(
                verdict.code,
                if id == "blog" {
                    None
                } else if id == "centrifugo" {
                    Some(3012)
                } else {
                    Some(4408)
                },
                "{id}"
            );
        }
    }
}
