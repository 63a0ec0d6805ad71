//! What arrives: read, taken apart, and put into the hub.

use tungstenite::protocol::{self, CloseFrame, Message as Frame, WebSocketContext};
use wsbeat_core::dialect::{Heard, Message, Role};
use wsbeat_core::event::{ConnId, Fault, Input, Payload};

use super::driver::Driver;
use super::frame;
use super::handler::Handler;
use super::output::Kind;
use super::slot::{Partial, Stage};
use super::stats::Refusal;
use super::turn::{Arrived, READ_COST};
use crate::dense::inbound::{self, Next, Walk};
use crate::dense::lone::{Lone, lone};
use crate::dense::received::Received;

/// Ours, for the frames.
const ROLE: protocol::Role = protocol::Role::Server;

/// How a connection stands after its bytes were worked off.
enum Pumped {
    /// It waits for more.
    Waits,
    /// Nothing more is read as frames.
    Done,
}

impl<H: Handler> Driver<H> {
    /// Reads a connection to its end or to its budget.
    pub(super) fn read(&mut self, id: ConnId) {
        let mut space = std::mem::take(&mut self.space);
        let mut left = self.world.limits.read_bytes_per_turn as usize;
        while let Some(received) = self.read_once(id, &mut space) {
            if received.bytes > 0 {
                self.received(id, &mut space[..received.bytes]);
            }
            self.settle(None);
            let Some(slot) = self.world.slot(id) else { break };
            // The end of the stream may stand behind what had arrived.
            if received.is_drained && !slot.read_closed {
                break;
            }
            left = left.saturating_sub(received.wire_bytes.max(received.bytes));
            if left == 0 || self.is_late() {
                self.world.leave_unread(id, Arrived::Unknown);
                break;
            }
        }
        self.space = space;
    }

    fn read_once(&mut self, id: ConnId, space: &mut [u8]) -> Option<Received> {
        let slot = self.world.slot(id).filter(|slot| !slot.broken)?;
        let received = slot.socket().receive(space);
        self.read_since_look += READ_COST + received.bytes.max(received.wire_bytes);
        slot.read_closed |= received.is_over;
        if received.bytes > 0 || received.wire_bytes > 0 {
            let n = u32::try_from(received.wire_bytes).unwrap_or(u32::MAX);
            self.world.shared.stats.bytes_in.add(n.into());
            // What was decrypted before counts when it is read.
            self.world.input(id, Input::Bytes(n.max(1)));
            return Some(received);
        }
        if received.is_over {
            self.note_tls_failure(id);
            self.world.input(id, Input::Lost);
            self.settle(None);
        }
        None
    }

    /// A TLS handshake that failed is a refusal; later it is the end of a stream whose reason is worth a line.
    fn note_tls_failure(&mut self, id: ConnId) {
        let Some(peer) = self.world.peer(id) else { return };
        let Some(slot) = self.world.slot(id) else { return };
        let is_handshake = slot.stage == Stage::Handshake;
        let Some(reason) = slot.tls().and_then(|tls| tls.failure()).map(ToString::to_string) else { return };
        if is_handshake {
            self.world.shared.stats.refuse(Refusal::Tls);
            tracing::warn!(target: "wsbeat", %peer, "TLS handshake failed: {reason}");
        } else {
            tracing::info!(target: "wsbeat", conn = id.number(), %peer, "TLS failed: {reason}");
        }
    }

    fn received(&mut self, id: ConnId, bytes: &mut [u8]) {
        match self.world.stage(id) {
            Some(Stage::Handshake) => self.head(id, bytes),
            Some(Stage::Open | Stage::Closing) => self.frames(id, bytes),
            Some(Stage::Discarding) => self.discard(id, u32::try_from(bytes.len()).unwrap_or(u32::MAX)),
            None => {}
        }
    }

