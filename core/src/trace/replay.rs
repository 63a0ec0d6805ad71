//! Running a trace through the real hub.

use alloc::format;
use alloc::vec::Vec;

use super::conn_of;
use super::done::Done;
use super::error::TraceError;
use super::header::{Header, Ticks};
use super::line::{Body, Line, Which};
use super::players::{Players, Writing};
use super::read::Trace;
use super::voice::Voice;
use super::wall::Wall;
use crate::connection::Phase;
use crate::dialect::{Dialect, Message, Negotiated, Role};
use crate::event::{Action, ConnId, Fault, Input};
use crate::hub::{Hub, Next, PolicyId};
use crate::policy::Policy;
use crate::stats::Stats;
use crate::time::{Instant, Span};

/// How long time goes on after the last line, where it goes by itself: one hour.
const AFTERWARDS: Span = Span::from_secs(3_600);

/// How a replay ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The time of the last thing that happened or was done.
    pub at: Instant,
    /// How many connections there were.
    pub connections: usize,
    /// How many have not ended.
    pub open: usize,
    /// What was counted.
    pub stats: Stats,
}

impl Trace<'_> {
    /// Runs the trace: `done` hears of every action, in order.
    ///
    /// Lines later than `until` are left out. Where time goes by itself ([`Ticks::Auto`]) it goes on after the last line
    /// until nothing is due, to `until`, or for one hour.
    ///
    /// # Errors
    /// A line about a connection that was not opened, about a ping that was not sent, or one connection too many.
    pub fn replay(&self, until: Option<Instant>, done: impl FnMut(&Done<'_>)) -> Result<Ended, TraceError> {
        let mut replay = Replay::new(self, done)?;
        let until_or_end = until.unwrap_or(Instant::NEVER);
        for line in self.lines.iter().take_while(|line| line.at <= until_or_end) {
            replay.come_to(line.at);
            replay.wall.line(line.at, line.wall_ms);
            replay.line(line)?;
        }
        let end = until.unwrap_or(replay.now.after(AFTERWARDS));
        replay.serve_before(end.after(Span::from_nanos(1)));
        Ok(replay.ended())
    }
}

struct Replay<F> {
    header: Header,
    hub: Hub,
    policy: PolicyId,
    players: Players,
    voice: Voice,
    wall: Wall,
    now: Instant,
    /// When things are written; `None` where the lines alone say what happens.
    writing: Option<Writing>,
    actions: Vec<(ConnId, Action)>,
    done: F,
}

