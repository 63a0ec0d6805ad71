//! The settings as TOML, with where each came from.

use wsbeat_core::policy::{Answers, Application, Cadence, Death, Evidence, Policy, PolicyConfig, Transport};
use wsbeat_core::time::Span;
use wsbeat_tokio::server::ServerConfig;

use super::listeners::Table;
use super::read::{LOG_LINES_PER_S, ListenerConfig, OnMessage, ServeConfig};
use super::reader::DIALECT;
use super::{Layer, Settings, admin, keys, value};
use crate::exit::Failure;
use crate::json::Object;
use crate::output::Out;

/// A line: a key, its value where it has one, and where it came from.
struct Row {
    key: &'static str,
    value: Option<Value>,
    origin: String,
}

enum Value {
    One(String),
    List(Vec<String>),
}

impl Value {
    fn of(values: Vec<String>, key: keys::Key) -> Option<Self> {
        if key.is_list() {
            return Some(Value::List(values));
        }
        values.into_iter().next().map(Value::One)
    }

    fn toml(&self) -> String {
        match self {
            Value::One(text) => scalar(text),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|text| toml::Value::from(text.as_str()).to_string()).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Value::One(text) if is_bare(text) => serde_json::from_str(text).unwrap_or_default(),
            Value::One(text) => text.as_str().into(),
            Value::List(items) => items.as_slice().into(),
        }
    }
}

/// Prints every setting. What is printed loads as a file and gives the same server; keys without a value that
/// could be written are comments.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print(layer: &Layer, config: &ServeConfig, out: &mut Out) -> Result<(), Failure> {
    let tables = layer.tables.iter().map(Some).chain([None]);
    let are_several = !layer.tables.is_empty();
    let mut blocks: Vec<(Option<&Table>, Vec<Row>)> = Vec::new();
    for (listener, table) in config.listeners.iter().zip(tables) {
        let keys = keys::all().filter(|key| !(are_several && key.is_process()));
        blocks.push((table, keys.map(|key| row(key, &listener.settings, listener)).collect()));
    }
    if let (true, Some(first)) = (are_several, config.listeners.first()) {
        let process = keys::all().filter(|key| key.is_process());
        blocks.insert(0, (None, process.map(|key| row(key, &layer.settings, first)).collect()));
    }
    let width = blocks.iter().flat_map(|(_, rows)| rows).map(|row| left(row).chars().count()).max().unwrap_or(0);
    for (table, rows) in &blocks {
        if let Some(table) = table {
            let name = format!("name = {}", scalar(&table.name));
            out.text(|| format!("\n[[listener]]\n{name:width$}  # {}", table.origin))?;
        }
        let event = || Object::event("setting").with_some("listener", table.map(|table| &table.name));
        for row in rows {
            out.line(
                || format!("{:width$}  # {}", left(row), row.origin),
                || event().with("key", row.key).with("value", row.value.as_ref().map(Value::json)).with("origin", &row.origin),
            )?;
        }
    }
    Ok(())
}

fn left(row: &Row) -> String {
    match &row.value {
        Some(value) => format!("{} = {}", row.key, value.toml()),
        None => format!("# {}", row.key),
    }
}

fn row(key: keys::Key, settings: &Settings, config: &ListenerConfig) -> Row {
    if let Some(setting) = settings.get(key.name) {
        if key.name == keys::SECRET {
            return Row { key: key.name, value: None, origin: format!("{}, not shown", setting.origin) };
        }
        return Row { key: key.name, value: Value::of(setting.values.clone(), key), origin: setting.origin.to_string() };
    }
    if PolicyConfig::KEYS.contains(&key.name) {
        return policy_row(key.name, config);
    }
    let value = server_default(key.name);
    Row {
        key: key.name,
        origin: if value.is_some() { "default".into() } else { "not set".into() },
        value: value.and_then(|values| Value::of(values, key)),
    }
}

/// A setting of the policy's that nobody wrote: its value where writing it would change nothing.
fn policy_row(key: &'static str, config: &ListenerConfig) -> Row {
    let same = |text: &String| {
        let mut server = config.server.clone();
        let set = server.policy.set(key, text);
        set.is_ok() && server.check().is_ok_and(|policy| policy == config.policy)
    };
    let value = effective(key, &config.policy).filter(same);
    let origin = match (&value, &config.server.dialect) {
        (None, _) => "not set".to_owned(),
        (Some(_), Some(dialect)) if ["interval", "misses", "cadence"].contains(&key) => format!("default of {}", dialect.id()),
        (Some(_), _) => "default".to_owned(),
    };
    Row { key, value: value.map(Value::One), origin }
}

