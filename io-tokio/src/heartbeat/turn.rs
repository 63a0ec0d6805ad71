//! The order of things: read what arrived, look at the time, write, sleep.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use tokio::task::coop;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::{self, Message};
use wsbeat_core::event::Input;

use super::event::Event;
use super::meter::Meter;
use super::outbox::frame_bytes;
use super::{Heartbeat, Machine};

/// The most messages read in one turn without one for the user among them.
const READS_MAX: u32 = 128;
/// How often a turn looks at the time again because something fell due meanwhile.
const LOOKS_MAX: u32 = 8;

/// Whether anything more will be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Open,
    /// The library underneath reads no more after a fault; the close frame still has to leave.
    Over,
}

/// Whether all that had arrived was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    Yes,
    No,
}

enum Read {
    /// Something was put in.
    Some,
    /// Nothing is there at the moment.
    Nothing(Drained),
}

/// The bytes that the core was told of.
#[derive(Debug)]
pub(super) struct Counted {
    meter: Option<Meter>,
    read: u64,
    written: u64,
}

impl Counted {
    pub(super) fn new(meter: Option<Meter>) -> Self {
        let (read, written) = meter.as_ref().map_or((0, 0), |m| (m.read(), m.written()));
        Counted { meter, read, written }
    }

    /// Tells of the bytes read, those of `message` where nothing counts them.
    fn tell_read(&mut self, machine: &mut Machine, message: Option<&Message>) {
        let n = match &self.meter {
            Some(meter) => {
                let before = std::mem::replace(&mut self.read, meter.read());
                u32::try_from(self.read - before).unwrap_or(u32::MAX)
            }
            None => message.map_or(0, frame_bytes),
        };
        if n > 0 {
            machine.input(machine.clock.now(), Input::Bytes(n));
        }
    }

    fn tell_written(&mut self, machine: &mut Machine) {
        let flushed = machine.outbox.take_bytes();
        let n = match &self.meter {
            Some(meter) => {
                let before = std::mem::replace(&mut self.written, meter.written());
                u32::try_from(self.written - before).unwrap_or(u32::MAX)
            }
            None => flushed,
        };
        if n > 0 {
            machine.input(machine.clock.now(), Input::Wrote(n));
        }
    }
}

