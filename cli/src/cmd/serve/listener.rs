//! A server that runs.

use std::sync::Arc;

use wsbeat_tokio::admin::Listener as Shown;
use wsbeat_tokio::server::Handle;

use super::live::Live;
use crate::config::ListenerConfig;

/// One that runs.
pub(super) struct Listener {
    /// What is in force.
    pub(super) config: ListenerConfig,
    /// The way in.
    pub(super) handle: Handle,
    /// What its handlers look at.
    pub(super) live: Arc<Live>,
    /// What the admin address tells of.
    pub(super) shown: Shown,
}
