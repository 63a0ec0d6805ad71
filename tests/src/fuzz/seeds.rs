//! The inputs to begin with: real messages of each dialect, real frames, real files, and chance for the rest.

use std::fs;
use std::io::Write;
use std::path::Path;

use wsbeat_core::dialect::{Codec, Decoder, Dialect, Encoder, Heard, Message, Role};
use wsbeat_core::event::Token;

use super::drawn::noise;
use super::heartbeat::{WALL_MS, Wrap, dialects, packed};

type Seeds = Vec<(String, Vec<u8>)>;

/// What clients of the presets say beside heartbeats.
const REQUESTS: [(&str, &str); 12] = [
    ("htx-spot-v1", r#"{"sub":"market.btcusdt.kline.1min","id":"id1"}"#),
    ("htx-spot-v1", r#"{"ping":18212558000}"#),
    ("htx-spot-v1", r#"{"ping":"1"}"#),
    ("htx-spot-v2", r#"{"action":"sub","ch":"orders#btcusdt"}"#),
    ("htx-contract-order", r#"{"op":"sub","cid":"c1","topic":"orders.btc"}"#),
    ("binance-spot", r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}"#),
    ("okx", r#"{"op":"subscribe","args":[{"channel":"tickers","instId":"BTC-USDT"}]}"#),
    ("kucoin", r#"{"id":1545910660739,"type":"subscribe","topic":"/market/ticker:BTC-USDT","response":true}"#),
    ("deribit", r#"{"jsonrpc":"2.0","id":9098,"method":"public/set_heartbeat","params":{"interval":30}}"#),
    ("phoenix", r#"{"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}"#),
    ("engineio-4", "40"),
    ("stomp-1.2", "CONNECT\naccept-version:1.2\nhost:h\n\n\0"),
];

/// What is data, and looks as if it were not.
const ALMOST: [&str; 6] = [
    r#"{"pong":1492420473027,"pong":1492420473027}"#,
    r#"{"\u0070ong":"1492420473027","x":[{"ping":[[1e3,-0.5]]},null,true]}"#,
    r#"[{"ping":1492420473027}]"#,
    r#"{"pong":18446744073709551616}"#,
    r#"{"ping":"\ud83d\ude00\ud800"}"#,
    " {\t\"pong\" : 1.0\r\n} ",
];

/// Messages in every dialect: heartbeats and answers, hellos, requests, and what is almost a heartbeat.
#[must_use]
pub fn heartbeat() -> Seeds {
    let mut seeds = vec![];
    for (place, dialect) in dialects().iter().enumerate() {
        for role in [Role::Server, Role::Client] {
            for (name, text) in spoken(dialect, role.other()) {
                let wrap = wrap_for(dialect, role.other());
                seeds.push((format!("{place:02}-{}-{role:?}-{name}", dialect.id()), packed(place, role, wrap, &text)));
            }
        }
    }
    for (n, (id, text)) in REQUESTS.into_iter().enumerate() {
        let place = place_of(id);
        let wrap = wrap_for(&dialects()[place], Role::Client);
        seeds.push((format!("request-{n:02}-{id}"), packed(place, Role::Server, wrap, text.as_bytes())));
    }
    let spot = place_of("htx-spot-v1");
    for (n, text) in ALMOST.into_iter().enumerate() {
        seeds.push((format!("almost-{n}"), packed(spot, Role::Server, Wrap::Text, text.as_bytes())));
        seeds.push((format!("almost-{n}-gzip"), packed(spot, Role::Client, Wrap::Deflated, &deflated(text.as_bytes()))));
    }
    seeds.push(("bomb".into(), packed(spot, Role::Client, Wrap::Deflated, &deflated(&[b' '; 200_000]))));
    seeds
}

/// What a side of this role says by itself.
fn spoken(dialect: &Dialect, role: Role) -> Vec<(&'static str, Vec<u8>)> {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let mut all = vec![];
    let hello = dialect.hello(role).map(|hello| plain(dialect, hello));
    all.extend(hello.map(|text| ("hello", text)));
    if dialect.may_ask(role) {
        let asked = dialect.heartbeat_from(role, Token(1_492_420_473_027), &mut encoder);
        all.push(("heartbeat", plain(dialect, asked)));
    }
    if dialect.may_ask(role.other()) {
        let asked = dialect.heartbeat_from(role.other(), Token(1_492_420_473_027), &mut encoder);
        if let Heard::Heartbeat { answer: Some(answer), .. } = dialect.decode(role, asked, WALL_MS, &mut decoder) {
            all.push(("answer", plain(dialect, answer)));
        }
    }
    all.retain(|(_, text)| !text.is_empty());
    all
}

fn plain(dialect: &Dialect, message: Message<'_>) -> Vec<u8> {
    let mut inflater = wsbeat_core::codec::gzip::Inflater::default();
    match (message, dialect.codec()) {
        (Message::Text(text), _) => text.as_bytes().to_vec(),
        (Message::Binary(frame), Codec::Gzip) => inflater.gzip(frame, 1 << 20).expect("whole").to_vec(),
        (Message::Binary(frame), Codec::Deflate) => inflater.deflate(frame, 1 << 20).expect("whole").to_vec(),
        (Message::Binary(bytes), Codec::Identity) => bytes.to_vec(),
    }
}

fn wrap_for(dialect: &Dialect, speaker: Role) -> Wrap {
    match (dialect.layer(), dialect.codec()) {
        (wsbeat_core::dialect::Layer::Binary, Codec::Identity) => Wrap::Binary,
        (_, Codec::Gzip) if speaker == Role::Server => Wrap::Gzip,
        (_, Codec::Deflate) if speaker == Role::Server => Wrap::Zlib,
        _ => Wrap::Text,
    }
}

fn place_of(id: &str) -> usize {
    dialects().iter().position(|d| d.id() == id).expect("a preset")
}

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::best());
    encoder.write_all(data).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

/// Each preset as a file, and files with something wrong.
#[must_use]
pub fn dialect_file() -> Seeds {
    let mut seeds: Seeds = Dialect::presets().iter().map(|d| (d.id().to_string(), d.to_toml().into_bytes())).collect();
    let okx = Dialect::preset("okx").expect("a preset").to_toml();
    let wrong = [
        ("twice", okx.repeat(2)),
        ("cut", okx[..okx.len() / 2].to_string()),
        ("unknown", format!("{okx}\ncolour = 1\n")),
        ("not-toml", "[[dialect]]\nid = \"a\nb\"".to_string()),
    ];
    seeds.extend(wrong.into_iter().map(|(name, text)| (format!("wrong-{name}"), text.into_bytes())));
    seeds
}

/// Connections to which things happen by chance.
#[must_use]
pub fn connection() -> Seeds {
    (0..24u8).map(|n| (format!("chance-{n:02}"), noise(n.into(), 20 + 4 * usize::from(n)))).collect()
}

/// Hubs to which things are done by chance.
#[must_use]
pub fn hub() -> Seeds {
    (0..24u8).map(|n| (format!("chance-{n:02}"), noise(n.into(), 20 + 4 * usize::from(n)))).collect()
}

/// Streams of frames, from clients and from servers.
#[must_use]
pub fn frames() -> Seeds {
    let mut seeds = vec![];
    for (place, dialect) in dialects().iter().enumerate() {
        for role in [Role::Server, Role::Client] {
            let wrap = wrap_for(dialect, role.other());
            let opcode = if wrap == Wrap::Text { 0x81 } else { 0x82 };
            let wire = |text: &[u8]| super::heartbeat::wrapped(wrap, text);
            let all: Vec<_> = spoken(dialect, role.other()).iter().map(|(_, text)| frame(role, opcode, &wire(text))).collect();
            seeds.push((format!("{place:02}-{}-{role:?}", dialect.id()), stream(place, role, &all)));
        }
    }
    for role in [Role::Server, Role::Client] {
        for (name, all) in shapes(role) {
            seeds.push((format!("{name}-{role:?}"), stream(place_of("htx-spot-v2"), role, &all)));
        }
    }
    seeds
}

/// The golden traces.
#[must_use]
pub fn trace() -> Seeds {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let files = fs::read_dir(folder).expect("the golden traces").map(|entry| entry.expect("a file").path());
    let named = files.map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path));
    named.map(|(name, path)| (name, fs::read(path).expect("a file"))).collect()
}

/// Frames of every shape, as a side of this role gets them.
fn shapes(role: Role) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let f = |first, payload: &[u8]| frame(role, first, payload);
    let mut huge = f(0x82, b"");
    huge[1] |= 127;
    huge.splice(2..2, (1u64 << 40).to_be_bytes());
    vec![
        ("control", vec![f(0x89, b"12345678"), f(0x8a, b"12345678"), f(0x8a, b""), f(0x89, b"1234"), f(0x88, b"\x03\xe8bye")]),
        ("fragments", vec![f(0x01, b"{\"action\":"), f(0x89, b"in between"), f(0x00, b"\"ping\",\"da"), f(0x80, b"ta\":{\"ts\":1}}")]),
        ("long", vec![f(0x82, &[7; 300]), f(0x81, &[b'a'; 1_000])]),
        ("split-utf8", vec![f(0x01, b"\xe2\x82"), f(0x80, b"\xac")]),
        ("bad-utf8", vec![f(0x81, b"\xff\xfe")]),
        ("bad-opcode", vec![f(0x83, b"")]),
        ("bad-close", vec![f(0x88, b"\x03")]),
        ("close-1005", vec![f(0x88, b"\x03\xed")]),
        ("empty-close", vec![f(0x88, b""), f(0x81, b"late")]),
        ("reserved-bits", vec![f(0xc1, b"x")]),
        ("unmasked", vec![frame(role.other(), 0x81, b"x")]),
        ("huge", vec![huge]),
        ("no-beginning", vec![f(0x80, b"x")]),
        ("two-beginnings", vec![f(0x01, b"x"), f(0x01, b"y")]),
        ("empty-fragments", vec![f(0x01, b""), f(0x00, b"").repeat(40), f(0x80, b"")]),
    ]
}

/// A frame as it reaches a side of this role: masked where that is the server, by a mask that changes nothing.
fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if role == Role::Server { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(n) if n < 126 => bytes.push(mask | n),
        _ => {
            bytes.push(mask | 126);
            bytes.extend(u16::try_from(payload.len()).expect("a short seed").to_be_bytes());
        }
    }
    if role == Role::Server {
        bytes.extend([0; 4]);
    }
    bytes.extend(payload);
    bytes
}

fn stream(place: usize, role: Role, frames: &[Vec<u8>]) -> Vec<u8> {
    let role = u8::from(role == Role::Client);
    let mut bytes = vec![place as u8, role, 3, 10];
    bytes.extend(frames.concat());
    bytes
}
