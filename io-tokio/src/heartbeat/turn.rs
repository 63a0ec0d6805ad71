//! The order of things: read what arrived, look at the time, write, sleep.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use tokio::task::coop;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::{self, Message};
use wsbeat_core::event::Input;
use wsbeat_core::time::{Instant, Now, Span};

use super::event::Event;
use super::meter::Meter;
use super::outbox::frame_bytes;
use super::{Heartbeat, Machine};

/// The most messages read in one turn, and the most that are read ahead of the user while something is due.
const READS_MAX: usize = 128;
/// The most bytes that are read ahead of the user, beside the message that goes over it.
const AHEAD_BYTES_MAX: usize = 1 << 20;
/// How long a stream is kept after a close frame that answers a fault.
const LINGER: Span = Span::from_secs(1);
/// How often a turn looks at the time again because something fell due meanwhile.
const LOOKS_MAX: u32 = 8;

/// Whether anything more will be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Open,
    /// The library underneath reads no more after a fault; the close frame still has to leave.
    Over,
    /// The close frame has left. Dropping the stream with bytes unread resets it, and what is on its way to the peer
    /// with it: it is kept until then.
    Lingering(Instant),
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
    Nothing,
    /// The task has used up its budget: what is there will be seen in its next turn, for which it is already woken.
    Interrupted,
}

/// The bytes that the core was told of.
#[derive(Debug)]
pub(super) struct Counted {
    meter: Option<Meter>,
    read: u64,
    written: u64,
    drained: Drained,
}

impl Counted {
    pub(super) fn new(meter: Option<Meter>) -> Self {
        let (read, written) = meter.as_ref().map_or((0, 0), |m| (m.read(), m.written()));
        let drained = Drained::Yes;
        Counted { meter, read, written, drained }
    }

    /// Says that not all was read: nobody is to be judged for silence.
    fn tell_unread(&mut self, machine: &mut Machine, now: Now) {
        self.drained = Drained::No;
        machine.input(now, Input::Unread);
    }

    /// Says that all was read after all. The bytes of what was read since may have been counted before: the library
    /// underneath takes in many messages at once.
    fn tell_drained(&mut self, machine: &mut Machine) {
        if self.drained == Drained::No {
            self.drained = Drained::Yes;
            machine.input(machine.clock.now(), Input::Bytes(1));
        }
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
            self.drained = Drained::Yes;
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
        #[cfg(feature = "spans")]
        let _entered = self.span.clone().entered();
        self.wakers.register_stream(cx.waker());
        let both = self.wakers.both();
        let mut both = Context::from_waker(&both);
        for _ in 0..READS_MAX {
            if let Some(event) = self.next_ready(&mut both) {
                return Poll::Ready(event);
            }
            match self.read(&mut both) {
                Read::Some => {}
                Read::Interrupted => return self.take_event(),
                Read::Nothing => {
                    self.lose_if_broken();
                    self.counted.tell_drained(&mut self.machine);
                    self.turn(&mut both, Drained::Yes);
                    return self.take_event();
                }
            }
        }
        self.turn(&mut both, Drained::No);
        cx.waker().wake_by_ref();
        self.take_event()
    }

    /// An event that waits, or the end. Before the caller gets it, what else is to be done is done: it may be long
    /// until the next poll. Where something is due, the rest of what arrived is read first, within bounds.
    fn next_ready(&mut self, cx: &mut Context<'_>) -> Option<Option<Event>> {
        let is_due = self.machine.wants_tick(self.machine.clock.now());
        let (messages, bytes) = self.machine.backlog();
        let reads_ahead = is_due && messages < READS_MAX && bytes < AHEAD_BYTES_MAX;
        let is_idle = messages == 0 || reads_ahead;
        if is_idle && !self.machine.has_ended() {
            return None;
        }
        if self.machine.has_ended() {
            self.end();
        } else if is_due || self.machine.outbox.wants_flush() {
            self.turn(cx, Drained::No);
        }
        match self.take_event() {
            Poll::Ready(event) => Some(event),
            Poll::Pending => None,
        }
    }

    fn take_event(&mut self) -> Poll<Option<Event>> {
        match self.machine.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if self.machine.has_ended() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Reads one message and puts it in.
    fn read(&mut self, cx: &mut Context<'_>) -> Read {
        let (Some(inner), Reading::Open) = (&mut self.inner, self.reading) else {
            return Read::Nothing;
        };
        let read = Pin::new(&mut *inner).poll_next(cx);
        let message = match &read {
            Poll::Ready(Some(Ok(message))) => Some(message),
            _ => None,
        };
        self.counted.tell_read(&mut self.machine, message);
        match read {
            // Tokio's streams also say that nothing is there when the task has used up its budget.
            Poll::Pending if coop::has_budget_remaining() => Read::Nothing,
            Poll::Pending => Read::Interrupted,
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
    pub(super) fn hand_on(&mut self, cx: &mut Context<'_>) {
        let (Some(inner), None) = (&mut self.inner, &self.broken) else {
            return;
        };
        if let Err(error) = self.machine.hand_on(inner, cx) {
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
            self.counted.tell_unread(&mut self.machine, now);
        }
        self.machine.tick(now);
    }

    /// Writes what waits, and tells the core what was written. Whether all has left.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(inner), None) = (&mut self.inner, &self.broken) else {
            return true;
        };
        let had_room = self.machine.takes_data();
        let flushed = self.machine.flush(inner, cx);
        self.counted.tell_written(&mut self.machine);
        self.machine.note_written();
        let is_flushed = match flushed {
            Ok(is_flushed) => is_flushed,
            Err(error) => {
                self.write_failed(error);
                true
            }
        };
        if is_flushed {
            self.linger();
        }
        if is_flushed || (!had_room && self.machine.takes_data()) {
            self.wakers.wake_sink();
        }
        is_flushed
    }

    /// After a fault nothing is left but to let the peer read the close frame.
    fn linger(&mut self) {
        let now = self.machine.clock.now().at;
        match self.reading {
            Reading::Open => {}
            Reading::Over => self.reading = Reading::Lingering(now.after(LINGER)),
            Reading::Lingering(until) if until <= now => self.machine.lose(None),
            Reading::Lingering(_) => {}
        }
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
        let lingers_until = match self.reading {
            Reading::Lingering(until) => until,
            Reading::Open | Reading::Over => Instant::NEVER,
        };
        let due = self.machine.due().min(lingers_until);
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
