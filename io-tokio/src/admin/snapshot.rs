//! All connections as they were a moment ago: kept for a second, so that paging and searching ask the drivers once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use wsbeat_core::event::ConnId;

use super::answer::Problem;
use super::listener::Listener;
use crate::server::ConnectionLook;

/// How old a snapshot may be that is shown.
const FRESH: Duration = Duration::from_secs(1);
/// How long one is kept that nobody asks for: it is large.
const IDLE: Duration = Duration::from_secs(10);

/// The connections of all listeners.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// By listener, in their order.
    pub(super) listeners: Vec<Vec<ConnectionLook>>,
    /// When it was complete, in Unix milliseconds.
    pub(super) taken_ms: u64,
}

/// The snapshot that is kept.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    kept: Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl Snapshots {
    /// One that is fresh; the drivers get so much time to answer. Whoever asks while it is being made gets the same.
    pub(super) async fn fresh(&self, listeners: &[Listener], patience: Duration) -> Result<Arc<Snapshot>, Problem> {
        let mut kept = self.kept.lock().await;
        if let Some((taken, snapshot)) = &*kept {
            if taken.elapsed() < FRESH {
                return Ok(Arc::clone(snapshot));
            }
        }
        // The memory of the old one is given back before a new one takes as much.
        *kept = None;
        let snapshot = Arc::new(take(listeners, patience).await?);
        *kept = Some((Instant::now(), Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    /// The id of a connection of `listener`, by its place, that was seen last time.
    pub(super) async fn last_seen(&self, listener: usize, number: u64) -> Option<ConnId> {
        let kept = self.kept.lock().await;
        let (_, snapshot) = kept.as_ref()?;
        let looks = snapshot.listeners.get(listener)?;
        looks.iter().map(|look| look.id).find(|id| id.number() == number)
    }

    /// Forgets what nobody has asked for in a while.
    pub(super) async fn expire(&self) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|(taken, _)| taken.elapsed() > IDLE) {
            *kept = None;
        }
    }
}

async fn take(listeners: &[Listener], patience: Duration) -> Result<Snapshot, Problem> {
    let mut snapshot = Snapshot { listeners: Vec::with_capacity(listeners.len()), taken_ms: 0 };
    for listener in listeners {
        let asked = timeout(patience, listener.handle.connections());
        let looks = asked.await.map_err(|_| Problem::Driver)?.map_err(|_| Problem::Driver)?;
        tracing::debug!(
            target: "wsbeat",
            connections = looks.connections.len(),
            slice_max_us = looks.slice_max.as_nanos() / 1_000,
            "looked at all connections"
        );
        snapshot.taken_ms = snapshot.taken_ms.max(looks.taken_ms);
        snapshot.listeners.push(looks.connections);
    }
    Ok(snapshot)
}
