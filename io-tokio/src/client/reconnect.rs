//! A client that comes back.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::event::{Note, Plane, Token, Verdict};

use super::{ConnectError, Why};
use crate::heartbeat::Ending;

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
    /// The dialect was recognised: its id.
    Dialect(String),
    /// A message of the peer's that is no heartbeat.
    Message(Message),
    /// The peer asked; see [`Event::Asked`](crate::heartbeat::Event::Asked).
    Asked {
        /// Control ping or heartbeat.
        plane: Plane,
        /// What it carried; 0 where it was no number.
        token: Token,
        /// The time from its arrival until its answer was written; `None`: not answered.
        answered_in: Option<Duration>,
    },
    /// The peer answered a ping or heartbeat of ours.
    Answered {
        /// Control ping or heartbeat.
        plane: Plane,
        /// What it carried.
        token: Token,
        /// The time from its writing to the answer.
        rtt: Duration,
    },
    /// Something worth knowing that asks for nothing.
    Note(Note),
    /// We close or abort the connection, and why.
    Verdict(Verdict),
    /// The connection ended.
    Closed(Ending),
    /// No connection could be made.
    ConnectFailed(ConnectError),
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
#[error("{queued} messages wait to be sent: at most {limit}")]
pub struct QueueFull {
    /// The message, back.
    pub message: Message,
    /// How many wait.
    pub queued: usize,
    /// How many may wait.
    pub limit: usize,
}

/// A client that connects, and connects again after a loss: a stream of [`ClientEvent`].
///
/// It is driven by being polled. The stream ends after [`ClientEvent::GaveUp`], and after [`ClientEvent::Closed`] where
/// the user closed.
#[derive(Debug)]
pub struct Reconnecting {}

impl Reconnecting {
    /// The most messages that wait to be sent.
    pub const QUEUE_MAX: usize = 1_024;

    /// Queues a message: it leaves when a connection is open and takes it.
    ///
    /// # Errors
    /// [`QueueFull`] at [`Reconnecting::QUEUE_MAX`].
    pub fn send(&mut self, message: Message) -> Result<(), QueueFull> {
        let _ = message;
        todo!()
    }

    /// Closes for good, with `code` and `reason` (at most 123 bytes of it).
    pub fn close(&mut self, code: u16, reason: &str) {
        let _ = (code, reason);
        todo!()
    }

    /// The next event; `None` after the last. Cancel-safe.
    pub async fn next_event(&mut self) -> Option<ClientEvent> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Reconnecting {
    type Item = ClientEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        let _ = cx;
        todo!()
    }
}