    fn discard(&mut self, id: ConnId, n: u32) {
        let bytes_max = self.world.limits.discard_bytes_max;
        let Some(slot) = self.world.slot(id) else { return };
        let discarded = &mut slot.busy().discarded_bytes;
        *discarded = discarded.saturating_add(n);
        if *discarded > bytes_max {
            self.world.input(id, Input::Lost);
        }
    }

    /// Works off the bytes of an upgraded connection.
    fn frames(&mut self, id: ConnId, bytes: &mut [u8]) {
        let own = self.world.slot(id).and_then(|slot| slot.busy.as_mut()?.partial.take());
        if own.is_none() {
            if let Some(frame) = lone(ROLE, bytes, self.world.limits.message_bytes_max) {
                self.world.cork(id);
                self.lone(id, frame);
                self.world.uncork();
                self.settle(None);
                return self.at_rest(id);
            }
        }
        self.walk(id, own, bytes);
    }

    fn at_rest(&mut self, id: ConnId) {
        if let Some(slot) = self.world.slot(id) {
            slot.settle();
        }
    }

    fn lone(&mut self, id: ConnId, frame: Lone<'_>) {
        // Between our close and the peer's nothing but that matters.
        if self.world.stage(id) != Some(Stage::Open) {
            return;
        }
        match frame {
            Lone::Text(text) => self.message(id, Message::Text(text)),
            Lone::Binary(bytes) => self.message(id, Message::Binary(bytes)),
            Lone::Pong(payload) => self.pong(id, payload),
        }
        self.settle(None);
    }

    /// Works off bytes by a context, its own where it has one.
    fn walk(&mut self, id: ConnId, own: Option<Box<Partial>>, bytes: &[u8]) {
        let now = self.world.presence.of(self.world.now.at);
        let (mut context, mut walk, since, is_spare) = match own {
            Some(partial) => (partial.context, partial.walk, partial.since, false),
            None => (self.spare_context(), Walk::default(), now, true),
        };
        let is_within = walk.follow(bytes, self.world.limits.frames_per_message_max);
        self.world.cork(id);
        let pumped = self.pump(id, &mut context, bytes);
        if !is_within {
            self.world.input(id, Input::Fault(walk.excess(self.world.limits.message_bytes_max)));
            self.settle(None);
        }
        self.world.uncork();
        self.settle(None);
        if matches!(pumped, Pumped::Done) {
            return;
        }
        if !walk.at_rest() {
            let since = if walk.began_anew() { now } else { since };
            return self.keep(id, Partial { context, walk, since });
        }
        if is_spare {
            self.spare = Some(context);
        }
        self.at_rest(id);
    }

    fn pong(&mut self, id: ConnId, payload: &[u8]) {
        self.world.input(id, Input::Pong(Payload::parse(payload)));
        self.settle(None);
        if self.handler.wants().pong {
            self.call_open(id, "pong", |handler, ctx| handler.pong(ctx, payload));
        }
    }

    fn spare_context(&mut self) -> Box<WebSocketContext> {
        self.spare.take().unwrap_or_else(|| inbound::context(ROLE, self.world.limits.message_bytes_max))
    }

    fn keep(&mut self, id: ConnId, partial: Partial) {
        let since = partial.since;
        let Some(slot) = self.world.slot(id).filter(|s| s.stage != Stage::Discarding) else { return };
        slot.busy().partial = Some(Box::new(partial));
        self.world.arm_assembly(id, since);
    }

    /// Hands `bytes` to tungstenite and takes out what they contain, in order.
    fn pump(&mut self, id: ConnId, context: &mut WebSocketContext, bytes: &[u8]) -> Pumped {
        let mut received = bytes;
        loop {
            let next = inbound::next(context, &mut received, &mut self.replies);
            // No pong leaves after a close.
            if !self.replies.is_empty() && self.world.stage(id) == Some(Stage::Open) {
                self.world.emit(id, &self.replies, Kind::Pong);
            }
            match next {
                Next::Frame(frame) => self.frame(id, frame),
                Next::Wait => return Pumped::Waits,
                Next::Fault(fault) => return self.faulty(id, fault),
            }
            if matches!(self.world.stage(id), None | Some(Stage::Discarding)) {
                return Pumped::Done;
            }
        }
    }

