//! A second, naive reading of the rules, to hold the core against.
//!
//! It keeps the whole history of a connection and works every verdict and due time out from it anew, in plain wide
//! integers. What the core draws by chance it is told, and checks against the allowed range.

mod asking;
pub mod handshake;
mod inbound;
mod listening;
mod numbers;
pub mod policies;
mod profiles;
mod strict;

use wsbeat_core::event::{Action, Fault, Input, Note, Payload, Plane, Verdict, VerdictKind};
use wsbeat_core::policy::{Application, Policy, Profile, Start, Transport};
use wsbeat_core::time::{Now, Span};

/// Nanoseconds; wide enough that nothing here can overflow.
pub type Ns = i128;

use numbers::{at, first_point_after, never, ns, span};

const S: Ns = 1_000_000_000;

/// What the core drew by chance, and the model is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drawn {
    /// From the opening to the first ping, ns (`strict`).
    pub first_ping: Ns,
    /// From the opening to the first beat, ns (`spread`).
    pub first_beat: Ns,
    /// From the opening to the maximum age, ns.
    pub lifetime: Ns,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    /// We closed; the end of it.
    Closing(Ns),
    /// We echoed; the end of it.
    Echoed(Ns),
    Ended,
}

/// A ping or heartbeat that was sent, and what became of it.
#[derive(Clone, Debug)]
struct Sent {
    token: u64,
    payload: Payload,
    queued: Ns,
    /// Its place in the order of events.
    order: usize,
    /// When it was written, and the place of that.
    written: Option<(Ns, usize)>,
    /// Its own or a later answer came.
    resolved: bool,
    /// Other evidence came after it was written.
    discharged: bool,
    /// Sent in a late tick, outside the count.
    outside: bool,
}

/// One open connection.
#[derive(Clone, Debug)]
pub struct Model {
    policy: Policy,
    drawn: Drawn,
    opened: Ns,
    now: Ns,
    wall_ms: u64,
    phase: Phase,
    /// Interval and period at the opening: grids go on from their first point.
    steps: [Ns; 2],
    order: usize,
    inputs: Vec<(Ns, usize, Input)>,
    pings: Vec<Sent>,
    beats: Vec<Sent>,
    /// When answers that count came, on either plane.
    ping_answers: Vec<Ns>,
    beat_answers: Vec<Ns>,
    /// When the ping timer was served.
    ping_visits: Vec<Ns>,
    /// When beats were served.
    beat_visits: Vec<Ns>,
    /// Late ticks: what ran then runs anew, on the transport and on the application plane.
    rebased: [Vec<Ns>; 2],
    /// When an input made due what had not been: it counts from then.
    lifts: Vec<Ns>,
    /// When the policy was replaced.
    changes: Vec<Ns>,
    /// With `only_when_idle`: where the grid goes on after traffic.
    idle_points: Vec<Ns>,
    /// Pings of the user's that may still be answered.
    user_pings: usize,
    payload: Option<Payload>,
    actions: Vec<Action>,
}

impl Model {
    /// A connection that opens at `now`.
    pub fn open(policy: &Policy, now: Now, drawn: Drawn) -> Self {
        let at = ns(now.at);
        let mut model = Model {
            policy: policy.clone(),
            drawn,
            opened: at,
            now: at,
            wall_ms: now.wall_ms,
            phase: Phase::Open,
            steps: [
                policy.transport.map_or(0, |t| span(t.interval)),
                policy.application.and_then(|a| a.ask).map_or(0, |ask| span(ask.period)),
            ],
            order: 0,
            inputs: vec![],
            pings: vec![],
            beats: vec![],
            ping_answers: vec![],
            beat_answers: vec![],
            ping_visits: vec![],
            beat_visits: vec![],
            rebased: [vec![], vec![]],
            lifts: vec![],
            changes: vec![],
            idle_points: vec![],
            user_pings: 0,
            payload: None,
            actions: vec![],
        };
        if let Some((from, to)) = model.transport().and_then(|t| t.clamped_from.map(|from| (from, t.timeout))) {
            model.actions.push(Action::Note(Note::Clamped { from, to }));
        }
        model
    }

