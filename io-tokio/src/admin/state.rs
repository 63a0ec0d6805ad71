//! What all requests share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use super::api::ListenerInfo;
use super::config::{AdminConfig, AdminLimits};
use super::feed::News;
use super::guard::{Denied, DeniedCounts, Guard};
use super::routes::Problem;
use super::snapshot::Snapshots;
use crate::server::Handle;

/// A server that an admin address tells of. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Listener {
    name: Arc<str>,
    info: Arc<Mutex<ListenerInfo>>,
    pub(super) handle: Handle,
}

impl Listener {
    /// The server of this handle, of which `info` is said.
    #[must_use]
    pub fn new(info: ListenerInfo, handle: Handle) -> Self {
        Listener { name: info.name.as_str().into(), info: Arc::new(Mutex::new(info)), handle }
    }

    /// From now on this is said of it, under the same name: its policy changed.
    pub fn set_info(&self, info: ListenerInfo) {
        let name = self.name.to_string();
        *self.info.lock().unwrap_or_else(PoisonError::into_inner) = ListenerInfo { name, ..info };
    }

    /// What is said of it.
    #[must_use]
    pub fn info(&self) -> ListenerInfo {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) guard: Guard,
    pub(super) refused: DeniedCounts,
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
            refused: DeniedCounts::default(),
            listeners,
            news: News::default(),
            snapshots: Snapshots::default(),
            started_ms: wall_ms(),
            alive: tokio::sync::Mutex::default(),
        }
    }

    /// Counts a refusal and gives its answer.
    pub(super) fn denied(&self, reason: Denied) -> Problem {
        self.refused.add(reason);
        let limit = match reason {
            Denied::Connections => self.limits.connections_max,
            Denied::Streams => self.limits.streams_max,
            Denied::Host | Denied::Origin | Denied::Token | Denied::Form => 0,
        };
        Problem::Denied(reason, limit)
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
