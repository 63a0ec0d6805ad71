//! Settings as what they mean: each value read, where it is right.

use std::path::{Path, PathBuf};

use wsbeat_core::dialect::Dialect;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::server::{OriginPattern, Origins, ServerConfig, ServerLimits, TlsConfig};

use super::{ConfigError, Settings, file, keys, value};

/// The dialect of a server that was asked for nothing.
pub(super) const DIALECT: &str = "htx-spot-v1";

/// The settings of a listener, and what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    pub(super) errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(settings: &'a Settings) -> Self {
        Reader { settings, errors: Vec::new() }
    }

    /// The server, and its dialect before the policy's wishes were laid over it.
    pub(super) fn server(&mut self) -> (ServerConfig, Option<Dialect>) {
        let default = ServerConfig::default();
        let policy = self.policy();
        let dialect = self.dialect();
        let server = ServerConfig {
            listen: self.list("listen", listen).unwrap_or(default.listen),
            dialect: dialect.clone().map(|dialect| tuned(dialect, &policy)),
            policy,
            limits: self.limits(),
            tls: self.tls(),
            origins: self.list("origin", origin).map_or(default.origins, Origins::allowing),
            seed: self.one("seed", value::count(0..=u64::MAX)).unwrap_or(default.seed),
            drain: self.one("drain", value::duration).unwrap_or(default.drain),
            workers: self.one("workers", value::count(1..=ServerConfig::WORKERS_MAX)).unwrap_or(default.workers),
            ..default
        };
        (server, dialect)
    }

    fn tls(&mut self) -> Option<TlsConfig> {
        let path = |text: &str| Ok(PathBuf::from(text));
        let (cert, key) = match (self.one("tls_cert", path), self.one("tls_key", path)) {
            (Some(cert), Some(key)) => (cert, key),
            (Some(cert), None) => return self.alone("tls_cert", &cert, "tls_key"),
            (None, Some(key)) => return self.alone("tls_key", &key, "tls_cert"),
            (None, None) => return None,
        };
        let wrong = |error: wsbeat_tokio::server::TlsConfigError| {
            let field = if error.file == cert { "tls_cert" } else { "tls_key" };
            self.wrong(field, &error.file.display().to_string(), &error.problem);
        };
        TlsConfig::from_pem_files(&cert, &key).map_err(wrong).ok()
    }

    fn alone(&mut self, key: &str, path: &Path, missing: &str) -> Option<TlsConfig> {
        self.wrong(key, &path.display().to_string(), &format!("{missing} is needed beside it"));
        None
    }

    fn limits(&mut self) -> ServerLimits {
        let default = ServerLimits::default();
        ServerLimits {
            connections_max: self.one("max_connections", value::count(1..=u32::MAX)).unwrap_or(default.connections_max),
            per_ip_max: self.one("max_per_ip", value::count(1..=u32::MAX)).unwrap_or(default.per_ip_max),
            message_bytes_max: self.one("max_message", value::size).unwrap_or(default.message_bytes_max),
            write_bytes_max: self.one("write_limit", value::size).unwrap_or(default.write_bytes_max),
            assembly: self.one("message_timeout", value::duration).unwrap_or(default.assembly),
            frames_per_message_max: self.one("max_frames", value::count(1..=u32::MAX)).unwrap_or(default.frames_per_message_max),
            head_bytes_max: self.one("max_head", value::size).unwrap_or(default.head_bytes_max),
            headers_max: self
                .one("max_headers", value::count(ServerLimits::HEADERS_MIN..=ServerLimits::HEADERS_MAX))
                .unwrap_or(default.headers_max),
            backlog: self.one("backlog", value::count(1..=u32::MAX)).unwrap_or(default.backlog),
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

    fn dialect(&mut self) -> Option<Dialect> {
        let own = self.one("dialects", load_dialects).unwrap_or_default();
        let id = self.settings.get("dialect").map_or(DIALECT, |setting| setting.values[0].as_str());
        if id == "none" {
            return None;
        }
        find_dialect(id, &own).map_err(|problem| self.wrong("dialect", id, &problem)).ok()
    }

    /// The value of a key, where it is set and right.
    pub(super) fn one<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.settings.get(key)?.values.first()?;
        parse(text).map_err(|problem| self.wrong(key, text, &problem)).ok()
    }

    /// The values of a key that takes a list, where it is set and all of it right.
    pub(super) fn list<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let texts = &self.settings.get(key)?.values;
        texts.iter().map(|text| parse(text).map_err(|problem| self.wrong(key, text, &problem)).ok()).collect()
    }

    pub(super) fn wrong(&mut self, key: &str, text: &str, problem: &str) {
        self.errors.push(ConfigError {
            origin: self.settings.get(key).map(|setting| setting.origin.clone()),
            message: format!("{key} = {text}: {problem}"),
        });
    }
}

/// The dialect as it speaks under this policy. A policy that cannot be is told of by the check of the whole.
pub(super) fn tuned(dialect: Dialect, policy: &PolicyConfig) -> Dialect {
    dialect.tuned(policy).unwrap_or(dialect)
}

pub(super) fn listen(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse().map_err(|_| "an address is an IP and a port, such as 127.0.0.1:8888, [::1]:8888 or 0.0.0.0:0".into())
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
