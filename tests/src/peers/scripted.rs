//! The scripted peer: one client on a raw socket, the same for both sides of a comparison, that does what its script says and
//! notes what it sees. Lengths in a script are in ping intervals, so that it reads like the rules.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::log::{Event, Log};
use crate::raw::{Frame, PATIENCE, Raw};

/// The zero of the times in a scripted peer's log.
static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What a peer says of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// Pongs that nobody asked for.
    Pong,
    /// Pings of its own.
    Ping,
    /// Text messages.
    Text,
}

impl Saying {
    const fn frame(self) -> (u8, &'static [u8]) {
        match self {
            Saying::Pong => (0x8a, b"unasked"),
            Saying::Ping => (0x89, b"mine"),
            Saying::Text => (0x81, b"{\"data\":1}"),
        }
    }
}

/// What an answer bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bears {
    /// The payload of its ping.
    Echo,
    /// Nothing.
    Nothing,
    /// What no ping bore.
    Wrong,
    /// The payload of the ping before (the first: its own).
    Previous,
}

/// What a scripted peer does; one is begun by [`Script::silent`] or [`Script::answering`].
#[derive(Clone, Copy, Debug)]
pub struct Script {
    answers: usize,
    bears: Bears,
    late: f64,
    says: Option<(Saying, f64, f64)>,
    ignores_close: bool,
}

impl Script {
    /// Answers no ping.
    #[must_use]
    pub const fn silent() -> Self {
        Script { answers: 0, bears: Bears::Echo, late: 0.0, says: None, ignores_close: false }
    }

    /// Answers every ping at once.
    #[must_use]
    pub const fn answering() -> Self {
        Script { answers: usize::MAX, ..Script::silent() }
    }

    /// Answers the first `count` pings, then none.
    #[must_use]
    pub const fn first(self, count: usize) -> Self {
        Script { answers: count, ..self }
    }

    /// Answers so many intervals late.
    #[must_use]
    pub const fn late(self, intervals: f64) -> Self {
        Script { late: intervals, ..self }
    }

    /// Answers with this.
    #[must_use]
    pub const fn bearing(self, bears: Bears) -> Self {
        Script { bears, ..self }
    }

    /// Says this so many intervals after the opening, once.
    #[must_use]
    pub const fn saying(self, what: Saying, at: f64) -> Self {
        self.saying_every(what, at, f64::INFINITY)
    }

    /// Says this from so many intervals after the opening on, again and again.
    #[must_use]
    pub const fn saying_every(self, what: Saying, first: f64, every: f64) -> Self {
        Script { says: Some((what, first, every)), ..self }
    }

    /// Does not answer a close frame, and stays.
    #[must_use]
    pub const fn ignoring_close(self) -> Self {
        Script { ignores_close: true, ..self }
    }

    /// Plays this at the server of `url` for so many intervals, or until a connection that was closed by then has ended.
    ///
    /// # Panics
    /// If the connection does not open.
    #[must_use]
    pub fn play(self, url: &str, interval_s: f64, intervals: f64) -> Log {
        let mut events = vec![event("connecting", json!({}))];
        let raw = open(url);
        events.push(event("open", json!({})));
        let opened = Instant::now();
        let mut peer = Peer { script: self, interval_s, raw, events, opened, pings: vec![], answers: vec![], closed: false };
        peer.run(opened + Duration::from_secs_f64(intervals * interval_s));
        Log::new(peer.events)
    }
}

/// Returns when a ping of this server has come, and when that was.
///
/// # Panics
/// If none comes.
pub(super) fn await_ping(url: &str) -> f64 {
    let mut raw = open(url);
    while raw.next_frame().expect("the stream goes on").first != 0x89 {}
    ZERO.elapsed().as_secs_f64()
}

fn open(url: &str) -> Raw {
    let address: SocketAddr = url.trim_start_matches("ws://").trim_end_matches('/').parse().expect("an address of loopback");
    Raw::open(address)
}

