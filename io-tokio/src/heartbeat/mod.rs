//! The heartbeat for a stream you already have.

mod event;
mod faults;
mod meter;

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use tokio_tungstenite::tungstenite::{self, Message};
use wsbeat_core::connection::{Phase, PlaneStatus};
use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::event::Plane;
use wsbeat_core::policy::{PolicyConfig, PolicyError};

pub use event::{Ending, Error, Event, PeerClose};
pub use faults::{AnswerFaults, Voice};
pub use meter::{Meter, Metered};

use crate::clock::Clock;

/// A WebSocket connection with its heartbeat taken out: a [`Stream`] and [`Sink`] of messages.
#[derive(Debug)]
pub struct Heartbeat<S> {
    inner: S,
}

/// In which dialect heartbeats are spoken.
#[derive(Clone, Debug, Default)]
pub enum DialectChoice {
    /// Watch the peer's messages and take the preset they show. Until then everything is data, control pings are
    /// answered, and there is no verdict of the application plane.
    #[default]
    Auto,
    /// This one.
    Named(Dialect),
    /// None: the application plane is off.
    None,
}

/// What an adaptor is made of.
#[derive(Clone, Debug)]
pub struct Builder {
    role: Role,
}

impl Builder {
    /// For a connection on which we are `role`; no dialect, no transport plane.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Builder { role }
    }

    /// The dialect; default [`DialectChoice::None`].
    #[must_use]
    pub fn dialect(self, dialect: DialectChoice) -> Self {
        let _ = dialect;
        self
    }

    /// The wishes laid over the dialect's plan; default none.
    #[must_use]
    pub fn policy(self, config: PolicyConfig) -> Self {
        let _ = config;
        self
    }

    /// The counts of the transport under the stream. Without them a message counts as its bytes.
    #[must_use]
    pub fn meter(self, meter: Meter) -> Self {
        let _ = meter;
        self
    }

    /// The seed of chance: ping payloads, phases, jitter, dropped answers; default drawn at random.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        let _ = seed;
        self
    }

    /// The clock; default the system's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        let _ = clock;
        self
    }

    /// How answers to heartbeats are spoilt; default not at all.
    #[must_use]
    pub fn answer_faults(self, faults: AnswerFaults) -> Self {
        let _ = faults;
        self
    }

    /// The adaptor over `inner`, whose handshake has just been completed.
    ///
    /// # Errors
    /// A setting out of its limits.
    pub fn build<S>(self, inner: S) -> Result<Heartbeat<S>, PolicyError> {
        let _ = self.role;
        Ok(Heartbeat { inner })
    }
}

impl<S> Heartbeat<S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + Sink<Message, Error = tungstenite::Error> + Unpin,
{
    /// The next thing that happened; `None` after the end, when [`Heartbeat::ending`] says how it was.
    ///
    /// Cancel-safe. Polling this (or the stream of messages) drives the connection.
    pub async fn next_event(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// As [`Heartbeat::next_event`], in poll form.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let _ = (cx, PhantomData::<S>);
        todo!()
    }

    /// Begins the close handshake with `code` (`None`: an empty body) and `reason`, at most 123 bytes of it. Goes on
    /// as the connection is polled.
    pub fn close(&mut self, code: Option<u16>, reason: &str) {
        let _ = (code, reason);
        todo!()
    }
}

impl<S> Heartbeat<S> {
    /// How it ended, once it has.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        todo!()
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        todo!()
    }

    /// What can be said of a plane now.
    #[must_use]
    pub fn status(&self, plane: Plane) -> PlaneStatus {
        let _ = plane;
        todo!()
    }

    /// The dialect in force, if any.
    #[must_use]
    pub fn dialect(&self) -> Option<&Dialect> {
        todo!()
    }

    /// The stream underneath.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S> Stream for Heartbeat<S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + Sink<Message, Error = tungstenite::Error> + Unpin,
{
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _ = cx;
        todo!()
    }
}

impl<S> Sink<Message> for Heartbeat<S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + Sink<Message, Error = tungstenite::Error> + Unpin,
{
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let _ = cx;
        todo!()
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let _ = message;
        todo!()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let _ = cx;
        todo!()
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let _ = cx;
        todo!()
    }
}
