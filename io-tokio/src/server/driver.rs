//! One driver: what it owns, and how it waits.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use mio::{Events, Poll, Registry};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Sleep;
use tungstenite::protocol::WebSocketContext;
use wsbeat_core::dialect::Decoder;
use wsbeat_core::rng::Rng;
use wsbeat_core::time::Instant;

use super::accept::Acceptor;
use super::config::ServerConfig;
use super::error::BindError;
use super::handle::{Command, Handle, Shared};
use super::handler::Handler;
use super::linger::Linger;
use super::origin::Origins;
use super::turn::{Drain, LINGER_TOKENS, LISTENER_TOKENS, Wait};
use super::world::World;
use super::{Ending, Summary};

/// The bytes that one read takes at most, shared by all connections.
const SPACE_BYTES: usize = 64 << 10;
/// The events that one look at the sockets takes at most.
const EVENTS: usize = 1_024;

/// One driver: it owns all sockets of a worker, and everything runs on the task that runs it.
///
/// More workers would each have a driver of their own, with listeners of their own by `SO_REUSEPORT` and a handler of their
/// own; nothing here is shared but what [`Shared`] holds.
pub(super) struct Driver<H> {
    pub(super) handler: H,
    pub(super) world: World,
    /// The poll of all sockets, nested in the runtime's by its descriptor.
    pub(super) poll: AsyncFd<Poll>,
    pub(super) registry: Registry,
    /// `None` while they are worked off.
    pub(super) events: Option<Events>,
    /// When this turn has read for long enough.
    pub(super) reads_until: Instant,
    /// Commands that were taken and not done yet.
    pub(super) commands: VecDeque<Command>,
    pub(super) acceptor: Acceptor,
    pub(super) linger: Linger,
    pub(super) drain: Option<Drain>,
    pub(super) drain_time: std::time::Duration,
    pub(super) origins: Arc<Origins>,
    pub(super) page: Arc<str>,
    /// What is received, for the connection whose turn it is.
    pub(super) space: Box<[u8]>,
    /// What tungstenite answers by itself.
    pub(super) replies: Vec<u8>,
    /// The context of all connections at rest: one at rest equals a fresh one.
    pub(super) spare: Option<WebSocketContext>,
    /// `None` while a message is worked off.
    pub(super) decoder: Option<Box<Decoder>>,
    pub(super) rng: Rng,
}

impl<H: Handler> Driver<H> {
    pub(super) fn bind(config: ServerConfig, handler: H) -> Result<(Self, Vec<SocketAddr>), BindError> {
        let policy = config.check()?;
        let limits = config.limits;
        let shared = Arc::new(Shared::new(limits.commands_max, limits.connections_max));
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let (acceptor, local_addrs) = Acceptor::listen(&config.listen, limits.backlog, &registry, LISTENER_TOKENS)?;
        let driver = Driver {
            handler,
            world: World::new(policy, limits, config.dialect, config.seed, shared),
            poll: nested(poll)?,
            registry,
            events: Some(Events::with_capacity(EVENTS)),
            reads_until: Instant::ZERO,
            commands: VecDeque::new(),
            acceptor,
            linger: Linger::new(LINGER_TOKENS, limits.discard_bytes_max),
            drain: None,
            drain_time: config.drain,
            origins: Arc::new(config.origins),
            page: Arc::from(config.page),
            space: vec![0; SPACE_BYTES].into_boxed_slice(),
            replies: Vec::new(),
            spare: None,
            decoder: Some(Box::default()),
            rng: Rng::new(config.seed),
        };
        Ok((driver, local_addrs))
    }

    pub(super) fn handle(&self) -> Handle {
        self.world.handle()
    }

    /// Turn after turn; between them it waits for a socket, a deadline or a command, whichever comes first.
    pub(super) async fn run(mut self) -> Summary {
        let shared = Arc::clone(&self.world.shared);
        let mut sleep = pin!(tokio::time::sleep(std::time::Duration::ZERO));
        loop {
            let wait = match self.turn() {
                Ok(Wait::Ended(ending)) => return self.finish(ending),
                Ok(Wait::Again) => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(Wait::Until(at)) => at,
                Err(error) => {
                    tracing::error!(target: "wsbeat", %error, "the sockets cannot be watched any more");
                    return self.finish(Ending::Failed);
                }
            };
            self.rest(&shared, sleep.as_mut(), wait).await;
        }
    }

    async fn rest(&mut self, shared: &Shared, mut sleep: std::pin::Pin<&mut Sleep>, until: Instant) {
        let is_timed = until != Instant::NEVER;
        if is_timed {
            let at = self.world.clock.runtime(until);
            if sleep.deadline() != at {
                sleep.as_mut().reset(at);
            }
        }
        tokio::select! {
            ready = self.poll.readable_mut() => {
                // Cleared before the sockets are looked at: what comes after that look wakes again.
                if let Ok(mut ready) = ready {
                    ready.clear_ready();
                }
            }
            () = sleep, if is_timed => {}
            () = shared.wake.notified() => {}
        }
    }

    fn finish(mut self, ending: Ending) -> Summary {
        let dropped = self.drop_all();
        self.world.shared.set_stopped();
        Summary { opened: self.world.shared.stats.opened.get(), dropped, ending }
    }
}

/// The poll, watched by the runtime.
#[allow(unsafe_code, reason = "the one call that tokio cannot check: see below")]
fn nested(poll: Poll) -> std::io::Result<AsyncFd<Poll>> {
    // SAFETY: a `Poll` owns one descriptor, opened with it, the same in every call and closed only with it; the `AsyncFd` owns the `Poll`.
    Ok(unsafe { AsyncFd::register_with_interest(poll, Interest::READABLE) }?)
}

impl<H> std::fmt::Debug for Driver<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("world", &self.world).finish_non_exhaustive()
    }
}
