//! All workers of a server together: what they share, and what is asked of all of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use bytes::Bytes;
use wsbeat_core::event::ConnId;

use super::config::{Numbering, ServerLimits};
use super::error::HandleError;
use super::figures::Figures;
use super::per_ip::PerIp;
use super::shared::{Command, Shared};
use super::stats::{Refusal, ServerStats};

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

/// The workers of a server. Each has a driver, a hub and sockets of its own; only this they share.
#[derive(Debug)]
pub(super) struct Workers {
    each: Box<[Arc<Shared>]>,
    numbering: Numbering,
    commands_max: u32,
    connections_max: u32,
    /// Connections at all workers, handshakes included.
    connections: AtomicU32,
    per_ip: PerIp,
    stop: AtomicU8,
    /// Workers that have not ended.
    running: AtomicU32,
}

impl Workers {
    pub(super) fn new(each: Vec<Arc<Shared>>, numbering: Numbering, limits: &ServerLimits) -> Self {
        Workers {
            numbering,
            commands_max: limits.commands_max,
            connections_max: limits.connections_max,
            connections: AtomicU32::new(0),
            per_ip: PerIp::new(limits.per_ip_max),
            stop: AtomicU8::new(Stop::Running as u8),
            running: AtomicU32::new(u32::try_from(each.len()).unwrap_or(u32::MAX)),
            each: each.into(),
        }
    }

    pub(super) fn each(&self) -> impl Iterator<Item = &Shared> {
        self.each.iter().map(|shared| &**shared)
    }

    /// The worker that numbered this connection.
    pub(super) fn of(&self, id: ConnId) -> Option<&Shared> {
        self.of_generation(id.generation)
    }

    pub(super) fn of_generation(&self, generation: u32) -> Option<&Shared> {
        let Numbering { first, step } = self.numbering;
        let place = (generation % step).checked_sub(first)?;
        self.each.get(place as usize).map(|shared| &**shared)
    }

    /// What all of them counted.
    pub(super) fn stats(&self) -> ServerStats {
        let sum = ServerStats::default();
        self.each().for_each(|shared| sum.add_all(&shared.stats));
        sum
    }

    pub(super) fn open(&self) -> usize {
        let open: u64 = self.each().map(|shared| shared.stats.open.get()).sum();
        usize::try_from(open).unwrap_or(usize::MAX)
    }

    // Places.

    /// A place for a connection from `ip`, unless the limits of the server are reached.
    pub(super) fn enter(&self, ip: IpAddr) -> Result<(), Refusal> {
        if !self.per_ip.enter(ip) {
            return Err(Refusal::PerIp);
        }
        let one_more = |n| (n < self.connections_max).then_some(n + 1);
        if self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            self.per_ip.leave(ip);
            return Err(Refusal::Connections);
        }
        Ok(())
    }

    /// Gives back what a crowd took here, when nobody is left of it.
    pub(super) fn release(&self) {
        self.per_ip.release();
    }

    /// Another limit for each address. Who is there stays.
    pub(super) fn set_per_ip_max(&self, max: u32) {
        self.per_ip.set_max(max);
    }

    /// Gives a place back.
    pub(super) fn leave(&self, ip: IpAddr) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
        self.per_ip.leave(ip);
    }

    // Commands.

    /// Asks the worker of a connection.
    pub(super) fn ask(&self, id: ConnId, command: Command) -> Result<(), HandleError> {
        let shared = self.of(id).ok_or(HandleError::Unknown(id))?;
        self.push(shared, command)
    }

    pub(super) fn push(&self, shared: &Shared, command: Command) -> Result<(), HandleError> {
        let mut mailbox = shared.mailbox();
        if mailbox.is_stopped {
            return Err(HandleError::Stopped);
        }
        if mailbox.asked() >= self.commands_max as usize {
            return Err(HandleError::Full { commands_max: self.commands_max });
        }
        mailbox.push(command);
        drop(mailbox);
        shared.wake();
        Ok(())
    }

    /// Asks all workers that run, or none of them: all take what is asked in the same order.
    pub(super) fn ask_all(&self, command: impl Fn() -> Command) -> Result<(), HandleError> {
        let mut mailboxes: Vec<_> = self.each().map(|shared| (shared, shared.mailbox())).collect();
        mailboxes.retain(|(_, mailbox)| !mailbox.is_stopped);
        if mailboxes.is_empty() {
            return Err(HandleError::Stopped);
        }
        if mailboxes.iter().any(|(_, mailbox)| mailbox.asked() >= self.commands_max as usize) {
            return Err(HandleError::Full { commands_max: self.commands_max });
        }
        for (shared, mut mailbox) in mailboxes {
            mailbox.push(command());
            drop(mailbox);
            shared.wake();
        }
        Ok(())
    }

    /// Hands a broadcast to all workers but `own`. One that is far behind is left out, and its connections counted at `own`.
    pub(super) fn relay(&self, own: &Shared, frame: &Bytes) {
        for shared in self.each().filter(|shared| !std::ptr::eq(*shared, own)) {
            if !shared.relay(frame) {
                own.stats.messages_refused.add(shared.stats.open.get());
            }
        }
    }

    // The end.

    pub(super) fn stop(&self) -> Stop {
        Stop::from_u8(self.stop.load(Ordering::Acquire))
    }

    /// Moves the end on: `from` becomes `to`, anything else stays.
    pub(super) fn stop_from(&self, from: Stop, to: Stop) -> bool {
        let moved = self.stop.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire);
        self.each().for_each(Shared::wake);
        moved.is_ok()
    }

    /// A worker has ended.
    pub(super) fn ended(&self, shared: &Shared, figures: Box<Figures>) {
        shared.set_stopped(figures);
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.stop.store(Stop::Stopped as u8, Ordering::Release);
        }
    }
}
