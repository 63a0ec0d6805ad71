//! A client that comes back.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::event::VerdictKind;
use wsbeat_core::rng::Rng;
use wsbeat_core::time::Instant;

use super::{Attempts, Backoff, Client, ConnectError, Connection, Decision, Why};
use crate::clock::Clock;
use crate::heartbeat::{Ending, Error, Event, random_seed};

/// What happens to a client that reconnects.
#[derive(Debug)]
pub enum ClientEvent {
    /// A connection is open.
    Connected {
        /// The address it goes to.
        peer: SocketAddr,
        /// The time from the first step to the end of the upgrade.
        upgraded_in: Duration,
    },
    /// Something happened on the connection.
    Event(Event),
    /// The connection ended.
    Closed(Ending),
    /// No connection could be made.
    ConnectFailed(Arc<ConnectError>),
    /// The next attempt begins after `delay`.
    ReconnectingIn {
        /// How long until then.
        delay: Duration,
        /// Why the last connection is no more.
        why: Why,
    },
    /// No further attempt is made: the last event.
    GaveUp(Why),
}

/// A message could not be queued.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{limit} messages wait to be sent already")]
pub struct QueueFull {
    /// The message, back.
    pub message: Message,
    /// How many may wait.
    pub limit: usize,
}

/// A client that connects, and connects again after a loss: a stream of [`ClientEvent`].
///
/// It is driven by being polled, and has no task of its own. The stream ends after [`ClientEvent::GaveUp`], and after
/// [`Reconnecting::close`] once the close handshake is over.
pub struct Reconnecting {
    client: Client,
    backoff: Backoff,
    attempts: Attempts,
    rng: Rng,
    clock: Clock,
    state: State,
    queue: VecDeque<Message>,
    events: VecDeque<ClientEvent>,
    closed: Closed,
    waker: Option<Waker>,
}

enum State {
    Idle,
    Connecting(Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>),
    Open { connection: Box<Connection>, since: Instant },
    Waiting(Pin<Box<Sleep>>),
    Over,
}

/// Whether the user has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    NotYet,
    ByUser,
}

impl Reconnecting {
    /// The most messages that wait to be sent.
    pub const QUEUE_MAX: usize = 1_024;

    pub(super) fn new(mut client: Client, backoff: Backoff) -> Self {
        let seed = client.seed.unwrap_or_else(random_seed);
        let clock = *client.clock.get_or_insert_default();
        Reconnecting {
            client,
            backoff,
            attempts: Attempts::default(),
            rng: Rng::new(seed),
            clock,
            state: State::Idle,
            queue: VecDeque::new(),
            events: VecDeque::new(),
            closed: Closed::NotYet,
            waker: None,
        }
    }

    /// Queues a message: it leaves when a connection is open and takes it. One that was handed to a connection which is
    /// then lost is not sent again.
    ///
    /// # Errors
    /// [`QueueFull`] at [`Reconnecting::QUEUE_MAX`].
    pub fn send(&mut self, message: Message) -> Result<(), QueueFull> {
        if self.queue.len() >= Self::QUEUE_MAX {
            let limit = Self::QUEUE_MAX;
            return Err(QueueFull { message, limit });
        }
        self.queue.push_back(message);
        self.wake();
        Ok(())
    }

    /// Closes for good, with `code` (`None`: an empty body) and `reason`. Messages that the connection does not take at
    /// once are dropped.
    ///
    /// # Errors
    /// As [`Heartbeat::close`](crate::heartbeat::Heartbeat::close).
    pub fn close(&mut self, code: Option<u16>, reason: &str) -> Result<(), Error> {
        if let State::Open { connection, .. } = &mut self.state {
            pass_on(&mut self.queue, connection, &mut Context::from_waker(Waker::noop()));
            connection.close(code, reason)?;
        } else {
            crate::heartbeat::checked_close(code, reason)?;
            self.state = State::Over;
        }
        self.queue.clear();
        self.closed = Closed::ByUser;
        self.wake();
        Ok(())
    }

