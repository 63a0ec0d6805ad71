//! What the end of a connection means for the exit status.

use std::time::{Duration, Instant};

use wsbeat_core::event::{Plane, VerdictKind};
use wsbeat_tokio::heartbeat::{Ending, PeerClose};

use crate::exit::Exit;

/// Codes by which servers say that a heartbeat was missed: ours, that of Python's websockets, Centrifugo's.
const HEARTBEAT_CODES: [u16; 3] = [4408, 1011, 3012];

/// What the peer asked on one connection, as far as its end has to be judged by it.
#[derive(Debug)]
pub(crate) struct Asks {
    transport: PlaneAsks,
    application: PlaneAsks,
}

#[derive(Debug)]
struct PlaneAsks {
    /// The shortest time between two asks, to begin with what is known of it.
    interval: Option<Duration>,
    /// When the last one came; the opening, before any came.
    last: Instant,
    arrived: u64,
    /// Those whose fate is known.
    settled: u64,
    /// Since when some have waited for a delayed answer.
    waiting: Option<Instant>,
    /// When the oldest of those was left unanswered for good since the last answer.
    left: Option<Instant>,
}

/// What became of an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was answered.
    Given,
    /// It should have been answered and was not.
    Left,
    /// Nobody expects one.
    NotWanted,
}

impl Asks {
    /// Of a connection that opened at `opened`.
    pub(crate) fn new(opened: Instant) -> Self {
        Asks { transport: PlaneAsks::new(opened), application: PlaneAsks::new(opened) }
    }

    /// The dialect is known: heartbeats come this often, or as the server was told instead.
    pub(crate) fn heartbeats_every(&mut self, interval: Duration) {
        let known = &mut self.application.interval;
        *known = Some(known.map_or(interval, |known| known.min(interval)));
    }

    /// So many have come on this plane by `now`, told of or not.
    pub(crate) fn arrived(&mut self, plane: Plane, count: u64, now: Instant) {
        self.plane(plane).arrived(count, now);
    }

    /// What became of the next one of this plane. It has arrived before.
    pub(crate) fn settled(&mut self, plane: Plane, answer: Answer, now: Instant) {
        self.plane(plane).settled(answer, now);
    }

    /// How many came and are neither answered nor left unanswered yet.
    pub(crate) fn waiting(&self) -> u64 {
        [&self.transport, &self.application].map(|plane| plane.arrived.saturating_sub(plane.settled)).into_iter().sum()
    }

    /// Whether a heartbeat or ping was left unanswered for its interval at `now`.
    pub(crate) fn left_unanswered(&self, now: Instant) -> bool {
        self.transport.left_unanswered(now) || self.application.left_unanswered(now)
    }

    fn plane(&mut self, plane: Plane) -> &mut PlaneAsks {
        match plane {
            Plane::Transport => &mut self.transport,
            Plane::Application => &mut self.application,
        }
    }
}

impl PlaneAsks {
    fn new(opened: Instant) -> Self {
        PlaneAsks { interval: None, last: opened, arrived: 0, settled: 0, waiting: None, left: None }
    }

    fn arrived(&mut self, count: u64, now: Instant) {
        if count <= self.arrived {
            return;
        }
        let gap = now.saturating_duration_since(self.last);
        // The time to the first is no interval, only a guess where nothing better is known.
        if self.interval.is_none_or(|known| self.arrived > 0 && gap < known) {
            self.interval = Some(gap);
        }
        (self.last, self.arrived) = (now, count);
        self.waiting.get_or_insert(now);
    }

    fn settled(&mut self, answer: Answer, now: Instant) {
        self.settled += 1;
        match answer {
            Answer::Given => self.left = None,
            Answer::Left => {
                self.left.get_or_insert(self.waiting.unwrap_or(now));
            }
            Answer::NotWanted => {}
        }
        self.waiting = (self.arrived > self.settled).then_some(now);
    }

    fn left_unanswered(&self, now: Instant) -> bool {
        let oldest = [self.left, self.waiting].into_iter().flatten().min();
        let (Some(since), Some(interval)) = (oldest, self.interval) else { return false };
        lasts(since, now, interval)
    }
}

/// How much later than its time a ping may be seen here, beside a tenth of its interval: hosts are busy. At
/// intervals below 0.3 s no unanswered ping is too young to explain an end.
const LATENESS: Duration = Duration::from_millis(250);

/// Whether an interval lies between the two. Where the first of them was seen late, or the peer's clock is fast, it looks
/// shorter than it was: that much is allowed for.
fn lasts(since: Instant, now: Instant, interval: Duration) -> bool {
    now.saturating_duration_since(since) >= (interval - interval / 10).saturating_sub(LATENESS)
}

/// The exit status that a connection's end asks for.
pub(crate) fn exit(ending: &Ending, left_unanswered: bool) -> Exit {
    if let Some(verdict) = &ending.verdict {
        return of_verdict(verdict.kind);
    }
    let for_silence = ending.peer_close.as_ref().is_some_and(names_heartbeat);
    if for_silence || left_unanswered {
        return Exit::HeartbeatLost;
    }
    Exit::PeerClosed
}

