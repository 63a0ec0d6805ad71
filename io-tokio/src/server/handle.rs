//! The server from elsewhere: other tasks, other threads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mio::Waker;
use tokio::sync::oneshot;
use wsbeat_core::dialect::Message;
use wsbeat_core::event::ConnId;
use wsbeat_core::policy::Policy;
use wsbeat_core::stats::Stats;

use super::control::{CloseReason, PingPayload};
use super::error::HandleError;
use super::figures::Figures;
use super::frame;
use super::look::Look;
use super::stats::ServerStats;
use super::tls::TlsConfig;

/// What a [`Handle`] asks of the driver. Messages come encoded: that work is the caller's, not the driver's.
#[derive(Debug)]
pub(super) enum Command {
    Send(ConnId, Bytes),
    Ping(ConnId, PingPayload),
    Broadcast(Bytes),
    Close(ConnId, CloseReason),
    Policy(Box<Policy>),
    Tls(TlsConfig),
    Figures(oneshot::Sender<Box<Figures>>),
    Look(Look),
}

/// How far the end of the server has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stop {
    Running = 0,
    Draining = 1,
    Now = 2,
    Stopped = 3,
}

impl Stop {
    const fn from_u8(n: u8) -> Self {
        match n {
            0 => Stop::Running,
            1 => Stop::Draining,
            2 => Stop::Now,
            _ => Stop::Stopped,
        }
    }
}

/// What the driver and its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    commands: Mutex<VecDeque<Command>>,
    commands_max: u32,
    stop: AtomicU8,
    waker: Waker,
    /// The driver was woken and has not looked yet: once is enough.
    is_woken: AtomicBool,
    pub(super) stats: ServerStats,
    /// One more than the generation of the open connection in each slot; 0 where there is none.
    live: Box<[AtomicU32]>,
}

impl Shared {
    pub(super) fn new(commands_max: u32, connections_max: u32, waker: Waker) -> Self {
        Shared {
            commands: Mutex::default(),
            commands_max,
            stop: AtomicU8::new(Stop::Running as u8),
            waker,
            is_woken: AtomicBool::new(false),
            stats: ServerStats::default(),
            live: (0..connections_max).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    pub(super) fn set_live(&self, id: ConnId, is_live: Live) {
        let Some(slot) = self.live.get(id.index as usize) else { return };
        let mark = match is_live {
            Live::Yes => id.generation.wrapping_add(1),
            Live::No => 0,
        };
        slot.store(mark, Ordering::Release);
    }

    fn is_live(&self, id: ConnId) -> bool {
        let mark = self.live.get(id.index as usize).map_or(0, |slot| slot.load(Ordering::Acquire));
        mark != 0 && mark == id.generation.wrapping_add(1)
    }

    /// The open connection of this number.
    pub(super) fn find(&self, number: u64) -> Option<ConnId> {
        let generation = u32::try_from(number.checked_sub(1)?).ok()?;
        let mark = generation.wrapping_add(1);
        let index = self.live.iter().position(|slot| mark != 0 && slot.load(Ordering::Acquire) == mark)?;
        Some(ConnId { index: u32::try_from(index).ok()?, generation })
    }

    fn wake(&self) {
        if self.is_woken.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.waker.wake() {
            // It will look at its next deadline, at the latest.
            self.is_woken.store(false, Ordering::Release);
            tracing::error!(target: "wsbeat", %error, "the driver could not be woken");
        }
    }

    /// The driver looks: what is asked from now on wakes it again.
    pub(super) fn looks(&self) {
        self.is_woken.store(false, Ordering::Release);
    }

    /// Swaps the waiting commands with `empty`.
    pub(super) fn take_commands(&self, empty: &mut VecDeque<Command>) {
        std::mem::swap(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner), empty);
    }

    pub(super) fn stop(&self) -> Stop {
        Stop::from_u8(self.stop.load(Ordering::Acquire))
    }

    /// The end: no command is taken any more, and none waits.
    pub(super) fn set_stopped(&self) {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        self.stop.store(Stop::Stopped as u8, Ordering::Release);
        commands.clear();
    }

    pub(super) fn push(&self, command: Command) -> Result<(), HandleError> {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stop() == Stop::Stopped {
            return Err(HandleError::Stopped);
        }
        if commands.len() >= self.commands_max as usize {
            return Err(HandleError::Full { commands_max: self.commands_max });
        }
        commands.push_back(command);
        drop(commands);
        self.wake();
        Ok(())
    }

    /// Moves the end on: `from` becomes `to`, anything else stays.
    fn stop_from(&self, from: Stop, to: Stop) -> bool {
        let moved = self.stop.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire);
        self.wake();
        moved.is_ok()
    }
}

