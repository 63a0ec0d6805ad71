//! What all requests share.

use tokio::sync::Semaphore;

use super::answer::Problem;
use super::config::{AdminConfig, AdminLimits};
use super::feed::News;
use super::guard::{Denied, DeniedCounts, Guard};
use super::listener::Listener;
use super::snapshot::Snapshots;
use crate::clock::wall_ms;

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
