//! The side that sends.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use tokio_tungstenite::tungstenite::{self, Message};
use wsbeat_core::connection::Phase;

use super::turn::Drained;
use super::{Error, Heartbeat};

/// Sends messages. Text and binary go out as they are; a ping's pong is delivered as a message; a close begins the close
/// handshake.
///
/// Errors: [`Error::Closing`] once a close frame was sent or received, [`Error::Ended`] after the end,
/// [`Error::ControlTooLong`] for a ping or pong of more than 125 bytes.
impl<S> Sink<Message> for Heartbeat<S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + Sink<Message, Error = tungstenite::Error> + Unpin,
{
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.wakers.register_sink(cx.waker());
        this.check_open()?;
        if this.machine.takes_data() {
            return Poll::Ready(Ok(()));
        }
        this.write();
        this.check_open()?;
        if this.machine.takes_data() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = self.get_mut();
        if let Message::Close(frame) = message {
            let code = frame.as_ref().map(|f| f.code.into());
            return this.close(code, frame.as_ref().map_or("", |f| f.reason.as_str()));
        }
        this.check_open()?;
        if let Message::Ping(payload) | Message::Pong(payload) = &message {
            if payload.len() > 125 {
                return Err(Error::ControlTooLong { len: payload.len() });
            }
        }
        this.machine.send(message);
        this.wakers.wake_stream();
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.wakers.register_sink(cx.waker());
        if this.machine.has_ended() {
            return Poll::Ready(Err(this.ended()));
        }
        if this.write() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Flushes, closes with 1000, and is ready once the close frame was written; the stream ends when the peer's has come.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.wakers.register_sink(cx.waker());
        // Time is looked at here as well: who only closes would wait for a blocked writer for ever.
        let both = this.wakers.both();
        this.turn(&mut Context::from_waker(&both), Drained::No);
        if this.machine.phase() == Phase::Open && this.machine.outbox.is_flushed() {
            this.close(Some(1000), "")?;
            this.turn(&mut Context::from_waker(&both), Drained::No);
        }
        let is_closed = this.machine.phase() != Phase::Open && this.machine.outbox.is_flushed();
        if is_closed || this.machine.has_ended() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl<S> Heartbeat<S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + Sink<Message, Error = tungstenite::Error> + Unpin,
{
    fn check_open(&self) -> Result<(), Error> {
        match self.machine.phase() {
            Phase::Open if self.broken.is_some() => Err(Error::Closing),
            Phase::Open => Ok(()),
            Phase::Ended => Err(self.ended()),
            Phase::Handshake | Phase::Closing | Phase::Echoed => Err(Error::Closing),
        }
    }

    /// Writes what waits; the stream side sets the timer for what follows from it. Whether all has left.
    fn write(&mut self) -> bool {
        let both = self.wakers.both();
        let is_flushed = self.flush(&mut Context::from_waker(&both));
        self.wakers.wake_stream();
        is_flushed
    }
}
