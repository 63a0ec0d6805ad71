//! Settings, read and checked.

use std::path::PathBuf;

use wsbeat_core::dialect::Dialect;
use wsbeat_core::policy::Policy;
use wsbeat_tokio::admin::AdminConfig;
use wsbeat_tokio::server::{BindError, ServerConfig};

use super::listeners::{self, ONLY, Table};
use super::reader::{Reader, tuned};
use super::{ConfigError, Layer, Origin, Settings, admin, value};
use crate::exit::Failure;

/// What the server does with a message that is no heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum OnMessage {
    /// Sends it back.
    #[default]
    Echo,
    /// Sends it to everyone.
    Broadcast,
    /// Nothing.
    Ignore,
}

impl OnMessage {
    /// Every one, in the order of the help.
    pub(crate) const ALL: [OnMessage; 3] = [OnMessage::Echo, OnMessage::Broadcast, OnMessage::Ignore];

    /// The name on command lines and in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            OnMessage::Echo => "echo",
            OnMessage::Broadcast => "broadcast",
            OnMessage::Ignore => "ignore",
        }
    }
}

/// The lines about connections that are logged in a second where nothing is said.
pub(super) const LOG_LINES_PER_S: u32 = 100;

/// What was asked for, checked.
#[derive(Clone, Debug)]
pub(crate) struct ServeConfig {
    /// The listeners, in their order; at least one.
    pub(crate) listeners: Vec<ListenerConfig>,
    /// How many lines about verdicts are logged in a second at most, and as many about the rest; 0 for all.
    pub(crate) log_lines_per_s: u32,
    /// The admin address.
    pub(crate) admin: Option<AdminConfig>,
}

/// A listener as it was asked for, checked: a server of its own in the same process.
#[derive(Clone, Debug)]
pub(crate) struct ListenerConfig {
    /// Its name; `default` where the file has no tables.
    pub(crate) name: String,
    /// What was set for it, by any layer.
    pub(crate) settings: Settings,
    /// The server.
    pub(crate) server: ServerConfig,
    /// The dialect before `interval` and `misses` were laid over it.
    pub(crate) dialect: Option<Dialect>,
    /// What it does with messages.
    pub(crate) on_message: OnMessage,
    /// The file to record into.
    pub(crate) record: Option<PathBuf>,
    /// The policy that it gives.
    pub(crate) policy: Policy,
}

impl ServeConfig {
    /// The only listener, for commands that know no more than one.
    ///
    /// # Errors
    /// There are several.
    pub(crate) fn only(self) -> Result<ListenerConfig, Failure> {
        let count = self.listeners.len();
        match <[ListenerConfig; 1]>::try_from(self.listeners) {
            Ok([one]) => Ok(one),
            Err(_) => Err(Failure::usage(format_args!("the file has {count} listeners: one is wanted here"))),
        }
    }
}

impl ListenerConfig {
    /// This listener under the policy that `wished` asks for, and under nothing else of it: what can change while it runs.
    ///
    /// # Errors
    /// Together with the dialect that runs it gives no policy.
    pub(crate) fn under_policy_of(&self, wished: &ListenerConfig) -> Result<Policy, BindError> {
        if self.dialect == wished.dialect {
            return Ok(wished.policy.clone());
        }
        let policy = wished.server.policy.clone();
        let dialect = self.dialect.clone().map(|dialect| tuned(dialect, &policy));
        ServerConfig { policy, dialect, ..self.server.clone() }.check()
    }
}

