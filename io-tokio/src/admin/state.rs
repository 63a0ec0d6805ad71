//! What all requests share.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use super::api::ListenerInfo;
use super::config::{AdminConfig, AdminLimits};
use super::feed::News;
use super::guard::Guard;
use super::snapshot::Snapshots;
use crate::server::Handle;

/// A server that an admin address tells of.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What is said of it.
    pub info: ListenerInfo,
    /// Its handle.
    pub handle: Handle,
}

impl Listener {
    /// A server of one driver, called `name`.
    #[must_use]
    pub fn new(name: &str, handle: Handle) -> Self {
        Listener { info: ListenerInfo { name: name.into(), workers: 1, ..ListenerInfo::default() }, handle }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) guard: Guard,
    pub(super) limits: AdminLimits,
    pub(super) listeners: Vec<Listener>,
    pub(super) news: News,
    pub(super) snapshots: Snapshots,
    /// One permit for each event stream that may be.
    pub(super) streams: Semaphore,
    pub(super) started_ms: u64,
    /// When the drivers answered last.
    pub(super) alive: tokio::sync::Mutex<Option<tokio::time::Instant>>,
}

impl State {
    pub(super) fn new(config: AdminConfig, listeners: Vec<Listener>) -> Self {
        State {
            limits: config.limits,
            streams: Semaphore::new(config.limits.streams_max as usize),
            guard: Guard::new(config.token, config.hosts),
            listeners,
            news: News::default(),
            snapshots: Snapshots::default(),
            started_ms: wall_ms(),
            alive: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.listeners.iter().any(|listener| listener.handle.is_draining())
    }
}

/// Unix milliseconds.
pub(super) fn wall_ms() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
}