impl<S> Heartbeat<S>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + Sink<Message, Error = tungstenite::Error> + Unpin,
{
    /// As [`Heartbeat::next_event`], in poll form.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.wakers.register_stream(cx.waker());
        let both = self.wakers.both();
        let mut both = Context::from_waker(&both);
        for _ in 0..READS_MAX {
            if let Some(event) = self.next_ready(&mut both) {
                return Poll::Ready(event);
            }
            match self.read(&mut both) {
                Read::Some => {}
                Read::Nothing(drained) => {
                    self.lose_if_broken();
                    self.turn(&mut both, drained);
                    match self.take_event() {
                        Some(event) => return Poll::Ready(event),
                        None => return Poll::Pending,
                    }
                }
            }
        }
        self.turn(&mut both, Drained::No);
        cx.waker().wake_by_ref();
        self.take_event().map_or(Poll::Pending, Poll::Ready)
    }

    /// An event that waits, or the end. Before the caller gets it, what else is to be done is done: it may be long
    /// until the next poll.
    fn next_ready(&mut self, cx: &mut Context<'_>) -> Option<Option<Event>> {
        if self.machine.events.is_empty() && !self.machine.has_ended() {
            return None;
        }
        let now = self.machine.clock.now();
        if self.machine.outbox.is_waiting() || self.machine.wants_tick(now) {
            self.turn(cx, Drained::No);
        }
        self.take_event()
    }

    fn take_event(&mut self) -> Option<Option<Event>> {
        match self.machine.events.pop_front() {
            Some(event) => Some(Some(event)),
            None if self.machine.has_ended() => Some(None),
            None => None,
        }
    }

    /// Reads one message and puts it in.
    fn read(&mut self, cx: &mut Context<'_>) -> Read {
        let (Some(inner), Reading::Open) = (&mut self.inner, self.reading) else {
            return Read::Nothing(Drained::Yes);
        };
        let read = Pin::new(&mut *inner).poll_next(cx);
        let message = match &read {
            Poll::Ready(Some(Ok(message))) => Some(message),
            _ => None,
        };
        self.counted.tell_read(&mut self.machine, message);
        match read {
            // Tokio's streams also say that nothing is there when the task has used up its budget: that is not the end
            // of what had arrived.
            Poll::Pending if coop::has_budget_remaining() => Read::Nothing(Drained::Yes),
            Poll::Pending => Read::Nothing(Drained::No),
            Poll::Ready(Some(Ok(message))) => {
                self.machine.receive(message);
                self.hand_on(cx);
                Read::Some
            }
            Poll::Ready(Some(Err(error))) => {
                self.machine.receive_error(&error);
                self.reading = Reading::Over;
                Read::Some
            }
            Poll::Ready(None) => {
                self.machine.lose(None);
                self.reading = Reading::Over;
                Read::Some
            }
        }
    }

    /// Hands on what waits, so that a second answer in one turn does not take the place of the first.
    fn hand_on(&mut self, cx: &mut Context<'_>) {
        let (Some(inner), None) = (&mut self.inner, &self.broken) else {
            return;
        };
        if !self.machine.outbox.is_waiting() {
            return;
        }
        if let Err(error) = self.machine.outbox.hand_on(inner, cx) {
            self.write_failed(error);
        }
    }

    /// Looks at the time, writes, and sets the timer; again where something fell due meanwhile.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>, drained: Drained) {
        for _ in 0..LOOKS_MAX {
            self.tick(drained);
            self.flush(cx);
            if self.machine.has_ended() {
                self.end();
                return;
            }
            if self.sleep(cx).is_pending() {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    fn tick(&mut self, drained: Drained) {
        let now = self.machine.clock.now();
        if drained == Drained::No && self.machine.wants_tick(now) {
            self.machine.input(now, Input::Unread);
        }
        self.machine.tick(now);
    }

    /// Writes what waits, and tells the core what was written. Whether all has left.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(inner), None) = (&mut self.inner, &self.broken) else {
            return true;
        };
        let had_room = self.machine.outbox.takes_data();
        let flushed = self.machine.outbox.flush(inner, cx);
        self.counted.tell_written(&mut self.machine);
        self.machine.note_written();
        let is_flushed = match flushed {
            Ok(is_flushed) => is_flushed,
            Err(error) => {
                self.write_failed(error);
                true
            }
        };
        if is_flushed && self.reading == Reading::Over {
            self.machine.lose(None);
        }
        if is_flushed || (!had_room && self.machine.outbox.takes_data()) {
            self.wakers.wake_sink();
        }
        is_flushed
    }

    /// Writing is over. What can still be read is read first: the peer's close may be there.
    fn write_failed(&mut self, error: tungstenite::Error) {
        self.machine.outbox.clear();
        // The library underneath has seen a close frame that we have not read yet.
        if !matches!(error, WsError::Protocol(ProtocolError::SendAfterClosing)) {
            self.broken = Some(error);
            self.wakers.wake_stream();
        }
    }

    /// Writing is over and all that had arrived was read.
    fn lose_if_broken(&mut self) {
        if let Some(error) = self.broken.take() {
            self.machine.lose(Some(&error));
        }
    }

    /// Sets the timer to what is due next. Ready: something is due now.
    fn sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.machine.due();
        let now = self.machine.clock.now();
        if due <= now.at {
            return Poll::Ready(());
        }
        let Some(at) = self.machine.clock.timer(due) else {
            self.sleep = None;
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }

    /// The connection has ended: the stream underneath goes.
    fn end(&mut self) {
        self.inner = None;
        self.sleep = None;
        self.machine.outbox.clear();
        self.wakers.wake_sink();
    }
}