    /// What the opening gave.
    pub fn opening(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Another policy, from the [`Input::Reconfigured`] that follows.
    pub fn replace(&mut self, policy: &Policy) {
        self.policy = policy.clone();
    }

    /// One input; `payload` is that of the ping the core sends in it, if it does.
    pub fn step(&mut self, now: Now, input: Input, payload: Option<Payload>) -> Vec<Action> {
        self.now = self.now.max(ns(now.at));
        self.wall_ms = now.wall_ms;
        self.payload = payload;
        self.order += 1;
        match self.phase {
            Phase::Ended => {}
            Phase::Closing(_) | Phase::Echoed(_) => self.ending(input),
            Phase::Open => self.happens(input),
        }
        std::mem::take(&mut self.actions)
    }

    /// When a tick would do something; `None`: never.
    pub fn deadline(&self) -> Option<Ns> {
        Some(self.due()).filter(|due| *due < never())
    }

    fn ending(&mut self, input: Input) {
        let (Phase::Closing(end) | Phase::Echoed(end)) = self.phase else { return };
        match input {
            Input::Lost => self.phase = Phase::Ended,
            Input::PeerClose(_) if matches!(self.phase, Phase::Closing(_)) => self.phase = Phase::Ended,
            Input::Tick if self.now >= end => {
                let verdict = Verdict { deadline: at(end), ..self.plain(VerdictKind::CloseTimeout, None, "") };
                self.abort(verdict);
            }
            _ => {}
        }
    }

    fn happens(&mut self, input: Input) {
        if input == Input::Tick {
            return self.tick();
        }
        let unread = self.unread();
        self.inputs.push((self.now, self.order, input));
        if unread && !self.unread() {
            self.lifts.push(self.now);
        }
        match input {
            Input::Answer(_) if self.application().is_none_or(|a| a.ask.is_none()) => self.actions.push(Action::Deliver),
            Input::Reconfigured => self.reconfigured(),
            Input::Ready if self.first_ready() => {
                self.steps[1] = self.application().and_then(|a| a.ask).map_or(0, |ask| span(ask.period));
                self.actions.push(Action::Deliver);
            }
            Input::Ping => self.inbound_ping(),
            Input::Data | Input::Ready => self.actions.push(Action::Deliver),
            Input::Heartbeat(token) if self.application().is_some_and(|a| a.answers_peer) => self.actions.push(Action::Answer(token)),
            // Nobody asked for it: a message like others.
            Input::Heartbeat(_) if self.application().is_none() => self.actions.push(Action::Deliver),
            Input::Fault(fault) => self.fault(fault),
            Input::PingFlushed(payload) => self.ping_written(payload),
            Input::HeartbeatFlushed(token) => self.beat_written(token),
            Input::PeerClose(code) => {
                let code = (code > 0).then_some(code);
                let verdict = self.plain(VerdictKind::PeerClosed, code, "");
                self.actions.push(Action::Close(verdict));
                self.phase = Phase::Echoed(self.now + span(self.policy.limits.close_timeout));
            }
            Input::Lost => self.phase = Phase::Ended,
            Input::UserPing => {
                self.user_pings += 1;
                self.actions.push(Action::UserPing);
            }
            Input::UserClose(code) => self.close(self.plain(VerdictKind::User, (code > 0).then_some(code), "")),
            Input::Drain => self.close(self.plain(VerdictKind::Drain, Some(1001), "going away")),
            _ => {}
        }
        if self.phase != Phase::Open {
            return;
        }
        if let Input::Answer(token) = input {
            self.beat_answered(token);
        }
        self.transport_hears(input);
    }

    fn tick(&mut self) {
        if self.now < self.due() {
            return;
        }
        let lateness = self.now - self.due();
        let late = [self.transport_late(lateness), self.application_late(lateness)];
        if late != [false, false] {
            let lateness = Span::from_nanos(u64::try_from(lateness).unwrap_or(u64::MAX));
            self.actions.push(Action::Note(Note::Stalled { lateness }));
        }
        let ends = [self.transport_end().filter(|_| !late[0]), self.application_end().filter(|_| !late[1]), self.age_end()];
        if let Some(end) = ends.into_iter().flatten().next() {
            return self.end(end);
        }
        self.rebase(late);
        self.transport_sends(late[0]);
        self.application_sends(late[1]);
    }

    /// What was written and is unanswered counts as written now, on the planes whose tick was late.
    fn rebase(&mut self, late: [bool; 2]) {
        for (plane, sent) in [&mut self.pings, &mut self.beats].into_iter().enumerate().filter(|(plane, _)| late[*plane]) {
            self.rebased[plane].push(self.now);
            let unanswered = sent.iter_mut().filter(|s| !s.resolved && !s.discharged);
            unanswered.filter_map(|s| s.written.as_mut()).for_each(|written| written.0 = self.now);
        }
    }

    /// The earliest moment at which something would happen.
    fn due(&self) -> Ns {
        match self.phase {
            Phase::Ended => never(),
            Phase::Closing(end) | Phase::Echoed(end) => end,
            Phase::Open => {
                let age = self.policy.limits.max_lifetime.map_or(never(), |_| self.opened + self.drawn.lifetime);
                self.transport_due().min(self.application_due()).min(age).min(never())
            }
        }
    }

    fn age_end(&self) -> Option<End> {
        let age = self.policy.limits.max_lifetime.map(|_| self.opened + self.drawn.lifetime)?;
        let verdict = self.plain(VerdictKind::Lifetime, Some(1012), "please reconnect");
        (age <= self.now).then_some(End::Close(Verdict { deadline: at(age), ..verdict }))
    }

    fn end(&mut self, end: End) {
        match end {
            End::Close(verdict) => self.close(verdict),
            End::Abort(verdict) => self.abort(verdict),
        }
    }

    fn close(&mut self, verdict: Verdict) {
        self.actions.push(Action::Close(verdict));
        let wait = self.policy.limits.close_timeout;
        let dead =
            self.transport().filter(|t| t.profile == Profile::Strict && verdict.plane == Plane::Transport && verdict.kind.is_silence());
        let dead = dead.is_some_and(|t| self.now - self.last_byte() >= 2 * span(t.timeout));
        self.phase = Phase::Closing(self.now + if dead { S.min(span(wait)) } else { span(wait) });
    }

    fn abort(&mut self, verdict: Verdict) {
        self.actions.push(Action::Abort(verdict));
        self.phase = Phase::Ended;
    }

    /// A verdict that no ping led to.
    fn plain(&self, kind: VerdictKind, code: Option<u16>, reason: &'static str) -> Verdict {
        Verdict {
            kind,
            code,
            reason,
            plane: Plane::Transport,
            token: None,
            written: None,
            unanswered: 0,
            last_answer: None,
            last_byte: at(self.last_byte()),
            deadline: at(self.now),
            now: at(self.now),
        }
    }

    // The history.

    fn transport(&self) -> Option<Transport> {
        self.policy.transport
    }

    fn application(&self) -> Option<Application> {
        self.policy.application
    }

    /// When the newest input that `is` so came.
    fn last(&self, is: impl Fn(&Input) -> bool) -> Option<(Ns, usize)> {
        self.inputs.iter().rev().find(|(_, _, input)| is(input)).map(|(at, order, _)| (*at, *order))
    }

    fn last_byte(&self) -> Ns {
        self.last(|i| is_frame(i) || matches!(i, Input::Bytes(_) | Input::PeerClose(_))).map_or(self.opened, |(at, _)| at)
    }

    /// Whether the peer was heard after the event at `order`.
    fn heard_after(&self, order: usize) -> bool {
        self.last(|i| is_frame(i) || matches!(i, Input::Bytes(_))).is_some_and(|(_, heard)| heard > order)
    }

    /// Whether the peer just became ready, for who waits for it.
    fn first_ready(&self) -> bool {
        let waits = self.application().and_then(|a| a.ask).is_some_and(|ask| ask.start == Start::Ready);
        waits && self.inputs.iter().filter(|(_, _, i)| *i == Input::Ready).count() == 1
    }

    /// `deadline`, at least the lifts after `from`.
    fn lifted(&self, deadline: Ns, from: Ns) -> Ns {
        self.lifts.iter().copied().filter(|at| *at >= from).max().unwrap_or(0).max(deadline)
    }

    /// `due`, at least the changes of policy after `from`.
    fn not_before_change(&self, due: Ns, from: Ns) -> Ns {
        self.changes.iter().copied().filter(|at| *at >= from).max().unwrap_or(0).max(due)
    }

    /// Another policy: grids go on after now, and what is due by it counts from now.
    fn reconfigured(&mut self) {
        self.lifts.push(self.now);
        self.changes.push(self.now);
        self.ping_visits.push(self.now);
        self.beat_visits.push(self.now);
        self.idle_points.clear();
        if let Some(end) = self.age_end() {
            self.end(end);
        }
    }

    /// Whether more had arrived than was read (R11).
    fn unread(&self) -> bool {
        let (unread, bytes) = (self.last(|i| *i == Input::Unread), self.last(|i| matches!(i, Input::Bytes(_))));
        unread.is_some_and(|(_, order)| bytes.is_none_or(|(_, read)| read < order))
    }

    /// From when the stall of the writer counts for what was queued then.
    fn stalled_since(&self, sent: &Sent, plane: usize) -> Ns {
        let progress = self.last(|i| matches!(i, Input::Wrote(n) if *n > 0)).filter(|(_, order)| *order > sent.order);
        let rebased = self.rebased[plane].iter().copied().filter(|at| *at >= sent.queued).max();
        sent.queued.max(progress.map_or(0, |(at, _)| at)).max(rebased.unwrap_or(0))
    }
}

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Close(Verdict),
    Abort(Verdict),
}

fn is_frame(input: &Input) -> bool {
    matches!(
        input,
        Input::Ping | Input::Pong(_) | Input::Heartbeat(_) | Input::Answer(_) | Input::Data | Input::Ready | Input::Fault(Fault::Malformed)
    )
}
