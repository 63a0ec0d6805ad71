//! The admin address of `serve`.

use wsbeat_core::time::Span;
use wsbeat_tokio::admin::api::ListenerInfo;
use wsbeat_tokio::admin::{Admin, AdminConfig, AdminError, Listener, VerdictFeed};

use crate::config::ListenerConfig;
use crate::exit::{Exit, Failure};

/// Listens at the admin address.
pub(super) fn bind(config: AdminConfig, listeners: Vec<Listener>, feed: VerdictFeed) -> Result<Admin, Failure> {
    Admin::bind(config, listeners, feed).map_err(|error| match error {
        AdminError::Listen { .. } => Failure::new(Exit::Unreachable, error),
        other => Failure::usage(other),
    })
}

/// What the admin address says of a listener at these addresses.
pub(super) fn info(config: &ListenerConfig, urls: Vec<String>) -> ListenerInfo {
    let (transport, application) = (config.policy.transport.as_ref(), config.policy.application.as_ref());
    ListenerInfo {
        name: config.name.clone(),
        urls,
        dialect: config.server.dialect.as_ref().map(|dialect| dialect.id().to_owned()),
        profile: transport.map(|transport| transport.profile.name().to_owned()),
        interval_ms: application.and_then(|application| application.ask.as_ref()).map(|ask| millis(ask.period)),
        ping_interval_ms: transport.map(|transport| millis(transport.interval)),
        workers: config.server.workers,
    }
}

fn millis(span: Span) -> u64 {
    span.as_nanos() / 1_000_000
}
