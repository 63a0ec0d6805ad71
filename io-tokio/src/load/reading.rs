//! What arrives: read, taken apart, and put into the hub.

use tungstenite::protocol::{self, Message as Frame};
use wsbeat_core::dialect::{Heard, Message, Role};
use wsbeat_core::event::{ConnId, Fault, Input, Payload};

use super::driver::Driver;
use super::frame;
use super::report::Failure;
use super::settle::mask;
use super::slot::Stage;
use super::spacing::{HEARTBEATS, PINGS};
use super::upgrade::Answer;
use crate::dense::inbound::{self, Next, Walk};
use crate::dense::lone::{Lone, lone};
use crate::heartbeat::recognise;

/// Ours, for the frames.
const ROLE: protocol::Role = protocol::Role::Client;

/// How much is read of one connection before the others have their turn.
const READS_PER_TURN: usize = 16;

impl Driver {
    /// Reads a connection until nothing is left, or others wait. Returns whether something may be left.
    pub(super) fn read(&mut self, id: ConnId, is_ending: bool) -> bool {
        let mut space = std::mem::take(&mut self.space);
        let mut is_left = true;
        for _ in 0..READS_PER_TURN {
            let Some(slot) = self.slot(id) else {
                is_left = false;
                break;
            };
            let received = slot.socket().receive(&mut space);
            self.report.bytes_in += received.wire_bytes as u64;
            if received.bytes > 0 {
                self.input(id, Input::Bytes(u32::try_from(received.bytes).unwrap_or(u32::MAX)));
                self.received(id, &mut space[..received.bytes]);
            }
            if received.is_over {
                self.over(id);
            }
            let is_drained = received.is_drained && !is_ending;
            if received.is_over || is_drained || (received.bytes == 0 && received.wire_bytes == 0) {
                is_left = false;
                break;
            }
        }
        self.space = space;
        is_left
    }

    fn over(&mut self, id: ConnId) {
        let Some(slot) = self.slot(id) else { return };
        if matches!(slot.stage, Stage::Open | Stage::Closing) {
            return self.lost(id);
        }
        let why = slot.tls.as_ref().and_then(|tls| tls.failure()).map(ToString::to_string);
        let step = slot.step();
        self.failed(id, step, why.as_deref().unwrap_or("the connection was ended"));
    }

    fn received(&mut self, id: ConnId, bytes: &mut [u8]) {
        match self.slot(id).map(|slot| slot.stage) {
            Some(Stage::Upgrading) => self.head(id, bytes),
            Some(Stage::Open) => self.frames(id, bytes),
            // After a close frame, theirs or ours, only the end of the stream matters.
            Some(Stage::Connecting | Stage::Closing) | None => {}
        }
    }

    fn head(&mut self, id: ConnId, bytes: &mut [u8]) {
        let Some(slot) = self.slot(id) else { return };
        let busy = slot.busy();
        busy.head.extend_from_slice(bytes);
        let mut head = std::mem::take(&mut busy.head);
        match self.opening.answer(&head) {
            Answer::Wait => {
                if let Some(slot) = self.slot(id) {
                    slot.busy().head = head;
                }
            }
            Answer::Refused(why) => self.failed(id, Failure::Upgrade, &why),
            Answer::Upgraded(end) => {
                self.opened(id);
                self.frames(id, &mut head[end..]);
            }
        }
    }

    fn opened(&mut self, id: ConnId) {
        if let Some(slot) = self.slot(id) {
            slot.stage = Stage::Open;
        }
        self.under_way -= 1;
        self.open += 1;
        self.report.connections += 1;
        self.input(id, Input::Opened);
        self.schedule_echo(id);
    }

