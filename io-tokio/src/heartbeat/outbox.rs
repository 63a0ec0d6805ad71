//! What waits to be written, in which order, and what was written.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Sink;
use tokio_tungstenite::tungstenite::{self, Message};
use wsbeat_core::event::{Payload, Plane, Token};
use wsbeat_core::time::Instant;

/// A question of the peer's, from its arrival until its answer was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) plane: Plane,
    pub(super) token: Token,
    pub(super) at: Instant,
}

/// An answer to a heartbeat.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) message: Message,
    pub(super) asked: Asked,
}

/// Something that was handed to the stream underneath and counts once a flush has ended after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Ping(Payload),
    Heartbeat(Token),
    Answer(Asked),
}

/// What waits to be written.
///
/// Every place is bounded: one of each, and a few replies. Nothing is handed on while the stream underneath is blocked,
/// so that whatever leaves next is still ours to choose: the close first, then pings, answers, replies, heartbeats, and
/// the user's message last.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    close: Option<Message>,
    ping: Option<Payload>,
    answer: Option<Answer>,
    replies: VecDeque<Message>,
    heartbeat: Option<(Token, Message)>,
    data: Option<Message>,
    pong: Option<Asked>,
    written: Vec<Written>,
    flow: Flow,
    bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Flow {
    /// All that was handed on has left.
    #[default]
    Flushed,
    /// Something was handed on since the last flush.
    Unflushed,
    /// The last flush did not end.
    Blocked,
    /// A close frame was handed on: nothing follows it.
    Closed,
    /// As `Closed`, and it has left.
    ClosedFlushed,
}

/// The most replies that wait; further ones push out the oldest.
const REPLIES_MAX: usize = 16;

impl Outbox {
    pub(super) fn put_ping(&mut self, payload: Payload) {
        self.ping = Some(payload);
    }

    pub(super) fn put_heartbeat(&mut self, token: Token, message: Message) {
        self.heartbeat = Some((token, message));
    }

    /// Takes the place of an answer that still waits, which is returned.
    pub(super) fn put_answer(&mut self, answer: Answer) -> Option<Answer> {
        self.answer.replace(answer)
    }

    pub(super) fn put_reply(&mut self, message: Message) {
        if self.replies.len() == REPLIES_MAX {
            self.replies.pop_front();
        }
        self.replies.push_back(message);
    }

    pub(super) fn put_data(&mut self, message: Message) {
        self.data = Some(message);
    }

    /// A control ping was answered by the library underneath: its pong leaves with the next flush. That library keeps
    /// one pong while it is blocked, the newest; the one that lost its place is returned.
    pub(super) fn note_pong(&mut self, asked: Asked) -> Option<Asked> {
        if self.flow == Flow::Blocked {
            return self.pong.replace(asked);
        }
        self.written.push(Written::Answer(asked));
        if self.flow == Flow::Flushed {
            self.flow = Flow::Unflushed;
        }
        None
    }

    /// The close frame: what still waits is dropped, except a heartbeat that belongs before it (dialect `blog`): where
    /// the writer is free, whatever waits was put in together with the close.
    pub(super) fn put_close(&mut self, frame: Message) {
        let heartbeat = self.heartbeat.take().filter(|_| self.flow != Flow::Blocked);
        self.clear();
        self.heartbeat = heartbeat;
        self.close = Some(frame);
    }

    /// Drops all that waits.
    pub(super) fn clear(&mut self) {
        *self =
            Outbox { pong: self.pong, written: std::mem::take(&mut self.written), flow: self.flow, bytes: self.bytes, ..Outbox::default() };
    }

    /// Whether there is room for a message of the user's.
    pub(super) fn takes_data(&self) -> bool {
        self.data.is_none()
    }

    /// Whether something waits to be handed on.
    pub(super) fn is_waiting(&self) -> bool {
        self.close.is_some()
            || self.ping.is_some()
            || self.answer.is_some()
            || !self.replies.is_empty()
            || self.heartbeat.is_some()
            || self.data.is_some()
    }