/// Whether a slot has an open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Live {
    Yes,
    No,
}

/// A server's handle for other tasks and threads: cheap to clone, never waits.
///
/// Commands are queued, at most [`commands_max`](super::ServerLimits::commands_max) of them, and done in order by the driver's
/// next turn. A connection may end in between: such commands do nothing and are counted.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    /// Sends a message to a connection.
    ///
    /// # Errors
    /// No open connection of this id, the queue is full, or the server has ended.
    pub fn send(&self, id: ConnId, message: Message<'_>) -> Result<(), HandleError> {
        self.known(id)?;
        self.shared.push(Command::Send(id, frame::message(message)))
    }

    /// Sends a ping of the user's to a connection; its pong comes to [`Handler::pong`](super::Handler::pong).
    ///
    /// # Errors
    /// As [`send`](Handle::send).
    pub fn ping(&self, id: ConnId, payload: PingPayload) -> Result<(), HandleError> {
        self.known(id)?;
        self.shared.push(Command::Ping(id, payload))
    }

    /// Sends a message to every connection that is open when its turn comes, encoded once.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub fn broadcast(&self, message: Message<'_>) -> Result<(), HandleError> {
        self.shared.push(Command::Broadcast(frame::message(message)))
    }

    /// Closes a connection, after what was sent to it before.
    ///
    /// # Errors
    /// As [`send`](Handle::send).
    pub fn close(&self, id: ConnId, reason: CloseReason) -> Result<(), HandleError> {
        self.known(id)?;
        self.shared.push(Command::Close(id, reason))
    }

    /// Puts all connections, open ones too, under another policy, such as [`ServerConfig::check`](super::ServerConfig::check)
    /// gives. The dialect stays: a policy made for another one asks in the words of this one.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub fn set_policy(&self, policy: Policy) -> Result<(), HandleError> {
        self.shared.push(Command::Policy(Box::new(policy)))
    }

    /// Gives new connections another certificate; open ones keep theirs. A server that was bound without TLS has it from then on.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub fn set_tls(&self, tls: TlsConfig) -> Result<(), HandleError> {
        self.shared.push(Command::Tls(tls))
    }

    /// What the core counted, how connections ended, and how late the driver's timer was.
    ///
    /// # Errors
    /// The queue is full, or the server has ended.
    pub async fn figures(&self) -> Result<Box<Figures>, HandleError> {
        let (sender, receiver) = oneshot::channel();
        self.shared.push(Command::Figures(sender))?;
        receiver.await.map_err(|_| HandleError::Stopped)
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
        usize::try_from(self.stats().open.get()).unwrap_or(usize::MAX)
    }

    /// What the server counted.
    #[must_use]
    pub fn stats(&self) -> &ServerStats {
        &self.shared.stats
    }

    /// Whether a drain was asked for: `/readyz` says 503 from then on.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.stop() != Stop::Running
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
        self.shared.stop_from(Stop::Running, Stop::Draining)
    }

    /// Ends the server now: every connection is dropped.
    pub fn shutdown(&self) {
        if !self.shared.stop_from(Stop::Running, Stop::Now) {
            self.shared.stop_from(Stop::Draining, Stop::Now);
        }
    }

    fn known(&self, id: ConnId) -> Result<(), HandleError> {
        if self.shared.stop() == Stop::Stopped {
            return Err(HandleError::Stopped);
        }
        if !self.shared.is_live(id) {
            return Err(HandleError::Unknown(id));
        }
        Ok(())
    }
}
