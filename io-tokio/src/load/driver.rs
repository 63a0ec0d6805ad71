//! The driver: what it owns, and how it turns.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use hdrhistogram::Histogram;
use mio::event::Event;
use mio::{Events, Poll};
use tungstenite::protocol::WebSocketContext;
use wsbeat_core::dialect::{Decoder, Dialect, Encoder, Role};
use wsbeat_core::event::{Action, ConnId, Input};
use wsbeat_core::hub::{Hub, Next, PolicyId};
use wsbeat_core::policy::{Policy, PolicyConfig, PolicyError};
use wsbeat_core::rng::Rng;
use wsbeat_core::time::{Instant, Now, Span};

use super::config::{LoadConfig, LoadError};
use super::connect;
use super::held::{Held, Wait};
use super::report::{Failure, Progress, Report, histogram};
use super::slot::{Delayed, Slot, Stage};
use super::upgrade::Opening;
use crate::client::request::{Scheme, Target};
use crate::client::tls::ClientTls;
use crate::dense::clock::Clock;
use crate::heartbeat::DialectChoice;

/// How often the caller hears how it goes.
const PROGRESS: Span = Span::from_millis(250);
/// How long closing may take.
const FINISH: Span = Span::from_secs(2);
/// How many due connections the hub visits before the sockets are looked at again.
const ADVANCE_BUDGET: u32 = 256;
/// Descriptors that a process needs besides its connections.
const SPARE_DESCRIPTORS: u64 = 32;

/// Many clients, ready to run.
pub struct Load(Driver);

/// Where connections go.
pub(super) struct Way {
    pub(super) address: SocketAddr,
    pub(super) tls: Option<ClientTls>,
}

pub(super) struct Driver {
    pub(super) config: LoadConfig,
    pub(super) way: Way,
    pub(super) opening: Opening,
    /// The request's bytes.
    pub(super) request: Vec<u8>,
    pub(super) poll: Poll,
    pub(super) clock: Clock,
    pub(super) now: Now,
    pub(super) began: Instant,
    pub(super) hub: Hub,
    pub(super) policy: PolicyId,
    pub(super) dialect: Option<Dialect>,
    /// No message has shown a dialect yet.
    pub(super) is_recognising: bool,
    pub(super) slots: Vec<Option<Slot>>,
    pub(super) actions: VecDeque<(ConnId, Action)>,
    pub(super) is_settling: bool,
    pub(super) decoder: Option<Decoder>,
    pub(super) encoder: Encoder,
    /// The answer to the heartbeat that was just put in, as a frame.
    pub(super) prepared: Vec<u8>,
    pub(super) replies: Vec<u8>,
    pub(super) space: Vec<u8>,
    pub(super) spare: Option<Box<WebSocketContext>>,
    pub(super) delayed: VecDeque<Delayed>,
    pub(super) echoes: BinaryHeap<Reverse<(Instant, ConnId)>>,
    /// Connections that are read on in the next turn.
    unread: VecDeque<(ConnId, bool)>,
    pub(super) rng: Rng,
    pub(super) dialed: u32,
    pub(super) under_way: u32,
    pub(super) open: u32,
    pub(super) is_finishing: bool,
    pub(super) held: Held,
    pub(super) gaps_cut_off: Histogram<u64>,
    pub(super) report: Report,
}

/// The policy of one client.
pub(super) fn policy(dialect: Option<&Dialect>, connect_timeout: Duration) -> Result<Policy, PolicyError> {
    let config = PolicyConfig { handshake_timeout: Some(connect_timeout), ..PolicyConfig::default() };
    let plan = dialect.map(|dialect| dialect.plan(Role::Client, &config)).transpose()?;
    config.check(plan.unwrap_or_default())
}

impl Load {
    /// Checks the settings and looks up the address.
    ///
    /// # Errors
    /// A setting that cannot be, an address that is none or cannot be found, more connections than descriptors.
    pub fn new(config: LoadConfig) -> Result<Self, LoadError> {
        config.check()?;
        check_descriptors(config.connections)?;
        let target = Target::parse(&config.url)?;
        let dialect = match &config.dialect {
            DialectChoice::Named(dialect) => Some(dialect.clone()),
            DialectChoice::Auto | DialectChoice::None => None,
        };
        let request = target.request(&config.headers, dialect.as_ref().and_then(Dialect::subprotocol))?;
        let tls = match target.scheme {
            Scheme::Ws => None,
            Scheme::Wss => Some(ClientTls::new(&config.trust, &target.host)?),
        };
        let way = Way { address: connect::resolve(&target)?, tls };
        let mut hub = Hub::new(config.seed, config.connections);
        let policy = hub.register(policy(dialect.as_ref(), config.connect_timeout)?);
        let opening = Opening::new(&request);
        let clock = Clock::start();
        Ok(Load(Driver {
            request: opening.request.clone(),
            opening,
            way,
            poll: Poll::new()?,
            now: clock.now(),
            clock,
            began: Instant::ZERO,
            hub,
            policy,
            dialect,
            is_recognising: matches!(config.dialect, DialectChoice::Auto),
            slots: Vec::new(),
            actions: VecDeque::new(),
            is_settling: false,
            decoder: Some(Decoder::default()),
            encoder: Encoder::default(),
            prepared: Vec::new(),
            replies: Vec::new(),
            space: vec![0; 64 << 10],
            spare: None,
            delayed: VecDeque::new(),
            echoes: BinaryHeap::new(),
            unread: VecDeque::new(),
            rng: Rng::new(config.seed),
            dialed: 0,
            under_way: 0,
            open: 0,
            is_finishing: false,
            held: Held::default(),
            gaps_cut_off: histogram()?,
            report: Report::new()?,
            config,
        }))
    }