    /// The frames cannot be read any further.
    fn faulty(&mut self, id: ConnId, fault: Fault) -> Pumped {
        self.world.input(id, Input::Fault(fault));
        self.settle(None);
        // Where we had closed already the core takes no notice, and there is nothing to answer either.
        if let Some(slot) = self.world.slot(id) {
            slot.stage = Stage::Discarding;
            self.world.shut_when_written(id);
        }
        Pumped::Done
    }

    fn frame(&mut self, id: ConnId, frame: Frame) {
        let is_closing = self.world.stage(id) == Some(Stage::Closing);
        match frame {
            Frame::Close(close) => self.peer_close(id, close),
            // Between our close and the peer's nothing else matters.
            _ if is_closing => {}
            Frame::Text(text) => self.message(id, Message::Text(text.as_str())),
            Frame::Binary(bytes) => self.message(id, Message::Binary(&bytes)),
            Frame::Ping(payload) => {
                self.world.input(id, Input::Ping);
                self.settle(None);
                if self.handler.wants().ping {
                    self.call_open(id, "ping", |handler, ctx| handler.ping(ctx, &payload));
                }
            }
            Frame::Pong(payload) => self.pong(id, &payload),
            // Never read, only written.
            Frame::Frame(_) => {}
        }
        self.settle(None);
    }

    fn peer_close(&mut self, id: ConnId, close: Option<CloseFrame>) {
        let Some(slot) = self.world.slot(id) else { return };
        let end = slot.end();
        end.peer_code = close.as_ref().map_or(1005, |c| c.code.into());
        end.peer_reason = close.as_ref().map_or_else(Box::default, |c| c.reason.as_str().into());
        self.world.input(id, Input::PeerClose(close.map_or(0, |c| c.code.into())));
    }

    fn message(&mut self, id: ConnId, message: Message<'_>) {
        self.world.shared.stats.messages_in.add(1);
        let Some(mut decoder) = self.decoder.take() else { return };
        let wall_ms = self.world.now.wall_ms;
        let heard = match &self.world.dialect {
            Some(dialect) => dialect.decode(Role::Server, message, wall_ms, &mut decoder),
            None => Heard::Data(message),
        };
        self.heard(id, heard);
        self.decoder = Some(decoder);
    }

    fn heard(&mut self, id: ConnId, heard: Heard<'_>) {
        let world = &mut self.world;
        match heard {
            Heard::Data(data) => {
                world.input(id, Input::Data);
                self.settle(Some(data));
            }
            Heard::Ready { data, .. } => {
                world.input(id, Input::Ready);
                self.settle(Some(data));
            }
            Heard::Answer(token) => world.input(id, Input::Answer(token)),
            Heard::Heartbeat { token, answer } => {
                world.answer.clear();
                if let Some(answer) = answer {
                    frame::write_message(answer, &mut world.answer);
                }
                world.input(id, Input::Heartbeat(token));
                self.settle(None);
            }
            Heard::Reply(reply) => {
                // For the core it is data, but nobody gets it.
                world.input(id, Input::Data);
                self.settle(None);
                // A peer that does not read its replies goes without.
                let _ = self.world.send(id, reply);
            }
            Heard::Agreed { reply, negotiated } => {
                world.agree(id, negotiated);
                world.input(id, Input::Data);
                self.settle(None);
                let _ = self.world.send(id, reply);
            }
            Heard::Malformed => world.input(id, Input::Fault(Fault::Malformed)),
            Heard::TooBig => world.input(id, Input::Fault(Fault::TooBig)),
        }
    }
}