    /// The connection, while one is open.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        match &self.state {
            State::Open { connection, .. } => Some(connection),
            State::Idle | State::Connecting(_) | State::Waiting(_) | State::Over => None,
        }
    }

    /// The next event; `None` after the last. Cancel-safe.
    pub async fn next_event(&mut self) -> Option<ClientEvent> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Goes one step on. Pending: nothing to do at the moment.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Idle => self.connect(),
            State::Connecting(attempt) => match std::task::ready!(attempt.as_mut().poll(cx)) {
                Ok(connection) => self.opened(connection),
                Err(error) => self.failed(error),
            },
            State::Open { connection, since } => {
                pass_on(&mut self.queue, connection, cx);
                match std::task::ready!(connection.poll_event(cx)) {
                    Some(event) => self.events.push_back(ClientEvent::Event(event)),
                    None => {
                        let ending = connection.ending().cloned().unwrap_or_default();
                        let since = *since;
                        self.ended(ending, since);
                    }
                }
            }
            State::Waiting(sleep) => {
                std::task::ready!(sleep.as_mut().poll(cx));
                self.connect();
            }
            State::Over => return Poll::Pending,
        }
        Poll::Ready(())
    }

    fn connect(&mut self) {
        let mut client = self.client.clone();
        // One seed would give every connection the same pings and phases.
        client.seed = Some(self.rng.next_u64());
        self.state = State::Connecting(Box::pin(async move { client.connect().await }));
    }

    fn opened(&mut self, connection: Connection) {
        self.events.push_back(ClientEvent::Connected { peer: connection.peer_addr(), upgraded_in: connection.upgraded_in() });
        self.state = State::Open { connection: Box::new(connection), since: self.clock.now().at };
    }

    fn failed(&mut self, error: ConnectError) {
        let why = why_failed(&error);
        self.events.push_back(ClientEvent::ConnectFailed(Arc::new(error)));
        self.go_on(why, Duration::ZERO);
    }

    fn ended(&mut self, ending: Ending, since: Instant) {
        let why = why_ended(&ending);
        self.events.push_back(ClientEvent::Closed(ending));
        let lasted = self.clock.now().at.since(since).into();
        self.go_on(why, lasted);
    }

    fn go_on(&mut self, why: Why, lasted: Duration) {
        if self.closed == Closed::ByUser {
            self.state = State::Over;
            return;
        }
        match self.attempts.decide(&self.backoff, &why, lasted, &mut self.rng) {
            Decision::After(delay) => {
                self.state = State::Waiting(Box::pin(tokio::time::sleep(delay)));
                self.events.push_back(ClientEvent::ReconnectingIn { delay, why });
            }
            Decision::Stop => {
                self.state = State::Over;
                self.events.push_back(ClientEvent::GaveUp(why));
            }
        }
    }
}

/// Passes on queued messages, as far as the connection takes them. What goes wrong shows as the connection's end.
fn pass_on(queue: &mut VecDeque<Message>, connection: &mut Connection, cx: &mut Context<'_>) {
    let mut sink = Pin::new(&mut connection.heartbeat);
    while !queue.is_empty() {
        let Poll::Ready(Ok(())) = sink.as_mut().poll_ready(cx) else {
            return;
        };
        if let Some(message) = queue.pop_front() {
            // The one error left is a control frame too long, which the next attempt would not change.
            let _ = sink.as_mut().start_send(message);
        }
    }
}

fn why_ended(ending: &Ending) -> Why {
    if let Some(verdict) = &ending.verdict {
        return Why::GivenUp {
            verdict: verdict.kind.name(),
            // Our 1008 says that the peer was too loud, not that it found us in breach of its policy.
            code: verdict.code.filter(|_| verdict.kind != VerdictKind::TooManyPings),
        };
    }
    if let Some(close) = &ending.peer_close {
        return Why::Closed { code: close.code, reason: close.reason.clone() };
    }
    Why::Lost(ending.to_string())
}

fn why_failed(error: &ConnectError) -> Why {
    match error {
        ConnectError::Http { status, retry_after } => Why::Refused { status: *status, retry_after: *retry_after },
        ConnectError::Url { .. } | ConnectError::Header { .. } | ConnectError::Policy(_) | ConnectError::Limit { .. } => {
            Why::Unusable(error.to_string())
        }
        ConnectError::Dns { .. }
        | ConnectError::Tcp { .. }
        | ConnectError::Proxy { .. }
        | ConnectError::Tls(_)
        | ConnectError::Upgrade(_)
        | ConnectError::Timeout { .. } => Why::Lost(error.to_string()),
    }
}

impl Stream for Reconnecting {
    type Item = ClientEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        let this = self.get_mut();
        loop {
            if let Some(event) = this.events.pop_front() {
                return Poll::Ready(Some(event));
            }
            if matches!(this.state, State::Over) {
                return Poll::Ready(None);
            }
            if this.poll_step(cx).is_pending() {
                this.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnecting")
            .field("url", &self.client.url)
            .field("connection", &self.connection())
            .field("attempts", &self.attempts)
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}