    /// Works off the bytes of an upgraded connection, with a context of its own where it has one.
    fn frames(&mut self, id: ConnId, bytes: &mut [u8]) {
        let own = self.slot(id).and_then(|slot| slot.busy.as_mut()?.partial.take());
        if own.is_none() {
            if let Some(frame) = lone(ROLE, bytes, self.config.message_bytes_max) {
                match frame {
                    Lone::Text(text) => self.message(id, Message::Text(text)),
                    Lone::Binary(bytes) => self.message(id, Message::Binary(bytes)),
                    Lone::Pong(payload) => self.input(id, Input::Pong(Payload::parse(payload))),
                }
                return self.at_rest(id);
            }
        }
        let (mut context, mut walk) = own.unwrap_or_else(|| {
            let spare = self.spare.take();
            (spare.unwrap_or_else(|| inbound::context(ROLE, self.config.message_bytes_max)), Walk::default())
        });
        // A server may send as many frames as it likes: this is no limit of ours to test.
        let _ = walk.follow(bytes, u32::MAX);
        let is_readable = self.pump(id, &mut context, bytes);
        if is_readable && !walk.at_rest() {
            if let Some(slot) = self.slot(id) {
                slot.busy().partial = Some((context, walk));
            }
            return;
        }
        if is_readable {
            self.spare = Some(context);
        }
        self.at_rest(id);
    }

    fn at_rest(&mut self, id: ConnId) {
        if let Some(slot) = self.slot(id) {
            slot.settle();
        }
    }

    /// Hands `bytes` to tungstenite and takes out what they contain. Returns whether more can be read after them.
    fn pump(&mut self, id: ConnId, context: &mut tungstenite::protocol::WebSocketContext, bytes: &[u8]) -> bool {
        let mut received = bytes;
        loop {
            let mut replies = std::mem::take(&mut self.replies);
            let next = inbound::next(context, &mut received, &mut replies);
            // No pong leaves after a close.
            if !replies.is_empty() && self.slot(id).is_some_and(|slot| slot.stage == Stage::Open) {
                self.answer(id, &replies);
            }
            self.replies = replies;
            match next {
                Next::Frame(frame) => self.frame(id, frame),
                Next::Wait => return true,
                Next::Fault(fault) => {
                    self.input(id, Input::Fault(fault));
                    self.lost(id);
                    return false;
                }
            }
            // A context that has seen a close frame is of no use to others.
            if self.slot(id).is_none_or(|slot| slot.stage == Stage::Closing) {
                return false;
            }
        }
    }

    fn frame(&mut self, id: ConnId, frame: Frame) {
        match frame {
            Frame::Ping(_) => {
                self.asked(id, PINGS);
                self.input(id, Input::Ping);
            }
            Frame::Pong(payload) => self.input(id, Input::Pong(Payload::parse(&payload))),
            Frame::Text(text) => self.message(id, Message::Text(text.as_str())),
            Frame::Binary(bytes) => self.message(id, Message::Binary(&bytes)),
            Frame::Close(close) => {
                let code = close.as_ref().map(|close| u16::from(close.code));
                self.closed(id, code.unwrap_or(1005));
                self.input(id, Input::PeerClose(code.unwrap_or(0)));
            }
            // Never read, only written.
            Frame::Frame(_) => {}
        }
    }

    fn message(&mut self, id: ConnId, message: Message<'_>) {
        let Some(mut decoder) = self.decoder.take() else { return };
        if self.is_recognising {
            if let Some(found) = recognise::recognise(Role::Client, message, self.now.wall_ms, &mut decoder) {
                self.recognised(found);
            }
        }
        let heard = match &self.dialect {
            Some(dialect) => dialect.decode(Role::Client, message, self.now.wall_ms, &mut decoder),
            None => Heard::Data(message),
        };
        self.heard(id, heard);
        self.decoder = Some(decoder);
    }

    fn heard(&mut self, id: ConnId, heard: Heard<'_>) {
        match heard {
            Heard::Data(data) => {
                self.input(id, Input::Data);
                self.data(id, data);
            }
            Heard::Ready { .. } => self.input(id, Input::Ready),
            Heard::Answer(token) => self.input(id, Input::Answer(token)),
            Heard::Heartbeat { token, answer } => {
                self.asked(id, HEARTBEATS);
                self.prepared.clear();
                if let Some(answer) = answer {
                    frame::write_message(answer, mask(self.rng.next_u64()), &mut self.prepared);
                }
                self.input(id, Input::Heartbeat(token));
            }
            Heard::Reply(_) | Heard::Agreed { .. } => self.input(id, Input::Data),
            Heard::Malformed => self.input(id, Input::Fault(Fault::Malformed)),
            Heard::TooBig => self.input(id, Input::Fault(Fault::TooBig)),
        }
    }
}