    /// The address that it connects to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.way.address
    }

    /// Runs to its end, or until `progress`, which hears of it four times a second, breaks it off; then closes what is open.
    ///
    /// # Errors
    /// The system no longer lets it watch its sockets.
    pub fn run(self, mut progress: impl FnMut(&Progress) -> ControlFlow<()>) -> Result<Report, LoadError> {
        let mut driver = self.0;
        let mut events = Events::with_capacity(1_024);
        driver.now = driver.clock.now();
        driver.began = driver.now.at;
        let ends = driver.began.after(driver.config.duration.into());
        let mut tell_at = driver.began;
        loop {
            driver.turn(&mut events, ends.min(tell_at))?;
            let is_over = driver.now.at >= ends;
            if is_over || driver.now.at >= tell_at {
                tell_at = driver.now.at.after(PROGRESS);
                if progress(&driver.progress()).is_break() || is_over {
                    break;
                }
            }
        }
        driver.finish(&mut events)?;
        Ok(driver.report)
    }
}

impl Driver {
    fn progress(&self) -> Progress {
        let Report { failed, lost, pings, answered, echoes, .. } = self.report;
        Progress { elapsed: self.now.at.since(self.began).into(), open: self.open, failed, lost, pings, answered, echoes }
    }

    /// Waits until something is to be done, `until` at the latest, and does it.
    fn turn(&mut self, events: &mut Events, until: Instant) -> io::Result<()> {
        let (looked, was_full) = (self.now.at, events.iter().count() == events.capacity());
        let due = self.next_due(until);
        let began = self.clock.monotonic();
        let wait = round_up(due.since(began));
        let mut polled = self.poll.poll(events, Some(wait));
        // A signal: the process may have been stopped, and what arrived meanwhile is read before the time is looked at.
        while polled.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::Interrupted) {
            polled = self.poll.poll(events, Some(Duration::ZERO));
        }
        polled?;
        self.now = self.clock.now();
        self.held.waited(Wait { looked, began, until: began.after(wait.into()), ended: self.now.at, was_full });
        for _ in 0..self.unread.len() {
            let Some((id, is_ending)) = self.unread.pop_front() else { break };
            self.read_on(id, is_ending);
        }
        for event in &*events {
            self.event(event);
        }
        if !self.is_finishing {
            self.dial();
            self.send_echoes();
        }
        self.release();
        let actions = &mut self.actions;
        // What is due beyond the budget stays due, and is asked for when the turn ends.
        let _ = self.hub.advance(self.now, ADVANCE_BUDGET, &mut |id, action| actions.push_back((id, action)));
        self.settle();
        Ok(())
    }

    fn next_due(&mut self, until: Instant) -> Instant {
        if !self.unread.is_empty() {
            return Instant::ZERO;
        }
        let hub = match self.hub.next_due() {
            Next::Again => return Instant::ZERO,
            Next::At(at) => at,
            Next::Idle => Instant::NEVER,
        };
        let delayed = self.delayed.front().map_or(Instant::NEVER, |delayed| delayed.due);
        let own = if self.is_finishing || self.is_crowded() { Instant::NEVER } else { self.dial_due() };
        let echo = if self.is_finishing { Instant::NEVER } else { self.echo_due() };
        until.min(hub).min(delayed).min(own).min(echo)
    }

    fn event(&mut self, event: &Event) {
        let index = event.token().0;
        let Some(slot) = self.slots.get(index).and_then(Option::as_ref) else { return };
        let Ok(place) = u32::try_from(index) else { return };
        let (id, stage) = (ConnId { index: place, generation: slot.generation }, slot.stage);
        if stage == Stage::Connecting {
            self.connected(id);
        } else if event.is_writable() {
            self.flush(id);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read_on(id, event.is_read_closed() || event.is_error());
        }
    }

    fn read_on(&mut self, id: ConnId, is_ending: bool) {
        if self.read(id, is_ending) {
            self.unread.push_back((id, is_ending));
        }
    }

    /// Closes what is open, and waits a moment for the server to agree.
    fn finish(&mut self, events: &mut Events) -> io::Result<()> {
        self.is_finishing = true;
        self.report.elapsed = self.now.at.since(self.began).into();
        self.report.late = self.held.longest().into();
        self.count_cut_off();
        for index in 0..self.slots.len() {
            let Some(slot) = &self.slots[index] else { continue };
            let id = ConnId { index: u32::try_from(index).unwrap_or(u32::MAX), generation: slot.generation };
            match slot.stage {
                Stage::Open => self.input(id, Input::UserClose(1000)),
                Stage::Closing => {}
                Stage::Connecting | Stage::Upgrading => self.failed(id, Failure::Pending, "no answer when the load ended"),
            }
        }
        self.never_begun();
        let until = self.now.at.after(FINISH);
        while self.now.at < until && self.slots.iter().any(Option::is_some) {
            self.turn(events, until)?;
        }
        Ok(())
    }
}

/// The kernel waits whole milliseconds: a shorter wait would be none, again and again.
fn round_up(wait: Span) -> Duration {
    let wait = Duration::from(wait);
    if wait.is_zero() { wait } else { wait + Duration::from_micros(999) }
}

/// Whether the process may have so many descriptors.
fn check_descriptors(connections: u32) -> Result<(), LoadError> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit {
        Some(descriptors) if u64::from(connections) + SPARE_DESCRIPTORS > descriptors => {
            Err(LoadError::Descriptors { connections, descriptors, spare: SPARE_DESCRIPTORS })
        }
        _ => Ok(()),
    }
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("config", &self.0.config).finish_non_exhaustive()
    }
}
