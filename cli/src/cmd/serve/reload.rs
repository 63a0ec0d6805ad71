//! A new configuration for servers that run: what can change does, what cannot is named, and a bad one changes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::timeout;
use wsbeat_core::policy::{Policy, PolicyConfig};

use super::admin;
use super::limit::Limit;
use super::listener::Listener;
use crate::config::{self, ListenerConfig, ServeConfig};
use crate::exit::Failure;
use crate::json::Object;
use crate::logging::{Level, Logger};

/// The keys beside those of the policy that change while a listener runs.
const LIVE: [&str; 12] = [
    "on_message",
    "log_lines_per_s",
    "origin",
    "drain",
    "max_per_ip",
    "max_message",
    "write_limit",
    "message_timeout",
    "max_frames",
    "max_head",
    "max_headers",
    "discard_limit",
];

/// The files of TLS: read again each time, and new connections get what they hold. TLS itself does not come or go.
const TLS: [&str; 2] = ["tls_cert", "tls_key"];

/// How long the drivers may take before it goes on without them.
const SETTLE_MAX: Duration = Duration::from_secs(1);

/// What a new configuration means for one listener.
struct Change {
    policy: Policy,
    /// The keys whose new values are in force from now on.
    live: Vec<&'static str>,
    /// The keys whose new values wait for a restart.
    later: BTreeSet<&'static str>,
}

/// Puts `wished` into force as far as it can be. Open connections come under the new policy at once.
pub(super) async fn apply(wished: Result<ServeConfig, Failure>, listeners: &mut [Listener], limit: &Limit, log: &Logger) {
    let planned = wished.and_then(|wished| Ok((plan(&wished, listeners)?, wished)));
    let (changes, wished) = match planned {
        Ok(planned) => planned,
        Err(failure) => return refuse(&failure, log),
    };
    limit.set(wished.log_lines_per_s);
    for (place, (listener, change)) in listeners.iter_mut().zip(changes).enumerate() {
        // What holds for the process is told once.
        let tells = |key: &str| place == 0 || !config::is_of_process(key);
        match (change, wished.listeners.iter().find(|one| one.name == listener.config.name)) {
            (Some(change), Some(new)) => adopt(listener, new, change, tells, log).await,
            _ => later(log, &listener.config.name, "it is gone from the configuration and goes on as it was"),
        }
    }
    let is_new = |one: &&ListenerConfig| listeners.iter().all(|listener| listener.config.name != one.name);
    wished.listeners.iter().filter(is_new).for_each(|one| later(log, &one.name, "it is new"));
}

/// What the new configuration means for each listener; `None` for one that it does not have.
fn plan(wished: &ServeConfig, listeners: &[Listener]) -> Result<Vec<Option<Change>>, Failure> {
    let change = |listener: &Listener| {
        let Some(new) = wished.listeners.iter().find(|one| one.name == listener.config.name) else { return Ok(None) };
        Change::between(&listener.config, new).map(Some)
    };
    listeners.iter().map(change).collect()
}

impl Change {
    fn between(old: &ListenerConfig, new: &ListenerConfig) -> Result<Self, Failure> {
        let name = &old.name;
        let policy = old.under_policy_of(new).map_err(|error| Failure::usage(format_args!("listener {name}: {error}")))?;
        let (live, later): (Vec<_>, Vec<_>) = old.settings.differing(&new.settings).into_iter().partition(|key| is_live(key, old, new));
        let mut later = BTreeSet::from_iter(later);
        if old.dialect != new.dialect {
            // The file that it stands in may have changed, and no key.
            later.insert("dialect");
        }
        Ok(Change { policy, live, later })
    }
}

fn is_live(key: &str, old: &ListenerConfig, new: &ListenerConfig) -> bool {
    let both_have_tls = old.server.tls.is_some() && new.server.tls.is_some();
    LIVE.contains(&key) || PolicyConfig::KEYS.contains(&key) || (TLS.contains(&key) && both_have_tls)
}

/// Does it, and says so once the drivers have done it.
async fn adopt(listener: &mut Listener, new: &ListenerConfig, change: Change, tells: impl Fn(&str) -> bool, log: &Logger) {
    let name = &listener.config.name;
    let mut server = new.server.clone();
    if listener.config.dialect != new.dialect {
        server.dialect.clone_from(&listener.config.server.dialect);
    }
    if let Err(error) = listener.handle.reconfigure(&server) {
        return stays(log, name, "what was set before stays", &error);
    }
    if change.policy != listener.config.policy {
        if let Err(error) = listener.handle.set_policy(change.policy.clone()) {
            return stays(log, name, "the old policy stays", &error);
        }
        if listener.config.record.is_some() {
            log.log(Level::Warn, "the recording ends here: a trace cannot say that the policy changed", || {
                Object::default().with("listener", name)
            });
        }
    }
    if let (Some(_), Some(tls)) = (&listener.config.server.tls, &new.server.tls) {
        if let Err(error) = listener.handle.set_tls(tls.clone()) {
            return stays(log, name, "the old certificate stays", &error);
        }
        // Its files may hold another one although no key has changed.
        let name = &listener.config.name;
        log.log(Level::Info, &format!("listener {name}: the certificate was read again: new connections get it"), || {
            Object::default().with("event", "certificate").with("listener", name)
        });
    }
    let config = &mut listener.config;
    config.policy = change.policy;
    config.on_message = new.on_message;
    config.server.dialect = server.dialect;
    config.settings.take(&change.live, &new.settings);
    listener.live.set(config);
    listener.shown.set_info(admin::info(config, listener.shown.info().urls));
    // Commands are done in order: when this one is answered, those before it are done. One that does not turn is told of by the watchdog.
    let _ = timeout(SETTLE_MAX, listener.handle.figures()).await;
    let name = &listener.config.name;
    let live: Vec<&str> = change.live.into_iter().filter(|key| tells(key)).collect();
    if !live.is_empty() {
        log.log(Level::Info, &format!("listener {name}: in force from now on: {}", live.join(", ")), || {
            Object::default().with("event", "reloaded").with("listener", name).with("keys", &live)
        });
    }
    for key in change.later.iter().filter(|key| tells(key)) {
        log.log(Level::Warn, &format!("listener {name}: {key} needs a restart: the old value stays in force"), || {
            Object::default().with("event", "needs-restart").with("listener", name).with("key", key)
        });
    }
}

fn stays(log: &Logger, name: &str, what: &str, error: &dyn std::fmt::Display) {
    log.log(Level::Error, &format!("listener {name}: {what} in force: {error}"), || Object::default().with("listener", name));
}

fn later(log: &Logger, name: &str, what: &str) {
    log.log(Level::Warn, &format!("listener {name} needs a restart: {what}"), || {
        Object::default().with("event", "needs-restart").with("listener", name)
    });
}

fn refuse(failure: &Failure, log: &Logger) {
    for message in &failure.messages {
        log.log(Level::Error, &format!("configuration refused, the old one stays in force: {message}"), || {
            Object::default().with("event", "refused").with("error", message)
        });
    }
}
