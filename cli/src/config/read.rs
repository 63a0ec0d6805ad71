//! Settings, read and checked.

use std::path::{Path, PathBuf};

use wsbeat_core::dialect::Dialect;
use wsbeat_core::policy::{Policy, PolicyConfig};
use wsbeat_tokio::admin::{AdminConfig, AdminError, AdminLimits};
use wsbeat_tokio::server::{BindError, OriginPattern, Origins, ServerConfig, ServerLimits};

use super::{ConfigError, Settings, file, keys, value};

/// The dialect of a server that was asked for nothing.
pub(super) const DIALECT: &str = "htx-spot-v1";

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

/// A server as it was asked for, checked.
#[derive(Clone, Debug)]
pub(crate) struct ServeConfig {
    /// The server.
    pub(crate) server: ServerConfig,
    /// What it does with messages.
    pub(crate) on_message: OnMessage,
    /// The file to record into.
    pub(crate) record: Option<PathBuf>,
    /// Its admin address.
    pub(crate) admin: Option<AdminConfig>,
    /// The policy that it gives.
    pub(crate) policy: Policy,
}

/// Reads the settings.
///
/// # Errors
/// All that is wrong with them, each by its place, key, value and limit.
pub(crate) fn read(settings: &Settings) -> Result<ServeConfig, Vec<ConfigError>> {
    let mut reader = Reader { settings, errors: Vec::new() };
    let on_message = reader.one("on_message", on_message).unwrap_or_default();
    let record = reader.one("record", record);
    let admin = reader.admin();
    let server = reader.server();
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    match server.check() {
        Ok(policy) => Ok(ServeConfig { server, on_message, record, admin, policy }),
        Err(error) => Err(vec![checked_wrong(settings, &error)]),
    }
}

struct Reader<'a> {
    settings: &'a Settings,
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    fn server(&mut self) -> ServerConfig {
        let default = ServerConfig::default();
        let policy = self.policy();
        ServerConfig {
            listen: self.list("listen", listen).unwrap_or(default.listen),
            dialect: self.dialect(&policy),
            policy,
            limits: self.limits(),
            origins: self.list("origin", origin).map_or(default.origins, Origins::allowing),
            seed: self.one("seed", value::count).unwrap_or(default.seed),
            drain: self.one("drain", value::duration).unwrap_or(default.drain),
            page: default.page,
        }
    }

    fn admin(&mut self) -> Option<AdminConfig> {
        let default = AdminLimits::default();
        let limits = AdminLimits {
            connections_max: self.one("admin_max_connections", value::count).unwrap_or(default.connections_max),
            streams_max: self.one("admin_max_streams", value::count).unwrap_or(default.streams_max),
            timeout: self.one("admin_timeout", value::duration).unwrap_or(default.timeout),
            ..default
        };
        let token = self.one("admin_token", |text| Ok(text.to_owned()));
        let hosts = self.list("admin_host", admin_host).unwrap_or_default();
        let config = AdminConfig { token, hosts, limits, ..AdminConfig::at(self.one("admin", listen)?) };
        if let Err(error) = config.check() {
            self.errors.push(admin_wrong(self.settings, &error));
        }
        Some(config)
    }

    fn limits(&mut self) -> ServerLimits {
        let default = ServerLimits::default();
        ServerLimits {
            connections_max: self.one("max_connections", value::count).unwrap_or(default.connections_max),
            per_ip_max: self.one("max_per_ip", value::count).unwrap_or(default.per_ip_max),
            message_bytes_max: self.one("max_message", value::size).unwrap_or(default.message_bytes_max),
            write_bytes_max: self.one("write_limit", value::size).unwrap_or(default.write_bytes_max),
            assembly: self.one("message_timeout", value::duration).unwrap_or(default.assembly),
            frames_per_message_max: self.one("max_frames", value::count).unwrap_or(default.frames_per_message_max),
            head_bytes_max: self.one("max_head", value::size).unwrap_or(default.head_bytes_max),
            headers_max: self.one("max_headers", value::count).unwrap_or(default.headers_max),
            backlog: self.one("backlog", value::count).unwrap_or(default.backlog),
            discard_bytes_max: self.one("discard_limit", value::size).unwrap_or(default.discard_bytes_max),
            ..default
        }
    }

    fn policy(&mut self) -> PolicyConfig {
        let mut policy = PolicyConfig::default();
        for key in PolicyConfig::KEYS {
            let Some(setting) = self.settings.get(key) else { continue };
            let Some(text) = setting.values.first() else { continue };
            if let Err(error) = policy.set(key, text) {
                self.errors.push(ConfigError { origin: Some(setting.origin.clone()), message: error.to_string() });
            }
        }
        policy
    }

    fn dialect(&mut self, policy: &PolicyConfig) -> Option<Dialect> {
        let own = self.one("dialects", load_dialects).unwrap_or_default();
        let id = self.settings.get("dialect").map_or(DIALECT, |setting| setting.values[0].as_str());
        if id == "none" {
            return None;
        }
        // A policy that cannot be is told of by the check of the whole.
        let tune = |dialect: Dialect| dialect.tuned(policy).unwrap_or(dialect);
        match find_dialect(id, &own) {
            Ok(dialect) => Some(tune(dialect)),
            Err(problem) => {
                self.wrong("dialect", id, &problem);
                None
            }
        }
    }

    /// The value of a key, where it is set and right.
    fn one<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.settings.get(key)?.values.first()?;
        parse(text).map_err(|problem| self.wrong(key, text, &problem)).ok()
    }

    /// The values of a key that takes a list, where it is set and all of it right.
    fn list<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let texts = &self.settings.get(key)?.values;
        texts.iter().map(|text| parse(text).map_err(|problem| self.wrong(key, text, &problem)).ok()).collect()
    }

    fn wrong(&mut self, key: &str, text: &str, problem: &str) {
        self.errors.push(ConfigError {
            origin: self.settings.get(key).map(|setting| setting.origin.clone()),
            message: format!("{key} = {text}: {problem}"),
        });
    }
}

