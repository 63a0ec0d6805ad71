//! One connection, a host that may be late, a writer that may be slow, and a peer that answers until it dies: in virtual time.

use std::collections::BTreeMap;

use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::event::{Action, Input, Verdict};
use wsbeat_core::policy::Policy;
use wsbeat_core::rng::{Chance, Rng};
use wsbeat_core::time::{Instant, Now, Span};

/// How the world around the connection behaves.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Where everything that is drawn comes from.
    pub seed: u64,
    /// A pong comes at most this long after its ping was written.
    pub pong_after_max: Span,
    /// An answer comes before this long after its heartbeat was due (or at once, where it was written later).
    pub answer_after_max: Span,
    /// A ping or heartbeat is written at most this long after it was queued.
    pub write_delay_max: Span,
    /// In one of eight wake-ups the host comes up to this late.
    pub host_late_max: Span,
    /// From then on the peer sends nothing.
    pub dies_at: Instant,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The close or abort.
    pub verdict: Option<Verdict>,
    /// When pings were sent.
    pub pings: Vec<Instant>,
    /// When heartbeats were sent.
    pub heartbeats: Vec<Instant>,
    /// When the peer was last heard.
    pub last_evidence: Instant,
    /// When the last heartbeat was sent that was answered.
    pub last_answered: Option<Instant>,
    /// How long pings and heartbeats stayed unwritten, all in all.
    pub unwritten: Span,
    /// Where the connection stood at the end.
    pub phase: Phase,
}

/// Runs a connection under `policy` in this `weather` for `length`.
pub fn run(policy: &Policy, weather: Weather, length: Span) -> Outcome {
    let mut world = World::new(policy, weather);
    world.run(Instant::ZERO.after(length));
    world.outcome
}

enum Event {
    Written(Input, Option<(Instant, Input)>),
    Arrives(Input),
}

struct World<'a> {
    policy: &'a Policy,
    weather: Weather,
    rng: Rng,
    connection: Connection,
    deadline: Instant,
    now: Instant,
    events: BTreeMap<(Instant, u64), Event>,
    serial: u64,
    outcome: Outcome,
}

impl<'a> World<'a> {
    fn new(policy: &'a Policy, weather: Weather) -> Self {
        let connection = Connection::accepted(policy, Now::default(), Chance::new(weather.seed, 1));
        let outcome = Outcome {
            verdict: None,
            pings: vec![],
            heartbeats: vec![],
            last_evidence: Instant::ZERO,
            last_answered: None,
            unwritten: Span::ZERO,
            phase: Phase::Handshake,
        };
        let (rng, deadline) = (Rng::new(weather.seed), connection.deadline(policy));
        let mut world =
            World { policy, weather, rng, connection, deadline, now: Instant::ZERO, events: BTreeMap::new(), serial: 0, outcome };
        world.step(Input::Opened);
        world
    }

    fn run(&mut self, until: Instant) {
        while self.outcome.verdict.is_none() {
            let next = self.events.keys().next().map_or(Instant::NEVER, |(at, _)| *at);
            let mut wake = self.deadline.min(next).max(self.now);
            if wake > until {
                break;
            }
            if self.rng.below(8) == 0 {
                wake = wake.after(self.draw(self.weather.host_late_max));
            }
            self.now = wake;
            self.drain();
            if self.deadline <= self.now {
                self.step(Input::Tick);
            }
        }
        self.outcome.phase = self.connection.phase();
    }

    /// R1: what has arrived is put in before what is due.
    fn drain(&mut self) {
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            match entry.remove() {
                Event::Written(input, answer) => {
                    self.step(input);
                    if let Some((at, input)) = answer {
                        self.schedule(at.max(self.now), Event::Arrives(input));
                    }
                }
                Event::Arrives(input) => {
                    self.outcome.last_evidence = self.now;
                    self.step(Input::Bytes(8));
                    self.step(input);
                }
            }
        }
    }

    fn step(&mut self, input: Input) {
        let due = self.deadline;
        let mut actions = vec![];
        let now = Now::new(self.now, self.now.as_nanos() / 1_000_000);
        self.deadline = self.connection.step(self.policy, now, input, &mut |a| actions.push(a));
        for action in actions {
            self.carry_out(action, due);
        }
    }

    fn carry_out(&mut self, action: Action, due: Instant) {
        match action {
            Action::Ping(payload) => {
                self.outcome.pings.push(self.now);
                let written = self.write();
                let pong = written.after(self.draw(self.weather.pong_after_max));
                self.written(written, Input::PingFlushed(payload), pong, Input::Pong(payload));
            }
            Action::Heartbeat(token) => {
                self.outcome.heartbeats.push(self.now);
                let written = self.write();
                let latest = due.after(self.weather.answer_after_max);
                let answer = written.after(self.draw(latest.since(written)));
                self.written(written, Input::HeartbeatFlushed(token), answer, Input::Answer(token));
            }
            Action::Close(v) | Action::Abort(v) => self.outcome.verdict = Some(v),
            _ => {}
        }
    }

    fn write(&mut self) -> Instant {
        let delay = self.draw(self.weather.write_delay_max);
        self.outcome.unwritten = self.outcome.unwritten.plus(delay);
        self.now.after(delay)
    }

    fn written(&mut self, written: Instant, flushed: Input, answered: Instant, answer: Input) {
        let lives = answered < self.weather.dies_at;
        if lives && matches!(answer, Input::Answer(_)) {
            self.outcome.last_answered = Some(self.now);
        }
        self.schedule(written, Event::Written(flushed, lives.then_some((answered, answer))));
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.serial += 1;
        self.events.insert((at, self.serial), event);
    }

    fn draw(&mut self, below: Span) -> Span {
        Span::from_nanos(self.rng.below(below.as_nanos()))
    }
}