    /// Whether something is to be written at once.
    pub(super) fn wants_flush(&self) -> bool {
        self.is_waiting() || self.flow == Flow::Unflushed
    }

    /// Whether all has left.
    pub(super) fn is_flushed(&self) -> bool {
        !self.is_waiting() && matches!(self.flow, Flow::Flushed | Flow::ClosedFlushed)
    }

    fn next(&mut self) -> Option<(Message, Option<Written>)> {
        if self.close.is_some() {
            let before = self.heartbeat.take().map(|(token, message)| (message, Some(Written::Heartbeat(token))));
            return before.or_else(|| self.close.take().map(|frame| (frame, None)));
        }
        if let Some(payload) = self.ping.take() {
            let bytes = payload.bytes(&mut [0; 8]).to_vec();
            return Some((Message::Ping(bytes.into()), Some(Written::Ping(payload))));
        }
        if let Some(answer) = self.answer.take() {
            return Some((answer.message, Some(Written::Answer(answer.asked))));
        }
        if let Some(reply) = self.replies.pop_front() {
            return Some((reply, None));
        }
        if let Some((token, message)) = self.heartbeat.take() {
            return Some((message, Some(Written::Heartbeat(token))));
        }
        self.data.take().map(|message| (message, None))
    }

    /// Hands on what waits, as long as the stream underneath takes it.
    pub(super) fn hand_on<S>(&mut self, inner: &mut S, cx: &mut Context<'_>) -> Result<(), tungstenite::Error>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        if matches!(self.flow, Flow::Closed | Flow::ClosedFlushed) {
            self.clear();
            return Ok(());
        }
        if self.flow == Flow::Blocked && !self.flush_once(inner, cx)? {
            return Ok(());
        }
        while self.is_waiting() {
            match Pin::new(&mut *inner).poll_ready(cx) {
                Poll::Pending => {
                    self.flow = Flow::Blocked;
                    return Ok(());
                }
                Poll::Ready(ready) => ready?,
            }
            let Some((message, written)) = self.next() else { break };
            self.flow = if message.is_close() { Flow::Closed } else { Flow::Unflushed };
            self.bytes = self.bytes.saturating_add(frame_bytes(&message));
            Pin::new(&mut *inner).start_send(message)?;
            self.written.extend(written);
            if self.flow == Flow::Closed {
                self.clear();
            }
        }
        Ok(())
    }

    /// Hands on what waits and flushes. Whether all has left.
    pub(super) fn flush<S>(&mut self, inner: &mut S, cx: &mut Context<'_>) -> Result<bool, tungstenite::Error>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        self.hand_on(inner, cx)?;
        Ok(self.flow != Flow::Blocked && self.flush_once(inner, cx)? && !self.is_waiting())
    }

    fn flush_once<S>(&mut self, inner: &mut S, cx: &mut Context<'_>) -> Result<bool, tungstenite::Error>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        let flushed = Pin::new(inner).poll_flush(cx)?.is_ready();
        self.flow = match (self.flow, flushed) {
            (Flow::Closed | Flow::ClosedFlushed, true) => Flow::ClosedFlushed,
            (Flow::Closed | Flow::ClosedFlushed, false) => Flow::Closed,
            (_, true) => Flow::Flushed,
            (_, false) => Flow::Blocked,
        };
        if flushed {
            self.written.extend(self.pong.take().map(Written::Answer));
        }
        Ok(flushed)
    }

    /// What was written since the last call, oldest first; empty while a flush is under way.
    pub(super) fn take_written(&mut self) -> impl Iterator<Item = Written> + use<> {
        let flushed = matches!(self.flow, Flow::Flushed | Flow::ClosedFlushed);
        let taken = if flushed { std::mem::take(&mut self.written) } else { Vec::new() };
        taken.into_iter()
    }

    /// The bytes of the frames that have left since the last call, for streams without a meter.
    pub(super) fn take_bytes(&mut self) -> u32 {
        match self.flow {
            Flow::Flushed | Flow::ClosedFlushed => std::mem::take(&mut self.bytes),
            Flow::Unflushed | Flow::Blocked | Flow::Closed => 0,
        }
    }
}