fn server_default(key: &str) -> Option<Vec<String>> {
    let ServerConfig { listen, limits, seed, drain, workers, .. } = ServerConfig::default();
    let one = |text: String| Some(vec![text]);
    match key {
        "listen" => Some(listen.iter().map(ToString::to_string).collect()),
        "dialect" => one(DIALECT.into()),
        "on_message" => one(OnMessage::default().name().into()),
        "origin" => Some(Vec::new()),
        "max_connections" => one(limits.connections_max.to_string()),
        "max_per_ip" => one(limits.per_ip_max.to_string()),
        "max_message" => one(value::size_text(limits.message_bytes_max)),
        "write_limit" => one(value::size_text(limits.write_bytes_max)),
        "message_timeout" => one(value::duration_text(limits.assembly)),
        "max_frames" => one(limits.frames_per_message_max.to_string()),
        "max_head" => one(value::size_text(limits.head_bytes_max)),
        "max_headers" => one(limits.headers_max.to_string()),
        "backlog" => one(limits.backlog.to_string()),
        "discard_limit" => one(value::size_text(limits.discard_bytes_max)),
        "drain" => one(value::duration_text(drain)),
        "workers" => one(workers.to_string()),
        "seed" => one(seed.to_string()),
        "log_lines_per_s" => one(LOG_LINES_PER_S.to_string()),
        _ => admin::default(key),
    }
}

/// What is in force for a key of the policy, in the form in which it is written.
fn effective(key: &str, policy: &Policy) -> Option<String> {
    let limits = &policy.limits;
    match key {
        "close_timeout" => Some(span(limits.close_timeout)),
        "handshake_timeout" => Some(span(limits.handshake_timeout)),
        "max_lifetime" => Some(limits.max_lifetime.map_or("0s".into(), span)),
        "pings_per_s" => Some(limits.pings_per_s.to_string()),
        "pings_burst" => Some(limits.pings_burst.to_string()),
        "ping_strikes" => Some(limits.strikes_max.to_string()),
        "max_malformed" => Some(limits.malformed_max.to_string()),
        _ => policy
            .transport
            .as_ref()
            .and_then(|t| of_transport(key, t))
            .or_else(|| policy.application.as_ref().and_then(|a| of_application(key, a))),
    }
}

fn of_transport(key: &str, t: &Transport) -> Option<String> {
    match key {
        "profile" => Some(t.profile.name().into()),
        "ping_interval" | "interval" => Some(span(t.interval)),
        "ping_timeout" => Some(span(t.timeout)),
        "evidence" => Some(evidence(t.evidence).into()),
        "answers" => Some(answers(t.answers).into()),
        "jitter" => Some(percent(t.jitter_ppm)),
        "first_ping" => t.first.map(span),
        "write_stall" => Some(span(t.write_stall)),
        "only_when_idle" => Some(t.only_when_idle.to_string()),
        "adaptive" => Some(t.adaptive.to_string()),
        "tolerate_empty" => Some(t.tolerate_empty.to_string()),
        "close_code" => Some(t.close_code.to_string()),
        _ => None,
    }
}

fn of_application(key: &str, a: &Application) -> Option<String> {
    let ask = a.ask.as_ref();
    match key {
        "interval" => ask.map(|ask| span(ask.period)),
        "misses" => match ask?.death {
            Death::MissesBefore(n) | Death::MissesAfter(n) => Some(n.to_string()),
            Death::Timeout(_) | Death::Never => None,
        },
        "cadence" => ask.map(|ask| cadence(ask.cadence).into()),
        "answers" => ask.map(|ask| answers(ask.answers).into()),
        "jitter" => ask.map(|ask| percent(ask.jitter_ppm)),
        "heartbeat_write_stall" => ask.map(|ask| span(ask.write_stall)),
        "close_code" => a.close_code.map(|code| code.to_string()),
        _ => None,
    }
}

const fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::PongOnly => "pong",
        Evidence::AnyFrame => "frame",
        Evidence::AnyBytes => "bytes",
    }
}

const fn answers(answers: Answers) -> &'static str {
    match answers {
        Answers::Matching => "matching",
        Answers::Any => "any",
    }
}

const fn cadence(cadence: Cadence) -> &'static str {
    match cadence {
        Cadence::Together => "together",
        Cadence::Spread => "spread",
    }
}

fn percent(ppm: u32) -> String {
    format!("{}%", f64::from(ppm) / 10_000.0)
}

fn span(span: Span) -> String {
    value::duration_text(span.into())
}

/// Whole numbers and truth values stand bare, everything else in quotes.
fn scalar(text: &str) -> String {
    if is_bare(text) {
        return text.to_owned();
    }
    toml::Value::from(text).to_string()
}

fn is_bare(text: &str) -> bool {
    text == "true" || text == "false" || text.parse::<i64>().is_ok_and(|n| n.to_string() == text)
}
