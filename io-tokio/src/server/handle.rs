//! The server from elsewhere: other tasks, other threads.

use std::sync::Arc;

use tokio::sync::oneshot;
use wsbeat_core::dialect::Message;
use wsbeat_core::event::ConnId;
use wsbeat_core::policy::Policy;
use wsbeat_core::stats::Stats;

use super::config::ServerConfig;
use super::control::{CloseReason, PingPayload};
use super::error::{HandleError, ReconfigureError};
use super::figures::Figures;
use super::frame;
use super::shared::{Command, Settings};
use super::stats::ServerStats;
use super::tls::TlsConfig;
use super::workers::{Stop, Workers};

/// A server's handle for other tasks and threads: cheap to clone, never waits.
///
/// Commands are queued, at most [`commands_max`](super::ServerLimits::commands_max) of them at each worker, and done in order
/// by the driver's next turn. A connection may end in between: such commands do nothing and are counted. The bound is one of
/// number and not of bytes: until its turn comes each message is held whole, so whoever sends long ones through a handle
/// bounds what is under way by itself, or lowers `commands_max`.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) workers: Arc<Workers>,
}

impl Handle {
    /// Sends a message to a connection.
    ///
    /// # Errors
    /// No open connection of this id, the queue is full, or the server has ended.
    pub fn send(&self, id: ConnId, message: Message<'_>) -> Result<(), HandleError> {
        self.known(id)?;
        self.workers.ask(id, Command::Send(id, frame::message(message)))
    }

    /// Sends a ping of the user's to a connection; its pong comes to [`Handler::pong`](super::Handler::pong).
    ///
    /// # Errors
    /// As [`send`](Handle::send).
    pub fn ping(&self, id: ConnId, payload: PingPayload) -> Result<(), HandleError> {
        self.known(id)?;
        self.workers.ask(id, Command::Ping(id, payload))
    }

    /// Sends a message to every connection that is open when its turn comes, encoded once.
    ///
    /// # Errors
    /// The queue of a worker is full, and nobody gets it, or the server has ended.
    pub fn broadcast(&self, message: Message<'_>) -> Result<(), HandleError> {
        let frame = frame::message(message);
        self.workers.ask_all(|| Command::Broadcast(frame.clone()))
    }

    /// Closes a connection, after what was sent to it before.
    ///
    /// # Errors
    /// As [`send`](Handle::send).
    pub fn close(&self, id: ConnId, reason: CloseReason) -> Result<(), HandleError> {
        self.known(id)?;
        self.workers.ask(id, Command::Close(id, reason))
    }

    /// Puts all connections, open ones too, under another policy, such as [`ServerConfig::check`](super::ServerConfig::check)
    /// gives. The dialect stays: a policy made for another one asks in the words of this one.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub fn set_policy(&self, policy: Policy) -> Result<(), HandleError> {
        self.workers.ask_all(|| Command::Policy(Box::new(policy.clone())))
    }

    /// Gives new connections another certificate; open ones keep theirs. A server that was bound without TLS has it from then on.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub fn set_tls(&self, tls: TlsConfig) -> Result<(), HandleError> {
        self.workers.ask_all(|| Command::Tls(tls.clone()))
    }

    /// Takes from `config` what may change while the server runs; open connections come under it too.
    ///
    /// This is the origins, the drain time, the limits but for `connections_max`, `backlog` and `commands_max`, and, where the
    /// dialect has the same id, what it says of itself to those that connect. Nothing else is looked at: the policy has
    /// [`set_policy`](Handle::set_policy), the certificate [`set_tls`](Handle::set_tls). A message that is under way keeps the
    /// limit under which it began.
    ///
    /// # Errors
    /// A setting that cannot be, the queue is full, or the server has ended.
    pub fn reconfigure(&self, config: &ServerConfig) -> Result<(), ReconfigureError> {
        config.check()?;
        let settings = Settings {
            limits: config.limits,
            origins: Arc::new(config.origins.clone()),
            dialect: config.dialect.clone().map(Arc::new),
            drain: config.drain,
        };
        self.workers.ask_all(|| Command::Settings(Box::new(settings.clone())))?;
        self.workers.set_per_ip_max(config.limits.per_ip_max);
        Ok(())
    }

    /// What the core counted, how connections ended, and how late the driver's timer was.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub async fn figures(&self) -> Result<Box<Figures>, HandleError> {
        let mut asked = Vec::new();
        for shared in self.workers.each() {
            let (sender, receiver) = oneshot::channel();
            match self.workers.push(shared, Command::Figures(sender)) {
                Ok(()) | Err(HandleError::Stopped) => asked.push((shared, receiver)),
                Err(error) => return Err(error),
            }
        }
        let mut sum = Box::<Figures>::default();
        for (shared, receiver) in asked {
            // One that has ended left its last ones behind.
            if let Some(figures) = receiver.await.ok().or_else(|| shared.last_figures()) {
                sum.merge(&figures);
            }
        }
        if self.workers.stop() == Stop::Stopped { Err(HandleError::Stopped) } else { Ok(sum) }
    }

    /// What the core counted: pings, answers and the histograms of their round trips.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub async fn heartbeat_stats(&self) -> Result<Box<Stats>, HandleError> {
        Ok(Box::new(self.figures().await?.heartbeats))
    }

    /// How many connections are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.workers.open()
    }

    /// What the server has counted up to now, all workers together.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        self.workers.stats()
    }

    /// Whether a drain was asked for: `/readyz` says 503 from then on.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.workers.stop() != Stop::Running
    }

    /// Ends the server in order: accepts no more, closes every connection with 1001, spread over half of the drain time, and
    /// returns from [`Server::run`](super::Server::run) when all have ended or the time is up. Asked for a second time, it ends now.
    pub fn drain(&self) {
        if !self.start_drain() {
            self.shutdown();
        }
    }

    /// Begins to [`drain`](Handle::drain) unless it was asked for before. Returns whether it began now; asked for again, it
    /// does nothing.
    pub fn start_drain(&self) -> bool {
        self.workers.stop_from(Stop::Running, Stop::Draining)
    }

    /// Ends the server now: every connection is dropped.
    pub fn shutdown(&self) {
        if !self.workers.stop_from(Stop::Running, Stop::Now) {
            self.workers.stop_from(Stop::Draining, Stop::Now);
        }
    }

    fn known(&self, id: ConnId) -> Result<(), HandleError> {
        if self.workers.stop() == Stop::Stopped {
            return Err(HandleError::Stopped);
        }
        let is_live = self.workers.of(id).is_some_and(|shared| shared.is_live(id));
        if is_live { Ok(()) } else { Err(HandleError::Unknown(id)) }
    }
}
