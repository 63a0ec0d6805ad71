//! A connection to which anything may happen, in any order.

use wsbeat_core::connection::Connection;
use wsbeat_core::event::{Action, Input, Payload, Token};
use wsbeat_core::policy::Policy;
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now};

use crate::arbitrary::Happening;

/// A connection and what was seen of it, from outside.
#[derive(Clone, Debug)]
pub struct World {
    /// Its settings.
    pub policy: Policy,
    /// It.
    pub connection: Connection,
    /// The present.
    pub now: Instant,
    /// When the next tick is due.
    pub deadline: Instant,
    pings: Vec<Payload>,
    heartbeats: Vec<Token>,
    /// Every action with its time.
    pub actions: Vec<(Instant, Action)>,
}

impl World {
    /// A connection that opens at `start` nanoseconds.
    pub fn new(policy: &Policy, start: u64) -> Self {
        let now = Instant::from_nanos(start);
        let connection = Connection::accepted(policy, Now::new(now, 1_000), Chance::new(3, 5));
        let mut world = World {
            policy: policy.clone(),
            deadline: connection.deadline(policy),
            connection,
            now,
            pings: vec![],
            heartbeats: vec![],
            actions: vec![],
        };
        world.step(Input::Opened);
        world
    }

    /// Puts an input in at the present; how many actions came of it.
    pub fn step(&mut self, input: Input) -> usize {
        let mut new = vec![];
        let now = Now::new(self.now, self.now.as_nanos() / 1_000_000);
        self.deadline = self.connection.step(&self.policy, now, input, &mut |a| new.push(a));
        for action in &new {
            match action {
                Action::Ping(p) => self.pings.push(*p),
                Action::Heartbeat(t) => self.heartbeats.push(*t),
                _ => {}
            }
        }
        self.actions.extend(new.iter().map(|a| (self.now, *a)));
        new.len()
    }

    /// Lets something happen; how many actions came of it.
    pub fn happen(&mut self, h: &Happening) -> usize {
        match h {
            Happening::Wait(span) => {
                self.now = self.now.after(*span);
                0
            }
            Happening::Due if self.deadline == Instant::NEVER => 0,
            Happening::Due => {
                self.now = self.now.max(self.deadline);
                self.step(Input::Tick)
            }
            Happening::Tick => self.step(Input::Tick),
            Happening::Input(input) => self.step(*input),
            Happening::Pong(ago) => match self.pings.iter().rev().nth(usize::from(*ago)) {
                Some(p) => self.step(Input::Pong(*p)),
                None => 0,
            },
            Happening::Answer(ago) => match self.heartbeats.iter().rev().nth(usize::from(*ago)) {
                Some(t) => self.step(Input::Answer(*t)),
                None => 0,
            },
            Happening::Flush => {
                let (ping, heartbeat) = (self.pings.last().copied(), self.heartbeats.last().copied());
                let pings = ping.map_or(0, |p| self.step(Input::PingFlushed(p)));
                pings + heartbeat.map_or(0, |t| self.step(Input::HeartbeatFlushed(t)))
            }
        }
    }
}
