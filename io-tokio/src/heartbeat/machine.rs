//! The core's connection and all around it that needs no stream.

use std::collections::VecDeque;
use std::time::Duration;

use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::dialect::{Dialect, Negotiated, Role};
use wsbeat_core::event::{Action, Counter, Fault, Input, Payload, Plane, Sink, Token, Verdict, VerdictKind};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig, PolicyError};
use wsbeat_core::rng::{Chance, Rng};
use wsbeat_core::stats::Stats;
use wsbeat_core::time::{Instant, Now, Span};

use super::codec::{Codec, Meaning, Spoken};
use super::event::{Ending, Event, PeerClose};
use super::faults::{AnswerFaults, Fate};
use super::gate::GateHandle;
use super::outbox::{Answer, Asked, Outbox, Written};
use crate::clock::Clock;

/// What a machine is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) role: Role,
    pub(super) spoken: Spoken,
    pub(super) config: PolicyConfig,
    pub(super) seed: u64,
    pub(super) clock: Clock,
    pub(super) faults: AnswerFaults,
    pub(super) gate: Option<GateHandle>,
}

/// One connection without its stream: messages in, actions into the outbox, events out.
#[derive(Debug)]
pub(super) struct Machine {
    role: Role,
    config: PolicyConfig,
    policy: Policy,
    connection: Connection,
    deadline: Instant,
    codec: Codec,
    pub(super) clock: Clock,
    pub(super) outbox: Outbox,
    pub(super) events: VecDeque<Event>,
    pub(super) ending: Ending,
    collected: Collected,
    pending: Pending,
    faults: AnswerFaults,
    rng: Rng,
    late: VecDeque<(Instant, Answer)>,
    gate: Option<GateHandle>,
    gated: VecDeque<(Bytes, Asked)>,
    user_pings: VecDeque<Bytes>,
}

/// The most pings of the user's whose pongs are waited for; the oldest are forgotten.
const USER_PINGS_MAX: usize = 64;

/// The most pings of the peer's whose held-up pongs are waited for: more than can be delayed at once.
const GATED_MAX: usize = 2 * AnswerFaults::DELAYED_MAX;

/// What the message or call at hand will need, should the core ask for it.
#[derive(Debug, Default)]
struct Pending {
    answer: Option<Answer>,
    user_ping: Option<Bytes>,
    close_reason: String,
    deliver: bool,
}

/// What one step of the core gave.
#[derive(Debug, Default)]
struct Collected {
    actions: Vec<Action>,
    answered: Vec<(Plane, Token, Span)>,
    stats: Stats,
}