struct Peer {
    script: Script,
    interval_s: f64,
    raw: Raw,
    events: Vec<Event>,
    opened: Instant,
    pings: Vec<Vec<u8>>,
    answers: Vec<(Instant, Vec<u8>)>,
    closed: bool,
}

impl Peer {
    fn run(&mut self, mut until: Instant) {
        loop {
            self.say_what_is_due();
            let now = Instant::now();
            if now >= until {
                return;
            }
            let due = self.due().map_or(until, |due| due.min(until));
            match self.raw.next_within(due.saturating_duration_since(now)) {
                None => {}
                Some(Some(frame)) => self.hear(frame),
                Some(None) => return self.note("end", json!({})),
            }
            if self.closed {
                until = until.max(self.opened + PATIENCE);
            }
        }
    }

    fn note(&mut self, name: &str, facts: Value) {
        self.events.push(event(name, facts));
    }

    fn intervals(&self, count: f64) -> Duration {
        Duration::from_secs_f64(count * self.interval_s)
    }

    /// When it has something to say next.
    fn due(&self) -> Option<Instant> {
        let says = self.script.says.map(|(_, at, _)| self.opened + self.intervals(at));
        self.answers.first().map(|(at, _)| *at).into_iter().chain(says).min()
    }

    fn say_what_is_due(&mut self) {
        while let Some((due, payload)) = self.answers.first().filter(|(at, _)| *at <= Instant::now()).cloned() {
            self.answers.remove(0);
            self.raw.frame(0x8a, &payload);
            self.events.push(late_event(due, "answer", json!({ "data": hexed(&payload) })));
        }
        while let Some((what, at, every)) = self.script.says.filter(|(_, at, _)| self.opened + self.intervals(*at) <= Instant::now()) {
            self.script.says = every.is_finite().then_some((what, at + every, every));
            let (first, payload) = what.frame();
            self.raw.frame(first, payload);
            let due = self.opened + self.intervals(at);
            self.events.push(late_event(due, "said", json!({ "what": format!("{what:?}") })));
        }
    }

    fn hear(&mut self, frame: Frame) {
        match frame.first {
            0x89 => self.hear_ping(frame.payload),
            0x8a => self.note("pong", json!({ "data": hexed(&frame.payload) })),
            0x88 => self.hear_close(&frame),
            other => self.note("frame", json!({ "first": other, "data": hexed(&frame.payload) })),
        }
    }

    fn hear_ping(&mut self, payload: Vec<u8>) {
        self.note("ping", json!({ "data": hexed(&payload) }));
        if self.closed || self.pings.len() >= self.script.answers {
            return;
        }
        let answer = match self.script.bears {
            Bears::Echo => payload.clone(),
            Bears::Nothing => vec![],
            Bears::Wrong => b"wrong".to_vec(),
            Bears::Previous => self.pings.last().unwrap_or(&payload).clone(),
        };
        self.answers.push((Instant::now() + self.intervals(self.script.late), answer));
        self.pings.push(payload);
    }

    /// What was to be said is not said any more.
    fn hear_close(&mut self, frame: &Frame) {
        let (code, reason) = frame.payload.split_at_checked(2).unwrap_or_default();
        let code = code.try_into().map(u16::from_be_bytes).ok();
        self.note("close", json!({ "code": code, "reason": String::from_utf8_lossy(reason) }));
        self.closed = true;
        self.answers.clear();
        self.script.says = None;
        if !self.script.ignores_close {
            self.raw.frame(0x88, &frame.payload);
        }
    }
}

fn event(name: &str, facts: Value) -> Event {
    Event::new(ZERO.elapsed().as_secs_f64(), 0.0, name, facts)
}

/// What the script wanted at `due`: how much later it came is lag.
fn late_event(due: Instant, name: &str, facts: Value) -> Event {
    Event::new(ZERO.elapsed().as_secs_f64(), due.elapsed().as_secs_f64(), name, facts)
}

fn hexed(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
