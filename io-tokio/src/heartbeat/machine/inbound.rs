//! What arrives, and what it means.

use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use wsbeat_core::connection::Phase;
use wsbeat_core::dialect::{Dialect, Negotiated};
use wsbeat_core::event::{Fault, Input, Payload, Plane, Token};
use wsbeat_core::time::Now;

use super::super::codec::Meaning;
use super::super::event::{Event, PeerClose};
use super::super::faults::AnswerFaults;
use super::super::outbox::{Answer, Asked};
use super::{Machine, policy_of};

/// The most pings of the peer's whose held-up pongs are waited for: more than can be delayed at once.
const GATED_MAX: usize = 2 * AnswerFaults::DELAYED_MAX;

impl Machine {
    /// Takes a message of the peer's. A message for the user becomes an event.
    pub(in crate::heartbeat) fn receive(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::Text(_) | Message::Binary(_) => self.receive_message(now, message),
            Message::Ping(payload) => self.receive_ping(now, payload),
            Message::Pong(payload) => self.receive_pong(now, payload),
            Message::Close(frame) => self.receive_close(now, frame),
            // The library underneath gives whole messages only.
            Message::Frame(_) => {}
        }
    }

    fn receive_message(&mut self, now: Now, message: Message) {
        if let Some(dialect) = self.codec.recognise(&message, now.wall_ms) {
            self.recognised(now, dialect);
        }
        let as_it_came = message.clone();
        match self.codec.hear(message, now.wall_ms) {
            Meaning::Data(data) => {
                self.input(now, Input::Data);
                self.deliver(data);
            }
            Meaning::Heartbeat { token, answer } => {
                self.receive_heartbeat(now, token, answer);
                // With the plane off heartbeats are data.
                self.deliver(as_it_came);
            }
            Meaning::Answer(token) => {
                self.input(now, Input::Answer(token));
                self.deliver(as_it_came);
            }
            Meaning::Ready { data, negotiated } => self.receive_ready(now, data, negotiated),
            Meaning::Reply(reply) => self.reply(now, reply),
            Meaning::Agreed { reply, negotiated } => {
                self.renegotiate(now, negotiated);
                self.reply(now, reply);
            }
            Meaning::Malformed => self.input(now, Input::Fault(Fault::Malformed)),
            Meaning::TooBig => self.input(now, Input::Fault(Fault::TooBig)),
        }
    }

    fn reply(&mut self, now: Now, reply: Message) {
        self.input(now, Input::Data);
        if std::mem::take(&mut self.pending.deliver) {
            self.outbox.put_reply(reply);
        }
    }

    /// Hands the message that was just put in to the user, where the core said so.
    fn deliver(&mut self, message: Message) {
        if std::mem::take(&mut self.pending.deliver) {
            self.events.push_back(Event::Message(message));
        }
    }

    fn recognised(&mut self, now: Now, dialect: &'static Dialect) {
        // Wishes that this dialect cannot fulfil leave it unrecognised: nothing better can be done on an open connection.
        let Ok(tuned) = dialect.tuned(&self.config) else { return };
        let Ok(policy) = policy_of(self.role, Some(&tuned), &self.config, Negotiated::default()) else {
            return;
        };
        self.policy = policy;
        self.codec.speak(tuned);
        self.record_policy(now);
        self.events.push_back(Event::Dialect(dialect.id().to_owned()));
        self.input(now, Input::Reconfigured);
    }

    fn receive_heartbeat(&mut self, now: Now, token: Token, answer: Option<Message>) {
        let asked = Asked { plane: Plane::Application, token, at: now.at };
        let was_open = self.phase() == Phase::Open;
        let unanswerable = answer.is_none();
        self.pending.answer = answer.map(|message| Answer { message, asked });
        self.input(now, Input::Heartbeat(token));
        let withheld = self.pending.answer.take().is_some();
        if was_open && (unanswerable || withheld) && !self.pending.deliver {
            self.unanswered(asked);
        }
    }

    fn receive_ready(&mut self, now: Now, data: Message, negotiated: Negotiated) {
        if negotiated != Negotiated::default() {
            self.renegotiate(now, negotiated);
        }
        self.input(now, Input::Ready);
        self.deliver(data);
        self.may_subscribe = true;
    }

    fn renegotiate(&mut self, now: Now, negotiated: Negotiated) {
        match policy_of(self.role, self.codec.dialect(), &self.config, negotiated) {
            Ok(policy) if policy == self.policy => {}
            Ok(policy) => {
                self.policy = policy;
                self.end_recording();
                self.input(now, Input::Reconfigured);
            }
            Err(_) => self.input(now, Input::Fault(Fault::Malformed)),
        }
    }

    fn receive_ping(&mut self, now: Now, payload: Bytes) {
        self.input(now, Input::Ping);
        self.pending.deliver = false;
        if self.phase() != Phase::Open {
            return;
        }
        let asked = Asked { plane: Plane::Transport, token: Payload::parse(&payload).token(), at: now.at };
        if self.gate.is_some() {
            if self.gated.len() == GATED_MAX {
                if let Some((_, oldest)) = self.gated.pop_front() {
                    self.unanswered(oldest);
                }
            }
            self.gated.push_back((payload, asked));
            return;
        }
        if let Some(replaced) = self.outbox.note_pong(asked) {
            self.unanswered(replaced);
        }
    }

    fn receive_pong(&mut self, now: Now, payload: Bytes) {
        self.input(now, Input::Pong(Payload::parse(&payload)));
        // A pong may answer the newest ping only (RFC 6455 §5.5.3): those before it are answered with it.
        if let Some(index) = self.user_pings.iter().position(|ping| *ping == payload) {
            self.user_pings.drain(..=index);
            self.events.push_back(Event::Message(Message::Pong(payload)));
        }
    }

    fn receive_close(&mut self, now: Now, frame: Option<CloseFrame>) {
        let close =
            PeerClose { code: frame.as_ref().map(|f| f.code.into()), reason: frame.map(|f| f.reason.to_string()).unwrap_or_default() };
        let code = close.code.unwrap_or(0);
        self.ending.peer_close = Some(close.clone());
        self.events.push_back(Event::PeerClosed(close));
        self.input(now, Input::PeerClose(code));
    }

    /// Takes what the stream underneath says is wrong. Whether it is lost, and not just at fault.
    pub(in crate::heartbeat) fn receive_error(&mut self, error: &WsError) {
        let now = self.clock.now();
        match fault_of(error) {
            Some(fault) => {
                self.ending.error.get_or_insert_with(|| error.to_string());
                self.input(now, Input::Fault(fault));
            }
            None => self.lose(Some(error)),
        }
    }

    /// The stream underneath is no more.
    pub(in crate::heartbeat) fn lose(&mut self, error: Option<&WsError>) {
        if let (Some(error), None) = (error, &self.ending.peer_close) {
            self.ending.error.get_or_insert_with(|| error.to_string());
        }
        self.input(self.clock.now(), Input::Lost);
    }
}

/// What the peer did wrong, where the error is its fault and the connection can still carry a close frame.
fn fault_of(error: &WsError) -> Option<Fault> {
    match error {
        WsError::Capacity(_) => Some(Fault::TooBig),
        WsError::Utf8(_) => Some(Fault::Utf8),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        WsError::Protocol(_) => Some(Fault::Protocol),
        _ => None,
    }
}