impl Sink for Collected {
    fn action(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn count(&mut self, counter: Counter) {
        self.stats.add(counter);
    }

    fn rtt(&mut self, plane: Plane, token: Token, rtt: Span) {
        self.answered.push((plane, token, rtt));
    }
}

impl Machine {
    /// A connection that has just opened.
    pub(super) fn open(parts: Parts) -> Result<Self, PolicyError> {
        let spoken = match parts.spoken {
            Spoken::This(dialect) => Spoken::This(dialect.tuned(&parts.config)?),
            other => other,
        };
        let codec = Codec::new(parts.role, spoken);
        let policy = policy_of(parts.role, codec.dialect(), &parts.config, Negotiated::default())?;
        let now = parts.clock.now();
        let connection = Connection::accepted(&policy, now, Chance::new(parts.seed, 0));
        let mut machine = Machine {
            role: parts.role,
            config: parts.config,
            policy,
            connection,
            deadline: Instant::NEVER,
            codec,
            clock: parts.clock,
            outbox: Outbox::default(),
            events: VecDeque::new(),
            ending: Ending::default(),
            collected: Collected::default(),
            pending: Pending::default(),
            faults: parts.faults,
            rng: Rng::new(parts.seed),
            late: VecDeque::new(),
            gate: parts.gate,
            gated: VecDeque::new(),
            user_pings: VecDeque::new(),
        };
        if let Some(hello) = machine.codec.hello() {
            machine.outbox.put_reply(hello);
        }
        machine.input(now, Input::Opened);
        Ok(machine)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn phase(&self) -> Phase {
        self.connection.phase()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.phase() == Phase::Ended
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.collected.stats
    }

    pub(super) fn dialect(&self) -> Option<&Dialect> {
        self.codec.dialect()
    }

    /// When something is due: the core's deadline, or an answer that was held back.
    pub(super) fn due(&self) -> Instant {
        let late = self.late.front().map_or(Instant::NEVER, |(at, _)| *at);
        let pongs = self.gate.as_ref().map_or(Instant::NEVER, GateHandle::due);
        self.deadline.min(late).min(pongs)
    }

    /// Puts an input into the core and does what it says.
    pub(super) fn input(&mut self, now: Now, input: Input) {
        if self.has_ended() {
            return;
        }
        self.deadline = self.connection.step(&self.policy, now, input, &mut self.collected);
        let mut actions = std::mem::take(&mut self.collected.actions);
        for action in actions.drain(..) {
            self.act(now, action);
        }
        self.collected.actions = actions;
        for (plane, token, rtt) in self.collected.answered.drain(..) {
            let rtt = Duration::from(rtt);
            self.events.push_back(Event::Answered { plane, token, rtt });
        }
        if self.has_ended() {
            self.deadline = Instant::NEVER;
            self.late.clear();
        }
    }

    fn act(&mut self, now: Now, action: Action) {
        match action {
            Action::Ping(payload) => self.outbox.put_ping(payload),
            Action::Heartbeat(token) => {
                if let Some(message) = self.codec.heartbeat(token) {
                    self.outbox.put_heartbeat(token, message);
                }
            }
            Action::Answer(_) => self.answer(now),
            Action::Deliver => self.pending.deliver = true,
            Action::UserPing => {
                if let Some(payload) = self.pending.user_ping.take() {
                    if self.user_pings.len() == USER_PINGS_MAX {
                        self.user_pings.pop_front();
                    }
                    self.user_pings.push_back(payload.clone());
                    self.outbox.put_data(Message::Ping(payload));
                }
            }
            Action::Close(verdict) => self.close(verdict),
            Action::Abort(verdict) => self.judge(verdict),
            Action::Note(note) => self.events.push_back(Event::Note(note)),
        }
    }

    fn answer(&mut self, now: Now) {
        let Some(answer) = self.pending.answer.take() else { return };
        match self.faults.fate(now.at, &mut self.rng) {
            Fate::Send => self.send_answer(answer),
            Fate::SendAt(at) if self.late.len() < AnswerFaults::DELAYED_MAX => self.late.push_back((at, answer)),
            Fate::SendAt(_) | Fate::Drop => self.unanswered(answer.asked),
        }
    }

    fn send_answer(&mut self, answer: Answer) {
        if let Some(replaced) = self.outbox.put_answer(answer) {
            self.unanswered(replaced.asked);
        }
    }

    fn unanswered(&mut self, asked: Asked) {
        self.events.push_back(Event::Asked { plane: asked.plane, token: asked.token, answered_in: None });
    }

    /// Sends a close frame, unless the peer's came first: the library underneath echoes that.
    fn close(&mut self, verdict: Verdict) {
        self.late.clear();
        if verdict.kind == VerdictKind::PeerClosed {
            self.outbox.clear();
            return;
        }
        let reason = match verdict.kind {
            VerdictKind::User => std::mem::take(&mut self.pending.close_reason),
            _ => verdict.reason.to_owned(),
        };
        let frame = verdict.code.map(|code| CloseFrame { code: code.into(), reason: reason.into() });
        self.outbox.put_close(Message::Close(frame));
        self.judge(verdict);
    }

    fn judge(&mut self, verdict: Verdict) {
        // That the peer does not hang up after closing changes nothing about who closed.
        if self.ending.peer_close.is_none() {
            self.ending.verdict.get_or_insert(verdict);
        }
        self.events.push_back(Event::Verdict(verdict));
    }

    /// Takes a message of the peer's. A message for the user becomes an event.
    pub(super) fn receive(&mut self, message: Message) {
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
            Meaning::Reply(reply) => {
                self.input(now, Input::Data);
                if std::mem::take(&mut self.pending.deliver) {
                    self.outbox.put_reply(reply);
                }
            }
            Meaning::Malformed => self.input(now, Input::Fault(Fault::Malformed)),
            Meaning::TooBig => self.input(now, Input::Fault(Fault::TooBig)),
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
            match policy_of(self.role, self.codec.dialect(), &self.config, negotiated) {
                Ok(policy) => {
                    self.policy = policy;
                    self.input(now, Input::Reconfigured);
                }
                Err(_) => self.input(now, Input::Fault(Fault::Malformed)),
            }
        }
        self.input(now, Input::Ready);
        self.deliver(data);
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
    pub(super) fn receive_error(&mut self, error: &WsError) {
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
    pub(super) fn lose(&mut self, error: Option<&WsError>) {
        if let (Some(error), None) = (error, &self.ending.peer_close) {
            self.ending.error.get_or_insert_with(|| error.to_string());
        }
        self.input(self.clock.now(), Input::Lost);
    }

    /// How much of what was read waits to be taken by the user: messages and their bytes.
    pub(super) fn backlog(&self) -> (usize, usize) {
        let bytes = |event: &Event| match event {
            Event::Message(message) => message.len(),
            _ => 0,
        };
        (self.events.len(), self.events.iter().map(bytes).sum())
    }

    /// What is due at `now`. Whatever had arrived was put in before, or `Input::Unread` was.
    pub(super) fn tick(&mut self, now: Now) {
        if self.deadline <= now.at {
            self.input(now, Input::Tick);
        }
        while self.late.front().is_some_and(|(at, _)| *at <= now.at) {
            if let Some((_, answer)) = self.late.pop_front() {
                self.send_answer(answer);
            }
        }
    }

    /// Whether the core wants a tick at `now`.
    pub(super) fn wants_tick(&self, now: Now) -> bool {
        self.deadline <= now.at
    }

    /// Tells the core what was written, and the user what was answered.
    pub(super) fn note_written(&mut self) {
        let now = self.clock.now();
        for written in self.outbox.take_written() {
            match written {
                Written::Ping(payload) => self.input(now, Input::PingFlushed(payload)),
                Written::Heartbeat(token) => self.input(now, Input::HeartbeatFlushed(token)),
                Written::Answer(asked) => self.answered(now, asked),
            }
        }
        self.note_gated(now);
    }

    fn note_gated(&mut self, now: Now) {
        let Some(gate) = &self.gate else { return };
        for (payload, fate) in gate.take_fates() {
            let Some(index) = self.gated.iter().position(|(asked, _)| *asked == payload) else {
                continue;
            };
            // The library underneath keeps the newest pong only: those before it were never written.
            for (_, replaced) in self.gated.drain(..index).collect::<Vec<_>>() {
                self.unanswered(replaced);
            }
            match (self.gated.pop_front(), fate) {
                (Some((_, asked)), Fate::Send) => self.answered(now, asked),
                (Some((_, asked)), Fate::SendAt(_) | Fate::Drop) => self.unanswered(asked),
                (None, _) => {}
            }
        }
    }

    fn answered(&mut self, now: Now, asked: Asked) {
        self.events.push_back(Event::Asked { plane: asked.plane, token: asked.token, answered_in: Some(now.at.since(asked.at).into()) });
    }

    /// A message of the user's, which the outbox has room for.
    pub(super) fn send(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::Ping(payload) => {
                self.pending.user_ping = Some(payload);
                self.input(now, Input::UserPing);
                self.pending.user_ping = None;
            }
            message => {
                self.outbox.put_data(message);
                self.input(now, Input::Sent);
            }
        }
    }

    /// The user closes, with `code` (0: empty body) and `reason`.
    pub(super) fn close_by_user(&mut self, code: u16, reason: &str) {
        self.pending.close_reason = reason.to_owned();
        self.input(self.clock.now(), Input::UserClose(code));
    }
}

fn policy_of(role: Role, dialect: Option<&Dialect>, config: &PolicyConfig, negotiated: Negotiated) -> Result<Policy, PolicyError> {
    let plan = match dialect {
        None => Plan::default(),
        Some(dialect) if negotiated == Negotiated::default() => dialect.plan(role, config)?,
        Some(dialect) => dialect.renegotiate(role, config, negotiated)?,
    };
    config.check(plan)
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