fn of_verdict(kind: VerdictKind) -> Exit {
    match kind {
        VerdictKind::User | VerdictKind::Drain | VerdictKind::Lifetime => Exit::Done,
        VerdictKind::PeerSilent | VerdictKind::PeerSlow | VerdictKind::WriteStalled | VerdictKind::FeedStalled => Exit::HeartbeatLost,
        _ => Exit::PeerClosed,
    }
}

fn names_heartbeat(close: &PeerClose) -> bool {
    if close.code.is_some_and(|code| HEARTBEAT_CODES.contains(&code)) {
        return true;
    }
    let reason = close.reason.to_ascii_lowercase();
    let mut words = reason.split(|c: char| !c.is_ascii_alphanumeric());
    reason.contains("heartbeat") || reason.contains("timeout") || words.any(|word| word.starts_with("ping") || word.starts_with("pong"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(code: Option<u16>, reason: &str) -> Ending {
        Ending { peer_close: Some(PeerClose { code, reason: reason.into() }), ..Ending::default() }
    }

    #[test]
    fn a_close_for_a_lost_heartbeat_is_told_from_another() {
        for (code, reason) in [
            (Some(4408), ""),
            (Some(1011), "keepalive ping timeout"),
            (Some(3012), "no pong"),
            (Some(1000), "ping timed out"),
            (Some(1008), "Heartbeat missed"),
            (Some(4000), "idleTimeout"),
        ] {
            assert_eq!(exit(&closed(code, reason), false), Exit::HeartbeatLost, "{code:?} {reason}");
        }
        for (code, reason) in [(Some(1000), ""), (None, ""), (Some(1001), "going away"), (Some(1008), "shipping stopped")] {
            assert_eq!(exit(&closed(code, reason), false), Exit::PeerClosed, "{code:?} {reason}");
        }
        assert_eq!(exit(&Ending::default(), false), Exit::PeerClosed);
    }

    const APPLICATION: Plane = Plane::Application;

    /// An ask that arrived at `at` and whose fate was known at once.
    fn ask(asks: &mut Asks, plane: Plane, count: u64, at: Instant, answer: Answer) {
        asks.arrived(plane, count, at);
        asks.settled(plane, answer, at);
    }

    #[test]
    fn a_close_while_a_heartbeat_was_left_unanswered_is_a_lost_heartbeat() {
        let t0 = Instant::now();
        let at = |secs| t0 + Duration::from_secs(secs);
        let mut asks = Asks::new(t0);
        ask(&mut asks, APPLICATION, 1, at(3), Answer::Left);
        ask(&mut asks, APPLICATION, 2, at(8), Answer::Left);
        assert!(asks.left_unanswered(at(13)));
        assert_eq!(exit(&closed(None, ""), asks.left_unanswered(at(13))), Exit::HeartbeatLost);
    }

    #[test]
    fn a_heartbeat_left_for_less_than_its_interval_explains_nothing() {
        let t0 = Instant::now();
        let at = |secs| t0 + Duration::from_secs(secs);
        let mut asks = Asks::new(t0);
        asks.heartbeats_every(Duration::from_secs(5));
        ask(&mut asks, APPLICATION, 1, at(1), Answer::Left);
        assert!(!asks.left_unanswered(at(4)));
        ask(&mut asks, APPLICATION, 2, at(6), Answer::Given);
        assert!(!asks.left_unanswered(at(60)), "a later answer speaks for the earlier heartbeat");
        ask(&mut asks, APPLICATION, 3, at(70), Answer::NotWanted);
        assert!(!asks.left_unanswered(at(99)));
    }

    #[test]
    fn a_ping_may_have_been_seen_late_by_a_tenth_and_a_quarter_of_a_second() {
        let (t0, ms) = (Instant::now(), Duration::from_millis);
        for (interval, enough) in [(ms(5_000), ms(4_250)), (ms(500), ms(200)), (ms(250), ms(0))] {
            assert!(lasts(t0, t0 + enough, interval), "{interval:?}");
            assert!(enough.is_zero() || !lasts(t0, t0 + enough - ms(1), interval), "{interval:?}");
        }
    }

    #[test]
    fn a_heartbeat_whose_answer_is_delayed_past_its_interval_counts() {
        let t0 = Instant::now();
        let at = |secs| t0 + Duration::from_secs(secs);
        let mut asks = Asks::new(t0);
        asks.heartbeats_every(Duration::from_secs(5));
        asks.arrived(APPLICATION, 1, at(30));
        assert!(!asks.left_unanswered(at(34)) && asks.left_unanswered(at(35)));
        assert_eq!(asks.waiting(), 1);
        asks.settled(APPLICATION, Answer::Given, at(33));
        assert!(!asks.left_unanswered(at(60)));
        assert_eq!(asks.waiting(), 0);
    }

    #[test]
    fn one_ping_left_as_long_as_it_took_to_come_counts() {
        let t0 = Instant::now();
        let mut asks = Asks::new(t0);
        ask(&mut asks, Plane::Transport, 1, t0 + Duration::from_secs(30), Answer::Left);
        assert!(asks.left_unanswered(t0 + Duration::from_secs(60)));
    }
}
