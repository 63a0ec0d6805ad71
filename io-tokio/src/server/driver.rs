//! One driver: what it owns, and how it waits.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token, Waker};
use tungstenite::protocol::WebSocketContext;
use wsbeat_core::dialect::Decoder;
use wsbeat_core::rng::Rng;
use wsbeat_core::time::Instant;

use super::accept::{Acceptor, Share};
use super::config::{ServerConfig, ServerLimits};
use super::drain::Drain;
use super::error::BindError;
use super::handle::Handle;
use super::handler::Handler;
use super::linger::Linger;
use super::looks::List;
use super::origin::Origins;
use super::shared::{Command, Settings, Shared};
use super::tls::TlsConfig;
use super::waking::{LINGER_TOKENS, LISTENER_TOKENS, WAKE_TOKEN, Wait};
use super::workers::Workers;
use super::world::World;
use super::{Ending, Summary};
use crate::dense::clock::Clock;
use crate::tape::Tape;

/// The bytes that one read takes at most, shared by all connections: whether a turn has read for long enough is asked between two
/// reads. It holds 2,300 of the smallest messages; with 64 KiB a flood of these delayed all others four times as long.
const SPACE_BYTES: usize = 16 << 10;
/// The events that one look at the sockets takes at most.
const EVENTS: usize = 1_024;

/// One driver: it owns all sockets of a worker, and everything runs on the thread that runs it.
///
/// The thread is its own and waits in the poll itself. Nested in a runtime by its descriptor, the poll cost two or three
/// system calls more for each wake-up, and the runtime's timer another to wake the runtime.
///
/// Each worker of a server has one, with listeners of its own by `SO_REUSEPORT` and a handler of its own; nothing here is
/// shared but what [`Shared`] and [`Workers`] hold.
pub(super) struct Driver<H> {
    pub(super) handler: H,
    pub(super) world: World,
    /// The poll of all sockets.
    pub(super) poll: Poll,
    pub(super) registry: Registry,
    /// `None` while they are worked off.
    pub(super) events: Option<Events>,
    /// When this turn has read for long enough.
    pub(super) reads_until: Instant,
    /// The bytes read since the clock was looked at, and a share for each read.
    pub(super) read_since_look: usize,
    /// Nothing was read since the events were asked for.
    pub(super) events_are_fresh: bool,
    /// The clock said so.
    pub(super) is_late: bool,
    /// Commands that were taken and not done yet.
    pub(super) commands: VecDeque<Command>,
    /// Lists of all connections that are being made.
    pub(super) lists: VecDeque<Box<List>>,
    pub(super) acceptor: Acceptor,
    pub(super) linger: Linger,
    pub(super) drain: Option<Drain>,
    pub(super) drain_time: Duration,
    pub(super) origins: Arc<Origins>,
    /// What new connections speak TLS with.
    pub(super) tls: Option<TlsConfig>,
    pub(super) page: Arc<str>,
    /// What is received, for the connection whose turn it is.
    pub(super) space: Box<[u8]>,
    /// What tungstenite answers by itself.
    pub(super) replies: Vec<u8>,
    /// The context of all connections at rest: one at rest equals a fresh one.
    pub(super) spare: Option<Box<WebSocketContext>>,
    /// `None` while a message is worked off.
    pub(super) decoder: Option<Box<Decoder>>,
    pub(super) rng: Rng,
}

