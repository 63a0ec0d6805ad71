//! One connection in virtual time, jumping exactly to the deadlines it returns.

use std::time::Duration;

use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::event::{Action, Input, Payload, Token, Verdict};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig, Profile};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now};

/// A connection, its policy and all that it did.
#[derive(Debug)]
pub struct Drive {
    /// The settings; replace them and give [`Input::Reconfigured`] to change them.
    pub policy: Policy,
    /// Whether what is sent counts as written at once.
    pub writable: bool,
    /// The present, in ns.
    pub now: Instant,
    /// Unix time at zero.
    pub wall_zero_ms: u64,
    /// Every action with its time.
    pub actions: Vec<(Instant, Action)>,
    connection: Connection,
    deadline: Instant,
}

/// The instant `secs` seconds after zero.
pub fn secs(secs: f64) -> Instant {
    Instant::from_nanos((secs * 1e9).round() as u64)
}

/// `secs` seconds, as a wish.
pub fn s(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// The policy of a profile with this interval and timeout, or its own.
pub fn profile(profile: Profile, interval: Option<Duration>, timeout: Option<Duration>) -> Policy {
    let config = PolicyConfig { profile: Some(profile), ping_interval: interval, ping_timeout: timeout, ..PolicyConfig::default() };
    config.check(Plan::default()).expect("in its limits")
}

impl Drive {
    /// A connection that opens at zero.
    pub fn open(policy: Policy) -> Self {
        Drive::open_at(policy, Instant::ZERO, 7)
    }

    /// A connection of this `serial` that opens at `now`.
    pub fn open_at(policy: Policy, now: Instant, serial: u64) -> Self {
        let mut drive = Drive::accept_at(policy, now, serial);
        drive.input(Input::Opened);
        drive
    }

    /// A connection whose upgrade is under way since zero.
    pub fn accept(policy: Policy) -> Self {
        Drive::accept_at(policy, Instant::ZERO, 7)
    }

    fn accept_at(policy: Policy, now: Instant, serial: u64) -> Self {
        let connection = Connection::accepted(&policy, Now::new(now, 0), Chance::new(1, serial));
        let deadline = connection.deadline(&policy);
        Drive { policy, writable: true, now, wall_zero_ms: 1_492_420_468_027, actions: vec![], connection, deadline }
    }

    /// Puts an input in at the present.
    pub fn input(&mut self, input: Input) -> &mut Self {
        let mut queue = vec![input];
        while let Some(input) = queue.pop() {
            let now = Now::new(self.now, self.wall_zero_ms + self.now.as_nanos() / 1_000_000);
            let mut actions = vec![];
            self.deadline = self.connection.step(&self.policy, now, input, &mut |action| actions.push(action));
            for action in actions {
                self.actions.push((self.now, action));
                match action {
                    Action::Ping(payload) if self.writable => queue.insert(0, Input::PingFlushed(payload)),
                    Action::Heartbeat(token) if self.writable => queue.insert(0, Input::HeartbeatFlushed(token)),
                    _ => {}
                }
            }
        }
        self
    }

    /// Time goes on to `until`, stopping at every deadline.
    pub fn run(&mut self, until: f64) -> &mut Self {
        self.run_to(secs(until))
    }

    fn run_to(&mut self, until: Instant) -> &mut Self {
        let mut steps = 0;
        while self.deadline <= until && self.phase() != Phase::Ended {
            steps += 1;
            assert!(steps < 100_000, "busy at {:?}", self.now);
            self.now = self.now.max(self.deadline);
            self.input(Input::Tick);
            assert!(self.deadline > self.now, "law 3: deadline {:?} at {:?}", self.deadline, self.now);
        }
        self.now = self.now.max(until);
        self
    }

    /// Time goes on to `at`, and `input` happens there, before what is due then.
    pub fn at(&mut self, at: f64, input: Input) -> &mut Self {
        self.run_to(Instant::from_nanos(secs(at).as_nanos().saturating_sub(1))).now = secs(at);
        self.input(input)
    }

    /// A late tick: time jumps to `at` without the ticks between.
    pub fn jump(&mut self, at: f64) -> &mut Self {
        self.now = secs(at);
        self.input(Input::Tick)
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.connection.phase()
    }

    /// When the next tick is due.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The payload of the newest ping.
    pub fn last_ping(&self) -> Payload {
        let ping = self.actions.iter().rev().find_map(|(_, a)| if let Action::Ping(p) = a { Some(*p) } else { None });
        ping.expect("a ping was sent")
    }

    /// The tokens of all heartbeats, oldest first.
    pub fn tokens(&self) -> Vec<Token> {
        self.actions.iter().filter_map(|(_, a)| if let Action::Heartbeat(t) = a { Some(*t) } else { None }).collect()
    }

    /// The verdict of the close or abort.
    pub fn verdict(&self) -> Option<Verdict> {
        self.actions.iter().find_map(|(_, a)| match a {
            Action::Close(v) | Action::Abort(v) => Some(*v),
            _ => None,
        })
    }

    /// What was done, as `ping 15, close 4408 35, abort 40`.
    pub fn log(&self) -> String {
        let line = |(at, action): &(Instant, Action)| {
            let what = match action {
                Action::Ping(_) => "ping".into(),
                Action::Heartbeat(_) => "heartbeat".into(),
                Action::Answer(_) => "answer".into(),
                Action::Deliver => "deliver".into(),
                Action::UserPing => "user-ping".into(),
                Action::Close(v) => v.code.map_or("close".into(), |code| format!("close {code}")),
                Action::Abort(_) => "abort".into(),
                Action::Note(_) => "note".to_string(),
            };
            format!("{what} {}", at.as_nanos() as f64 / 1e9)
        };
        self.actions.iter().map(line).collect::<Vec<_>>().join(", ")
    }
}
