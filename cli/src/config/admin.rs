//! The settings of the admin address.

use wsbeat_tokio::admin::{AdminConfig, AdminError, AdminLimits};

use super::reader::{Reader, listen};
use super::{ConfigError, Settings, value};

/// Reads them; `None` where there is no admin address.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<AdminConfig> {
    let default = AdminLimits::default();
    let limits = AdminLimits {
        connections_max: reader.one("admin_max_connections", value::count(1..=u32::MAX)).unwrap_or(default.connections_max),
        streams_max: reader.one("admin_max_streams", value::count(0..=u32::MAX)).unwrap_or(default.streams_max),
        timeout: reader.one("admin_timeout", value::duration).unwrap_or(default.timeout),
        ..default
    };
    let token = reader.one("admin_token", |text| Ok(text.to_owned()));
    let hosts = reader.list("admin_host", host).unwrap_or_default();
    let config = AdminConfig { token, hosts, limits, ..AdminConfig::at(reader.one("admin", listen)?) };
    if let Err(error) = config.check() {
        let wrong = wrong(reader.settings, &error);
        reader.errors.push(wrong);
    }
    Some(config)
}

/// What a key is where nothing is said.
pub(super) fn default(key: &str) -> Option<Vec<String>> {
    let limits = AdminLimits::default();
    match key {
        "admin_host" => Some(Vec::new()),
        "admin_max_connections" => Some(vec![limits.connections_max.to_string()]),
        "admin_max_streams" => Some(vec![limits.streams_max.to_string()]),
        "admin_timeout" => Some(vec![value::duration_text(limits.timeout)]),
        _ => None,
    }
}

/// What the checks of the admin address say, in the words of the configuration.
fn wrong(settings: &Settings, error: &AdminError) -> ConfigError {
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

/// A name as it stands in `Host`, without a port.
fn host(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if is_name { Ok(text.to_owned()) } else { Err("write the name of a host, without a port".into()) }
}