/// Reads the settings.
///
/// # Errors
/// All that is wrong with them, each by its place, key, value and limit.
pub(super) fn read(layer: &Layer) -> Result<ServeConfig, Vec<ConfigError>> {
    let mut errors = listeners::check(layer);
    let mut reader = Reader::new(&layer.settings);
    let log_lines_per_s = reader.one("log_lines_per_s", value::count(0..=u32::MAX)).unwrap_or(LOG_LINES_PER_S);
    let admin = admin::read(&mut reader);
    errors.append(&mut reader.errors);
    let mut all = Vec::new();
    for (number, table) in (0..).zip(listeners::all(layer)) {
        match listener(table, number) {
            Ok(one) => all.push(one),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.is_empty() { Ok(ServeConfig { listeners: all, log_lines_per_s, admin }) } else { Err(errors) }
}

/// Reads the settings of listener `number`.
fn listener(table: Table, number: u64) -> Result<ListenerConfig, Vec<ConfigError>> {
    let mut reader = Reader::new(&table.settings);
    let on_message = reader.one("on_message", on_message).unwrap_or_default();
    let record = reader.one("record", record);
    let (mut server, dialect) = reader.server();
    // Each draws its own phases.
    server.seed = server.seed.wrapping_add(number);
    let errors = reader.errors;
    let policy = check(&table, &server, errors)?;
    Ok(ListenerConfig { name: table.name, settings: table.settings, server, dialect, on_message, record, policy })
}

/// The policy of a server that was read, or all that is wrong with it: what is wrong is taken out, and the rest looked at again.
fn check(table: &Table, server: &ServerConfig, mut errors: Vec<ConfigError>) -> Result<Policy, Vec<ConfigError>> {
    let (mut settings, mut server) = (table.settings.clone(), server.clone());
    let is_wrong = |origin: &Origin| errors.iter().any(|error| error.origin.as_ref() == Some(origin));
    let unread: Vec<&str> = table.settings.by_key.iter().filter(|(_, setting)| is_wrong(&setting.origin)).map(|(key, _)| *key).collect();
    unread.into_iter().for_each(|key| drop(settings.take_out(key)));
    if !errors.is_empty() {
        server = Reader::new(&settings).server().0;
    }
    loop {
        let error = match server.check() {
            Ok(policy) if errors.is_empty() => return Ok(policy),
            Ok(_) => return Err(errors),
            Err(error) => error,
        };
        let (key, message) = checked_wrong(&error);
        let taken_out = settings.take_out(key);
        if taken_out.is_some() || errors.is_empty() {
            let origin = taken_out.clone().or_else(|| (table.name != ONLY).then(|| table.origin.clone()));
            errors.push(ConfigError { origin, message });
        }
        if taken_out.is_none() {
            return Err(errors);
        }
        server = Reader::new(&settings).server().0;
    }
}

impl Settings {
    /// Takes out a key that is wrong, with those that mean nothing without it; tells where it stood.
    fn take_out(&mut self, key: &str) -> Option<Origin> {
        let origin = self.by_key.remove(key)?.origin;
        if ["profile", "ping_interval"].contains(&key) {
            ["profile", "ping_interval", "ping_timeout"].into_iter().for_each(|key| drop(self.by_key.remove(key)));
        }
        Some(origin)
    }
}

/// What the checks of the server say, in the words of the configuration: the key, and what is wrong with it.
fn checked_wrong(error: &BindError) -> (&'static str, String) {
    match error {
        BindError::Policy(error) => (error.field, error.to_string()),
        BindError::Limit { field, value, limit } => {
            let key = key_of(field);
            (key, format!("{key} = {value}: {limit}"))
        }
        other => ("", other.to_string()),
    }
}

/// The key of a limit of the server's.
fn key_of(field: &'static str) -> &'static str {
    match field {
        "connections_max" => "max_connections",
        "per_ip_max" => "max_per_ip",
        "message_bytes_max" => "max_message",
        "write_bytes_max" => "write_limit",
        "assembly" => "message_timeout",
        "frames_per_message_max" => "max_frames",
        "head_bytes_max" => "max_head",
        "headers_max" => "max_headers",
        other => other,
    }
}

fn on_message(text: &str) -> Result<OnMessage, String> {
    OnMessage::ALL
        .into_iter()
        .find(|one| one.name() == text)
        .ok_or_else(|| format!("one of {}", OnMessage::ALL.map(OnMessage::name).join(", ")))
}

fn record(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("write the path of a file".into());
    }
    Ok(text.into())
}