impl<H: Handler> Driver<H> {
    /// The drivers of all workers of a server, and the addresses that they listen at.
    pub(super) fn bind(
        config: &ServerConfig,
        handlers: impl Iterator<Item = H>,
    ) -> Result<(Vec<Self>, Handle, Vec<SocketAddr>), BindError> {
        let policy = config.check()?;
        let polls = (0..config.workers).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
        let shares = polls.iter().map(|poll| {
            let waker = Waker::new(poll.registry(), Token(WAKE_TOKEN))?;
            Ok(Arc::new(Shared::new(config.limits.connections_max, waker)))
        });
        let shares = shares.collect::<io::Result<Vec<_>>>()?;
        let workers = Arc::new(Workers::new(shares.clone(), config.numbers(), &config.limits));
        let (clock, origins, page) = (Clock::start(), Arc::new(config.origins.clone()), Arc::from(config.page.as_str()));
        let (mut drivers, mut local_addrs) = (Vec::new(), config.listen.clone());
        for ((place, handler), (poll, shared)) in (0..).zip(handlers).zip(polls.into_iter().zip(shares)) {
            let share = match place {
                0 if config.workers == 1 => Share::Alone,
                0 => Share::First,
                _ => Share::Joins,
            };
            let registry = poll.registry().try_clone()?;
            let acceptor;
            // The first one finds the ports that were left free.
            (acceptor, local_addrs) = Acceptor::listen(&local_addrs, config.limits.backlog, share, &registry, LISTENER_TOKENS)?;
            let world = World::new(policy.clone(), config, clock, shared, Arc::clone(&workers), place);
            drivers.push(Driver {
                handler,
                world,
                poll,
                registry,
                events: Some(Events::with_capacity(EVENTS)),
                reads_until: Instant::ZERO,
                read_since_look: 0,
                events_are_fresh: false,
                is_late: false,
                commands: VecDeque::new(),
                lists: VecDeque::new(),
                acceptor,
                linger: Linger::new(LINGER_TOKENS, config.limits.discard_bytes_max),
                drain: None,
                drain_time: config.drain,
                origins: Arc::clone(&origins),
                tls: config.tls.clone(),
                page: Arc::clone(&page),
                space: vec![0; SPACE_BYTES].into_boxed_slice(),
                replies: Vec::new(),
                spare: None,
                decoder: Some(Box::default()),
                rng: Rng::new(config.seed.wrapping_add(u64::from(place))),
            });
        }
        Ok((drivers, Handle { workers }, local_addrs))
    }

    /// Records from now on, which is the beginning.
    pub(super) fn record(&mut self, tape: Tape) {
        self.world.pending.tape = Some(tape);
    }

    /// Other settings from now on. Contexts that are in the middle of a message keep theirs until it is whole.
    pub(super) fn reconfigure(&mut self, settings: Settings) {
        let Settings { limits, origins, dialect, drain } = settings;
        let ServerLimits { connections_max, backlog, commands_max, .. } = self.world.limits;
        self.world.limits = ServerLimits { connections_max, backlog, commands_max, ..limits };
        self.linger.set_discard_bytes_max(limits.discard_bytes_max);
        self.spare = None;
        self.origins = origins;
        self.drain_time = drain;
        if let (Some(own), Some(dialect)) = (&mut self.world.dialect, dialect) {
            if own.id() == dialect.id() {
                *own = dialect;
            }
        }
    }

    /// Turn after turn; between them it waits for a socket, a deadline or a command, whichever comes first.
    pub(super) fn run(mut self) -> Summary {
        let mut wait = Wait::Again;
        loop {
            let turned = self.rest(wait).and_then(|()| self.turn());
            self.world.hand_on_recording();
            match turned {
                Ok(Wait::Ended(ending)) => return self.finish(ending),
                Ok(next) => wait = next,
                Err(error) => {
                    tracing::error!(target: "wsbeat", %error, "the sockets cannot be watched any more");
                    return self.finish(Ending::Failed);
                }
            }
        }
    }

    /// Waits, and leaves what has happened in `events`.
    fn rest(&mut self, wait: Wait) -> io::Result<()> {
        let timeout = match wait {
            Wait::Again | Wait::Ended(_) => Some(Duration::ZERO),
            Wait::Until(Instant::NEVER) => None,
            Wait::Until(at) => Some(at.since(self.world.clock.monotonic()).into()),
        };
        self.poll_events(timeout)
    }

    /// Asks the kernel; where a signal comes between, again without waiting. The process may have been stopped meanwhile: what arrived
    /// then is read before anybody is judged by the time (rule R1).
    pub(super) fn poll_events(&mut self, mut timeout: Option<Duration>) -> io::Result<()> {
        let Some(events) = &mut self.events else { return Ok(()) };
        self.events_are_fresh = true;
        loop {
            match self.poll.poll(events, timeout) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => timeout = Some(Duration::ZERO),
                polled => return polled,
            }
        }
    }

    fn finish(mut self, ending: Ending) -> Summary {
        let dropped = self.drop_all();
        self.world.hand_on_recording();
        let figures = Box::new(self.world.counted.figures(self.world.hub.stats()));
        self.world.workers.ended(&self.world.shared, figures);
        Summary { opened: self.world.shared.stats.opened.get(), dropped, ending }
    }
}

impl<H> std::fmt::Debug for Driver<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("world", &self.world).finish_non_exhaustive()
    }
}