/// What the checks of the server say, in the words of the configuration.
fn checked_wrong(settings: &Settings, error: &BindError) -> ConfigError {
    let (field, message) = match error {
        BindError::Policy(error) => (error.field, error.to_string()),
        BindError::Limit { field, value, limit } => {
            let key = key_of(field);
            (key, format!("{key} = {value}: {limit}"))
        }
        other => ("", other.to_string()),
    };
    ConfigError { origin: settings.get(field).map(|setting| setting.origin.clone()), message }
}

/// What the checks of the admin address say, in the words of the configuration.
fn admin_wrong(settings: &Settings, error: &AdminError) -> ConfigError {
    let (key, message) = match error {
        AdminError::Token => ("admin_token", error.to_string()),
        AdminError::Limit { field, value, limit } => {
            let key = match *field {
                "streams_max" => "admin_max_streams",
                "timeout" => "admin_timeout",
                _ => "admin_max_connections",
            };
            (key, format!("{key} = {value}: {limit}"))
        }
        _ => ("admin", error.to_string()),
    };
    ConfigError { origin: settings.get(key).map(|setting| setting.origin.clone()), message }
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

fn listen(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse().map_err(|_| "an address is an IP and a port, such as 127.0.0.1:8888, [::1]:8888 or 0.0.0.0:0".into())
}

/// A name as it stands in `Host`, without a port.
fn admin_host(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if is_name { Ok(text.to_owned()) } else { Err("write the name of a host, without a port".into()) }
}

fn origin(text: &str) -> Result<OriginPattern, String> {
    text.parse().map_err(|_| "write scheme://host[:port], with * for one label of the host, or * alone for all".into())
}

/// The dialects in a file of the user's.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn load_dialects(path: &str) -> Result<Vec<Dialect>, String> {
    let text = file::read_text(Path::new(path))?;
    Dialect::load(&text).map_err(|error| error.to_string())
}

/// The dialect of this id: one of the user's own, else an embedded one.
///
/// # Errors
/// There is none, and which id is the nearest.
pub(crate) fn find_dialect(id: &str, own: &[Dialect]) -> Result<Dialect, String> {
    let known = || own.iter().chain(Dialect::presets());
    if let Some(dialect) = known().find(|dialect| dialect.id() == id) {
        return Ok(dialect.clone());
    }
    let nearest = keys::most_like(id, known().map(Dialect::id)).unwrap_or("none");
    Err(format!("unknown dialect: the nearest known one is \"{nearest}\" (wsbeat dialects lists them)"))
}