impl<F: FnMut(&Done<'_>)> Replay<F> {
    fn new(trace: &Trace<'_>, done: F) -> Result<Self, TraceError> {
        let header = trace.header().clone();
        let mut hub = Hub::new(header.seed, trace.limits.connections_max);
        let policy = hub.register(header.policy().map_err(|e| TraceError::policy(1, &e))?);
        Ok(Replay {
            voice: Voice::new(header.role, tuned(&header, 1)?),
            writing: (header.ticks == Ticks::Auto).then(|| Writing::planned(&trace.lines)),
            header,
            hub,
            policy,
            players: Players::of(&trace.lines),
            wall: Wall::default(),
            now: Instant::ZERO,
            actions: Vec::new(),
            done,
        })
    }

    fn ended(self) -> Ended {
        Ended { at: self.now, connections: self.players.len(), open: self.hub.len(), stats: self.hub.stats().clone() }
    }

    // Time.

    /// Time comes to `at`. What is due there waits until the lines of that instant are through (R1).
    fn come_to(&mut self, at: Instant) {
        if at > self.now {
            self.serve_before(at);
            self.now = at;
        }
    }

    /// Serves every deadline before `limit`, each at its own time, where time goes by itself.
    fn serve_before(&mut self, limit: Instant) {
        if self.writing.is_none() {
            return;
        }
        loop {
            let (next, sent) = self.advance(u32::MAX);
            match next {
                // What was written just now has its own deadlines.
                _ if sent > 0 => {}
                Next::Again => {}
                Next::At(at) if at < limit => self.now = at,
                Next::At(_) | Next::Idle => return,
            }
        }
    }

    /// One call of the hub's. Gives what it said, and how many pings and heartbeats were written at once.
    fn advance(&mut self, budget: u32) -> (Next, usize) {
        let now = self.wall.now(self.now);
        let actions = &mut self.actions;
        let next = self.hub.advance(now, budget, &mut |id, action| actions.push((id, action)));
        (next, self.act())
    }

    // Lines.

    fn line(&mut self, line: &Line) -> Result<(), TraceError> {
        let conn = line.of();
        match &line.body {
            Body::Out => {}
            Body::Accept => self.accept(line, conn)?,
            Body::Open => {
                if self.players.get(conn).is_none() {
                    self.accept(line, conn)?;
                }
                let id = self.live(line, conn)?;
                self.input(id, Input::Opened);
            }
            Body::Tick { budget } => {
                self.advance(*budget);
            }
            Body::Input(input) => {
                let id = self.known(line, conn)?;
                self.input(id, *input);
            }
            Body::Pong(which) | Body::Flushed(which) => self.about(line, conn, *which)?,
            Body::Text(text) => self.message(line, conn, Message::Text(text))?,
            Body::Binary(bytes) => self.message(line, conn, Message::Binary(bytes))?,
            Body::UserPing(payload) => {
                let id = self.known(line, conn)?;
                self.voice.user_ping.clone_from(payload);
                self.input(id, Input::UserPing);
            }
            Body::UserClose { code, reason } => {
                let id = self.known(line, conn)?;
                self.voice.user_reason.clone_from(reason);
                self.input(id, Input::UserClose(*code));
            }
            Body::Drain => self.drain(line)?,
            Body::Reconfigure(change) => {
                self.header.change(change).map_err(|e| TraceError::policy(line.number, &e))?;
                self.reconfigure(line)?;
            }
        }
        Ok(())
    }

    fn accept(&mut self, line: &Line, conn: u64) -> Result<(), TraceError> {
        if self.players.get(conn).is_some() {
            return Err(TraceError::new(line.number, "conn", conn, "accepted before: a number names one connection"));
        }
        self.hub.number_next(u32::try_from(conn - 1).unwrap_or(u32::MAX));
        let accepted = self.hub.accept(self.wall.now(self.now), self.policy);
        let id = accepted
            .map_err(|full| TraceError::new(line.number, "conn", conn, format!("at most {} connections at once", full.connections_max)))?;
        self.players.add(id);
        Ok(())
    }

    /// The connection of this number, be it over.
    fn known(&self, line: &Line, conn: u64) -> Result<ConnId, TraceError> {
        let player = self.players.get(conn).map(|player| player.id);
        player.ok_or_else(|| TraceError::new(line.number, "conn", conn, "not open: its open line comes first"))
    }

    /// The connection of this number, which may still open.
    fn live(&self, line: &Line, conn: u64) -> Result<ConnId, TraceError> {
        match self.players.get(conn) {
            Some(player) if player.has_ended => Err(TraceError::new(line.number, "conn", conn, "has ended: a number names one connection")),
            _ => self.known(line, conn),
        }
    }

    /// A pong, or the news of something written.
    fn about(&mut self, line: &Line, conn: u64, which: Which) -> Result<(), TraceError> {
        let id = self.known(line, conn)?;
        let Some(player) = self.players.get(conn).filter(|player| !player.has_ended) else {
            return Ok(());
        };
        let is_pong = matches!(line.body, Body::Pong(_));
        let payload = match which {
            Which::Payload(payload) => payload,
            Which::Token(token) => {
                let written = player.written(token);
                self.input(id, written);
                return Ok(());
            }
            Which::Nth(k) => match player.ping(k) {
                Some(payload) => payload,
                // Written at the instant at which it will be sent.
                None if !is_pong && self.writing.is_some() => return Ok(()),
                None => {
                    let limit = format!("connection {conn} has sent {} pings so far", player.sent);
                    return Err(TraceError::new(line.number, "of", k, limit));
                }
            },
        };
        self.input(id, if is_pong { Input::Pong(payload) } else { Input::PingFlushed(payload) });
        Ok(())
    }

    fn message(&mut self, line: &Line, conn: u64, message: Message<'_>) -> Result<(), TraceError> {
        let id = self.known(line, conn)?;
        let (input, negotiated) = self.voice.hear(message, self.wall.now(self.now).wall_ms);
        if negotiated != Negotiated::default() && self.header.role == Role::Client {
            self.negotiate(id, negotiated);
        }
        self.input(id, input);
        self.voice.forget();
        Ok(())
    }

    /// A client takes what the server says of interval and timeout.
    fn negotiate(&mut self, id: ConnId, negotiated: Negotiated) {
        let Header { dialect, config, role, .. } = &self.header;
        let plan = dialect.as_ref().map(|dialect| dialect.renegotiate(*role, config, negotiated));
        match plan.transpose().and_then(|plan| config.check(plan.unwrap_or_default())) {
            Ok(policy) => self.replace(policy),
            Err(_) => self.input(id, Input::Fault(Fault::Malformed)),
        }
    }

    fn drain(&mut self, line: &Line) -> Result<(), TraceError> {
        if let Some(conn) = line.conn {
            let id = self.known(line, conn)?;
            self.input(id, Input::Drain);
            return Ok(());
        }
        let all: Vec<ConnId> = self.hub.ids().collect();
        for id in all {
            self.input(id, Input::Drain);
        }
        Ok(())
    }

    fn reconfigure(&mut self, line: &Line) -> Result<(), TraceError> {
        let policy = self.header.policy().map_err(|e| TraceError::policy(line.number, &e))?;
        self.voice.speak(tuned(&self.header, line.number)?);
        self.replace(policy);
        Ok(())
    }

    fn replace(&mut self, policy: Policy) {
        let now = self.wall.now(self.now);
        let actions = &mut self.actions;
        self.hub.replace(now, self.policy, policy, &mut |id, action| actions.push((id, action)));
        self.act();
    }

    // The hub.

    fn input(&mut self, id: ConnId, input: Input) {
        let now = self.wall.now(self.now);
        let actions = &mut self.actions;
        let phase = self.hub.input(now, id, input, &mut |id, action| actions.push((id, action)));
        self.act();
        if phase == Phase::Ended {
            self.players.end(conn_of(id));
        }
    }

    /// Tells what the hub said; what is written at once is told to the hub. Gives how much that was.
    fn act(&mut self) -> usize {
        let mut actions = core::mem::take(&mut self.actions);
        let mut written = Vec::new();
        for (id, action) in actions.drain(..) {
            let k = self.players.note(id, &action);
            (self.done)(&self.voice.done(self.now, conn_of(id), action));
            if matches!(action, Action::Abort(_)) {
                self.players.end(conn_of(id));
            }
            if let Some(news) = self.writing.as_ref().and_then(|writing| writing.at_once(self.now, id, &action, k)) {
                written.push((id, news));
            }
        }
        self.actions = actions;
        for (id, news) in &written {
            self.input(*id, *news);
        }
        written.len()
    }
}

/// The dialect, with the settings written into what it says of itself.
fn tuned(header: &Header, line: usize) -> Result<Option<Dialect>, TraceError> {
    let tuned = header.dialect.as_ref().map(|dialect| dialect.tuned(&header.config));
    tuned.transpose().map_err(|e| TraceError::policy(line, &e))
}
