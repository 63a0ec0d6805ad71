//! What a supervisor is told (systemd's `Type=notify-reload`, sd_notify(3)). Without `NOTIFY_SOCKET` nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;
use wsbeat_tokio::server::Handle;

use crate::json::Object;
use crate::logging::{Level, Logger};

/// All listeners accept.
pub(super) fn ready(log: &Logger) {
    tell(&[NotifyState::Ready], log);
}

/// The configuration is read again; [`ready`] says that this is done.
pub(super) fn reloading(log: &Logger) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now], log),
        Err(error) => cannot(&error, log),
    }
}

/// The end has begun.
pub(super) fn stopping(log: &Logger) {
    tell(&[NotifyState::Stopping], log);
}

/// Feeds the watchdog where the supervisor keeps one, for as long as every driver turns: each has to answer a question
/// within the watchdog's time, or nothing is said and the supervisor ends us.
pub(super) async fn watchdog(handles: Vec<Handle>, log: Logger) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut tick = tokio::time::interval(limit / 3);
    loop {
        tick.tick().await;
        if all_turn(&handles, limit / 3).await {
            tell(&[NotifyState::Watchdog], &log);
        } else {
            log.log(Level::Error, "a driver does not turn: the watchdog is not fed", Object::default);
        }
    }
}

/// Whether every driver answers in this time. One that has ended is not asked: an ordered end takes its time.
async fn all_turn(handles: &[Handle], within: Duration) -> bool {
    let answers = async {
        for handle in handles {
            // A full queue is no answer either: it is the driver that empties it.
            if handle.heartbeat_stats().await.is_err() && !handle.is_draining() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(within, answers).await.unwrap_or(false)
}

fn tell(state: &[NotifyState<'_>], log: &Logger) {
    if let Err(error) = sd_notify::notify(state) {
        cannot(&error, log);
    }
}

fn cannot(error: &std::io::Error, log: &Logger) {
    log.log(Level::Warn, &format!("the supervisor cannot be told: {error}"), Object::default);
}