/// The bytes of a message as one frame, without a mask (RFC 6455 §5.2).
pub(super) fn frame_bytes(message: &Message) -> u32 {
    let len = match message {
        Message::Close(None) => 0,
        Message::Close(Some(frame)) => frame.reason.len() + 2,
        other => other.len(),
    };
    let header = match len {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    u32::try_from(len + header).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A sink that takes everything and flushes when told to.
    #[derive(Default)]
    struct Wire {
        taken: Vec<Message>,
        blocked: bool,
    }

    impl Sink<Message> for Wire {
        type Error = tungstenite::Error;
        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }
        fn start_send(mut self: Pin<&mut Self>, item: Message) -> Result<(), Self::Error> {
            self.taken.push(item);
            Ok(())
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            if self.blocked { Poll::Pending } else { Poll::Ready(Ok(())) }
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }
    }

    fn answer(n: u64) -> Answer {
        Answer { message: Message::text(format!("answer {n}")), asked: asked(n) }
    }

    fn asked(n: u64) -> Asked {
        Asked { plane: Plane::Application, token: Token(n), at: Instant::ZERO }
    }

    fn flush(outbox: &mut Outbox, wire: &mut Wire) -> bool {
        outbox.flush(wire, &mut Context::from_waker(Waker::noop())).unwrap()
    }

    #[test]
    fn answers_and_pings_leave_ahead_of_data() {
        let (mut outbox, mut wire) = (Outbox::default(), Wire::default());
        outbox.put_data(Message::text("data"));
        outbox.put_heartbeat(Token(9), Message::text("heartbeat"));
        assert!(outbox.put_answer(answer(1)).is_none());
        outbox.put_ping(Payload::Eight(5));
        assert!(flush(&mut outbox, &mut wire));
        let ping = Message::Ping(5_u64.to_be_bytes().to_vec().into());
        assert_eq!(wire.taken, [ping, Message::text("answer 1"), Message::text("heartbeat"), Message::text("data")]);
        let written = [Written::Ping(Payload::Eight(5)), Written::Answer(asked(1)), Written::Heartbeat(Token(9))];
        assert!(outbox.take_written().eq(written));
    }

    #[test]
    fn while_the_writer_is_blocked_nothing_is_handed_on_and_the_newest_answer_stays() {
        let (mut outbox, mut wire) = (Outbox::default(), Wire { blocked: true, ..Wire::default() });
        outbox.put_data(Message::text("first"));
        assert!(!flush(&mut outbox, &mut wire));
        for n in 1..=3 {
            let replaced = outbox.put_answer(answer(n)).map(|a| a.asked);
            assert_eq!(replaced, (n > 1).then(|| asked(n - 1)));
            assert!(!flush(&mut outbox, &mut wire));
        }
        assert_eq!(outbox.take_written().count(), 0);
        wire.blocked = false;
        assert!(flush(&mut outbox, &mut wire));
        assert_eq!(wire.taken, [Message::text("first"), Message::text("answer 3")]);
        assert!(outbox.take_written().eq([Written::Answer(asked(3))]));
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let (mut outbox, mut wire) = (Outbox::default(), Wire::default());
        outbox.put_data(Message::text("dropped"));
        outbox.put_close(Message::Close(None));
        assert!(flush(&mut outbox, &mut wire));
        outbox.put_ping(Payload::Empty);
        outbox.put_data(Message::text("late"));
        assert!(flush(&mut outbox, &mut wire));
        assert_eq!(wire.taken, [Message::Close(None)]);
        assert!(outbox.is_flushed());
    }
}
