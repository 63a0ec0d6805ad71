//! What one driver shares with whoever reaches in: its mailbox, what it counted, and which connections are open.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mio::Waker;
use tokio::sync::oneshot;
use wsbeat_core::dialect::Dialect;
use wsbeat_core::event::ConnId;
use wsbeat_core::policy::Policy;

use super::config::ServerLimits;
use super::control::{CloseReason, PingPayload};
use super::figures::Figures;
use super::looks::Look;
use super::origin::Origins;
use super::stats::ServerStats;
use super::tls::TlsConfig;

/// What is asked of a driver. Messages come encoded: that work is the caller's, not the driver's.
#[derive(Debug)]
pub(super) enum Command {
    Send(ConnId, Bytes),
    Ping(ConnId, PingPayload),
    Broadcast(Bytes),
    /// A broadcast of another worker's.
    Relay(Bytes),
    Close(ConnId, CloseReason),
    Policy(Box<Policy>),
    Tls(TlsConfig),
    Settings(Box<Settings>),
    Figures(oneshot::Sender<Box<Figures>>),
    Look(Look),
}

/// What may change while a server runs.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) limits: ServerLimits,
    pub(super) origins: Arc<Origins>,
    pub(super) dialect: Option<Arc<Dialect>>,
    pub(super) drain: Duration,
}

/// The bytes of other workers' broadcasts that may wait here. Over it a broadcast leaves this worker out: without a bound
/// one that stalls would take all memory.
const RELAYED_BYTES_MAX: usize = 64 << 20;
/// What a relayed frame takes besides its bytes, about.
const RELAY_COST_BYTES: usize = 64;

/// What one driver shares with its handles and the other workers.
#[derive(Debug)]
pub(super) struct Shared {
    mailbox: Mutex<Mailbox>,
    relayed_bytes: AtomicUsize,
    waker: Waker,
    /// The driver was woken and has not looked yet: once is enough.
    is_woken: AtomicBool,
    pub(super) stats: ServerStats,
    live: LiveTable,
}

/// What was asked for and not taken yet.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    commands: VecDeque<Command>,
    /// How many of them are relayed, and do not count against the limit of the handles.
    relays: usize,
    pub(super) is_stopped: bool,
    /// What it had counted at its end.
    last_figures: Option<Box<Figures>>,
}

impl Mailbox {
    /// How many commands of handles wait.
    pub(super) fn asked(&self) -> usize {
        self.commands.len() - self.relays
    }

    pub(super) fn push(&mut self, command: Command) {
        self.commands.push_back(command);
    }
}

impl Shared {
    pub(super) fn new(connections_max: u32, waker: Waker) -> Self {
        Shared {
            mailbox: Mutex::default(),
            relayed_bytes: AtomicUsize::new(0),
            waker,
            is_woken: AtomicBool::new(false),
            stats: ServerStats::default(),
            live: LiveTable::new(connections_max),
        }
    }

    pub(super) fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_live(&self, id: ConnId, is_live: Live) {
        self.live.set(id, is_live);
    }

    pub(super) fn is_live(&self, id: ConnId) -> bool {
        self.live.get(id)
    }

    /// The open connection of this generation.
    pub(super) fn find(&self, generation: u32) -> Option<ConnId> {
        self.live.find(generation)
    }

    /// What it had counted at its end, once that has come.
    pub(super) fn last_figures(&self) -> Option<Box<Figures>> {
        self.mailbox().last_figures.clone()
    }

    /// The driver looks soon.
    pub(super) fn wake(&self) {
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

    /// Whether it was woken since it looked. The looks at the sockets within a turn may have taken the wake-up itself.
    pub(super) fn is_woken(&self) -> bool {
        self.is_woken.load(Ordering::Acquire)
    }

    /// Swaps the waiting commands with `empty`.
    pub(super) fn take_commands(&self, empty: &mut VecDeque<Command>) {
        let mut mailbox = self.mailbox();
        std::mem::swap(&mut mailbox.commands, empty);
        mailbox.relays = 0;
    }

    /// Another worker's broadcast. False where too much of that waits already.
    #[must_use]
    pub(super) fn relay(&self, frame: &Bytes) -> bool {
        let cost = frame.len() + RELAY_COST_BYTES;
        let waiting = self.relayed_bytes.fetch_add(cost, Ordering::Relaxed);
        if waiting > 0 && waiting + cost > RELAYED_BYTES_MAX {
            self.relayed_bytes.fetch_sub(cost, Ordering::Relaxed);
            return false;
        }
        let mut mailbox = self.mailbox();
        if mailbox.is_stopped {
            self.relayed(frame);
            return true;
        }
        mailbox.push(Command::Relay(frame.clone()));
        mailbox.relays += 1;
        drop(mailbox);
        self.wake();
        true
    }

    /// A relayed broadcast was done.
    pub(super) fn relayed(&self, frame: &Bytes) {
        self.relayed_bytes.fetch_sub(frame.len() + RELAY_COST_BYTES, Ordering::Relaxed);
    }

    /// The end of this driver: no command is taken any more, and none waits.
    pub(super) fn set_stopped(&self, figures: Box<Figures>) {
        let mut mailbox = self.mailbox();
        mailbox.last_figures = Some(figures);
        mailbox.is_stopped = true;
        mailbox.commands.clear();
        mailbox.relays = 0;
    }
}

/// Whether a slot has an open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Live {
    Yes,
    No,
}

/// Which connection is open in each slot, for other threads. Its memory follows the highest slot that was used.
#[derive(Debug)]
struct LiveTable {
    chunks: Box<[OnceLock<Box<[AtomicU32]>>]>,
}

const CHUNK: usize = 1_024;

impl LiveTable {
    fn new(connections_max: u32) -> Self {
        LiveTable { chunks: (0..(connections_max as usize).div_ceil(CHUNK)).map(|_| OnceLock::new()).collect() }
    }

    fn set(&self, id: ConnId, is_live: Live) {
        let index = id.index as usize;
        let Some(chunk) = self.chunks.get(index / CHUNK) else { return };
        let marks = chunk.get_or_init(|| (0..CHUNK).map(|_| AtomicU32::new(0)).collect());
        let mark = match is_live {
            Live::Yes => mark_of(id.generation),
            Live::No => 0,
        };
        marks[index % CHUNK].store(mark, Ordering::Release);
    }

    fn get(&self, id: ConnId) -> bool {
        let index = id.index as usize;
        let marks = self.chunks.get(index / CHUNK).and_then(OnceLock::get);
        let mark = marks.map_or(0, |marks| marks[index % CHUNK].load(Ordering::Acquire));
        mark != 0 && mark == mark_of(id.generation)
    }

    /// Takes a look at every slot.
    fn find(&self, generation: u32) -> Option<ConnId> {
        let mark = mark_of(generation);
        let used = self.chunks.iter().enumerate().filter_map(|(number, chunk)| Some((number, chunk.get()?)));
        let mut slots = used.flat_map(|(number, marks)| marks.iter().enumerate().map(move |(place, slot)| (number * CHUNK + place, slot)));
        let (index, _) = slots.find(|(_, slot)| mark != 0 && slot.load(Ordering::Acquire) == mark)?;
        Some(ConnId { index: u32::try_from(index).ok()?, generation })
    }
}

/// One more than the generation of the open connection; 0 stands for none.
const fn mark_of(generation: u32) -> u32 {
    generation.wrapping_add(1)
}
