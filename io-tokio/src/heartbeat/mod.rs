//! The heartbeat for a stream you already have.
//!
//! ```no_run
//! # async fn example(tcp: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
//! use futures_util::{SinkExt, StreamExt};
//! use wsbeat_core::dialect::{Dialect, Role};
//! use wsbeat_tokio::heartbeat::{Builder, DialectChoice, Metered};
//!
//! let metered = Metered::new(tcp);
//! let meter = metered.meter();
//! let stream = tokio_tungstenite::accept_async(metered).await?;
//! let dialect = Dialect::preset("htx-spot-v1").ok_or("no such dialect")?;
//! let mut connection = Builder::new(Role::Server)
//!     .dialect(DialectChoice::Named(dialect.clone()))
//!     .meter(meter)
//!     .build(stream)?;
//! while let Some(message) = connection.next().await {
//!     connection.send(message?).await?;
//! }
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "axum")]
mod axum_socket;
mod builder;
mod codec;
mod event;
mod faults;
mod gate;
mod machine;
mod meter;
mod outbox;
pub(crate) mod recognise;
mod sink;
mod turn;
mod wakers;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::{self, Message};
use wsbeat_core::connection::{Phase, PlaneStatus};
use wsbeat_core::dialect::Dialect;
use wsbeat_core::event::Plane;
use wsbeat_core::stats::Stats;

#[cfg(feature = "axum")]
pub use axum_socket::AxumSocket;
pub use builder::{Builder, DialectChoice};
pub use event::{Ending, Error, Event, PeerClose};
pub use faults::{AnswerFaults, Voice};
pub use meter::{Meter, Metered};

pub(crate) use builder::random_seed;
pub(crate) use event::checked_close;
pub(crate) use gate::{GateHandle, PongGate};

use machine::Machine;
use wakers::Wakers;

/// A WebSocket connection with its heartbeat taken out: a [`Stream`] and [`Sink`](futures_util::Sink) of messages.
///
/// # How to call it
/// It is driven by being polled, and has no task of its own. Poll one of
/// - the [`Stream`]: the messages; after the end one `Err` where it was not a clean one; or
/// - [`Heartbeat::next_event`]: the messages, and what the heartbeat did between them,
///
/// all the time, also while you have nothing to read. Who does not poll sends no pings and answers none; nobody is
/// judged for the time it took. Send through the [`Sink`](futures_util::Sink); it may be split off
/// (`StreamExt::split`) and used in another task.
///
/// # What it does
/// Both planes are decided by one [`Connection`](wsbeat_core::connection::Connection): pings and heartbeats go out when
/// they are due, answers are matched, heartbeats are answered ahead of queued data and not delivered. What arrived is
/// read before time is looked at, so a pong that arrives exactly at its deadline counts; where more has arrived than is
/// read in one turn, nobody is judged before the rest is read. On a verdict the close frame goes out, the peer's is
/// waited for as long as the policy says, then the stream underneath is dropped. After a fault in its frames nothing more
/// can be read: the stream is dropped 1 s after the close frame has left.
///
/// # Limits
/// One message of the user's waits to be handed on, one answer, one ping, one heartbeat, 16 replies of the dialect's,
/// beside what the stream underneath buffers. While its writer is blocked nothing more is handed on, and of the answers
/// the newest is kept.
///
/// # Over other streams
/// Any stream and sink of tungstenite messages will do. The socket of axum is one by `AxumSocket` (feature `axum`); that
/// of another web framework needs its messages mapped to those. The library underneath has to answer control pings and closes by itself, as tungstenite does, and to limit the
/// length of a message. How long a message takes to arrive, and in how many frames, cannot be seen from here.
pub struct Heartbeat<S> {
    /// `None` once the connection has ended.
    inner: Option<S>,
    machine: Machine,
    counted: turn::Counted,
    sleep: Option<Pin<Box<Sleep>>>,
    wakers: Wakers,
    reading: turn::Reading,
    /// What a write said that failed, until all that had arrived is read.
    broken: Option<tungstenite::Error>,
    told: Told,
    /// Around each poll.
    #[cfg(feature = "spans")]
    span: tracing::Span,
}

/// Whether the stream of messages has told how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    NotYet,
    Ended,
}

impl<S> Heartbeat<S> {
    fn over(inner: S, machine: Machine, meter: Option<Meter>) -> Self {
        Heartbeat {
            #[cfg(feature = "spans")]
            span: tracing::info_span!(target: "wsbeat", "connection", role = ?machine.role),
            inner: Some(inner),
            machine,
            counted: turn::Counted::new(meter),
            sleep: None,
            wakers: Wakers::new(),
            reading: turn::Reading::Open,
            broken: None,
            told: Told::NotYet,
        }
    }

    /// How it ended; `None` before that.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.machine.has_ended().then_some(&self.machine.ending)
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.machine.phase()
    }

    /// What can be said of a plane now.
    #[must_use]
    pub fn status(&self, plane: Plane) -> PlaneStatus {
        self.machine.connection().status(plane)
    }

    /// What was counted on this connection.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        self.machine.stats()
    }

    /// The dialect in force, if any.
    #[must_use]
    pub fn dialect(&self) -> Option<&Dialect> {
        self.machine.dialect()
    }

    /// The stream underneath; `None` once the connection has ended: it is dropped then.
    #[must_use]
    pub fn get_ref(&self) -> Option<&S> {
        self.inner.as_ref()
    }
}

impl<S> Heartbeat<S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + futures_util::Sink<Message, Error = tungstenite::Error> + Unpin,
{
    /// Begins the close handshake with `code` (`None`: an empty body) and `reason`; it goes on as the connection is
    /// polled. Does nothing where the connection is closing already. A message that a blocked writer does not take any more
    /// is dropped.
    ///
    /// # Errors
    /// [`Error::CloseCode`] for a code that may not be sent, [`Error::CloseReason`] for a reason of more than 123 bytes
    /// or one without a code (RFC 6455 §5.5.1, §7.4).
    pub fn close(&mut self, code: Option<u16>, reason: &str) -> Result<(), Error> {
        let code = event::checked_close(code, reason)?;
        let both = self.wakers.both();
        self.hand_on(&mut Context::from_waker(&both));
        self.machine.close_by_user(code, reason);
        self.wakers.wake_stream();
        Ok(())
    }

    /// The next thing that happened; `None` after the end, when [`Heartbeat::ending`] says how it was.
    ///
    /// Cancel-safe. What the stream of messages has taken does not come here again, nor the other way round.
    pub async fn next_event(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }
}

impl<S> Stream for Heartbeat<S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + futures_util::Sink<Message, Error = tungstenite::Error> + Unpin,
{
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match std::task::ready!(this.poll_event(cx)) {
                Some(Event::Message(message)) => return Poll::Ready(Some(Ok(message))),
                Some(_) => {}
                None => return Poll::Ready(this.tell_ending()),
            }
        }
    }
}

impl<S> Heartbeat<S> {
    fn tell_ending(&mut self) -> Option<Result<Message, Error>> {
        if self.told == Told::Ended || self.machine.ending.is_clean() {
            return None;
        }
        self.told = Told::Ended;
        Some(Err(self.ended()))
    }

    fn ended(&self) -> Error {
        Error::Ended(Box::new(self.machine.ending.clone()))
    }
}

impl<S> fmt::Debug for Heartbeat<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat")
            .field("phase", &self.phase())
            .field("dialect", &self.dialect().map(Dialect::id))
            .field("ending", &self.ending())
            .finish_non_exhaustive()
    }
}
