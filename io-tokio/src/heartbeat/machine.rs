//! The core's connection and all around it that needs no stream.

mod inbound;
mod recording;
mod written;

use std::collections::VecDeque;
use std::task::Context;
use std::time::Duration;

use futures_util::Sink;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::dialect::{Dialect, Negotiated, Role};
use wsbeat_core::event::{Action, Counter, Input, Plane, Sink as CoreSink, Token, Verdict, VerdictKind};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig, PolicyError};
use wsbeat_core::rng::{Chance, Rng};
use wsbeat_core::stats::Stats;
use wsbeat_core::time::{Instant, Now, Span};

use super::codec::{Codec, Spoken};
use super::event::{Ending, Event};
use super::faults::{AnswerFaults, Fate};
use super::gate::GateHandle;
use super::outbox::{Answer, Asked, Outbox};
use crate::clock::Clock;
use crate::tape::{Tap, Tape};

/// What a machine is made of.
pub(super) struct Parts {
    pub(super) role: Role,
    pub(super) spoken: Spoken,
    pub(super) config: PolicyConfig,
    pub(super) seed: u64,
    pub(super) clock: Clock,
    pub(super) faults: AnswerFaults,
    pub(super) gate: Option<GateHandle>,
    pub(super) tap: Option<Tap>,
    pub(super) subscriptions: Vec<Message>,
}

/// One connection without its stream: messages in, actions into the outbox, events out.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) role: Role,
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
    seed: u64,
    pending: Pending,
    faults: AnswerFaults,
    rng: Rng,
    late: VecDeque<(Instant, Answer)>,
    gate: Option<GateHandle>,
    gated: VecDeque<(Bytes, Asked)>,
    user_pings: VecDeque<Bytes>,
    /// Messages of the user's that go out before all others, once the server has said what the dialect waits for.
    subscriptions: VecDeque<Message>,
    may_subscribe: bool,
}

/// The most pings of the user's whose pongs are waited for; the oldest are forgotten.
const USER_PINGS_MAX: usize = 64;

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
    tape: Option<Tape>,
}

impl CoreSink for Collected {
    fn action(&mut self, action: Action) {
        if let Some(tape) = &mut self.tape {
            tape.action(recording::ID, action);
        }
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
            Spoken::This(dialect) => Spoken::This(Box::new(dialect.tuned(&parts.config)?)),
            other => other,
        };
        let codec = Codec::new(parts.role, spoken);
        let waits = parts.role == Role::Client && codec.dialect().is_some_and(Dialect::client_waits);
        if codec.is_searching() {
            // What no dialect could fulfil is told now and not when one is recognised.
            policy_of(parts.role, super::recognise::preferred(), &parts.config, Negotiated::default())?;
        }
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
            seed: parts.seed,
            pending: Pending::default(),
            faults: parts.faults,
            rng: Rng::new(parts.seed),
            late: VecDeque::new(),
            gate: parts.gate,
            gated: VecDeque::new(),
            user_pings: VecDeque::new(),
            may_subscribe: !waits,
            subscriptions: parts.subscriptions.into(),
        };
        if let Some(tap) = parts.tap {
            machine.record(now, tap);
        }
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
        self.record_input(now, input);
        self.deadline = self.connection.step(&self.policy, now, input, &mut self.collected);
        self.hand_on_recording();
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

    /// A message of the user's, which the outbox has room for.
    pub(super) fn send(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::Ping(payload) => {
                if let Some(tape) = &mut self.collected.tape {
                    tape.user_ping(&payload);
                }
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

    /// Whether a message of the user's may be put in.
    pub(super) fn takes_data(&self) -> bool {
        self.outbox.takes_data() && (self.subscriptions.is_empty() || !self.may_subscribe)
    }

    /// Hands on what waits, subscriptions included, as long as the stream underneath takes it.
    pub(super) fn hand_on<S>(&mut self, inner: &mut S, cx: &mut Context<'_>) -> Result<(), tungstenite::Error>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        self.outbox.hand_on(inner, cx)?;
        while self.subscribe() {
            self.outbox.hand_on(inner, cx)?;
        }
        Ok(())
    }

    /// Hands on what waits and flushes. Whether all has left.
    pub(super) fn flush<S>(&mut self, inner: &mut S, cx: &mut Context<'_>) -> Result<bool, tungstenite::Error>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        let mut is_flushed = self.outbox.flush(inner, cx)?;
        while self.subscribe() {
            is_flushed = self.outbox.flush(inner, cx)?;
        }
        Ok(is_flushed)
    }

    /// Puts in the next subscription, where it may go out. Whether it did.
    fn subscribe(&mut self) -> bool {
        if !self.may_subscribe || !self.outbox.takes_data() || self.phase() != Phase::Open {
            return false;
        }
        let next = self.subscriptions.pop_front();
        next.map(|message| self.send(message)).is_some()
    }

    /// The user closes, with `code` (0: empty body) and `reason`.
    pub(super) fn close_by_user(&mut self, code: u16, reason: &str) {
        if let Some(tape) = &mut self.collected.tape {
            tape.user_close(reason);
        }
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
