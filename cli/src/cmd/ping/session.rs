//! The run of `ping`: what is sent when, what comes, and when it ends.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{FutureExt as _, Sink as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::event::Counter;
use wsbeat_tokio::client::{Connection, Transport};
use wsbeat_tokio::heartbeat::{Event, Heartbeat};

use super::question::{Question, Reply};
use super::tally::{Tally, micros};
use super::{Wishes, head};
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::logging::{Level, Logger};
use crate::outbound::{ending, judge};
use crate::output::{Out, Tone};

/// How many pings are remembered whose answers may still come. Of pings (control frames) the connection remembers 64.
const REMEMBERED_MAX: usize = 1_024;
/// How much of what has arrived is looked at before a ping is given up.
const READS_MAX: usize = 256;
/// How long a close handshake of ours may take: whoever pinged has seen the statistics already.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// SIGINT and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn watch() -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::new(Exit::Unreachable, format_args!("cannot watch signals: {error}"));
        let interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        Ok(Signals { interrupt, terminate })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A ping whose answer may still come.
#[derive(Clone, Copy, Debug)]
struct Asked {
    seq: u64,
    number: u64,
    at: Instant,
    /// That it was not answered in time was told.
    given_up: bool,
}

pub(super) struct Session<'a> {
    wishes: &'a Wishes,
    connection: Connection,
    question: Question,
    out: &'a mut Out,
    log: &'a Logger,
    tally: Tally,
    /// The oldest first.
    asked: VecDeque<Asked>,
    /// When the next ping is due; `None` while a welcome is waited for.
    next_at: Option<Instant>,
    first_at: Option<Instant>,
    /// Until when a welcome is waited for.
    welcome_by: Instant,
    /// Pongs that were handed to us.
    pongs_seen: u64,
    ended: Option<Ended>,
}

/// Why it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All was asked, the time is up, or whoever asked has had enough.
    ByUs,
    ByPeer,
    /// The welcome that has to come before the first ping did not.
    NoWelcome,
}

impl<'a> Session<'a> {
    pub(super) fn new(wishes: &'a Wishes, connection: Connection, question: Question, out: &'a mut Out, log: &'a Logger) -> Self {
        let now = Instant::now();
        Session {
            wishes,
            next_at: (!question.waits_for_welcome()).then_some(now),
            welcome_by: now + wishes.connect_timeout,
            connection,
            question,
            out,
            log,
            tally: Tally::new(),
            asked: VecDeque::new(),
            first_at: None,
            pongs_seen: 0,
            ended: None,
        }
    }

    /// Runs to the end, prints the statistics and closes.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) async fn run(mut self, signals: &mut Signals) -> Result<Exit, Failure> {
        if self.wishes.check.is_none() {
            let head = head(&self.wishes.url, self.connection.peer_addr(), &self.question, self.connection.upgraded_in());
            let told = self.out.text(|| head);
            self.told(told)?;
        }
        while self.ended.is_none() {
            let wake_at = self.wake_at();
            tokio::select! {
                event = self.connection.next_event() => self.happened(event)?,
                () = sleep_until(wake_at) => self.woken()?,
                () = signals.next() => self.ended = Some(Ended::ByUs),
            }
        }
        self.over(signals).await
    }

    /// When something is due: a ping, the end of a wait, the end of it all.
    fn wake_at(&self) -> Instant {
        let next = if self.is_all_sent() { None } else { Some(self.next_at.unwrap_or(self.welcome_by)) };
        let given_up = self.asked.iter().find(|asked| !asked.given_up).and_then(|asked| asked.at.checked_add(self.wishes.timeout));
        let far = || Instant::now() + Duration::from_secs(86_400);
        [next, given_up, self.wishes.deadline].into_iter().flatten().min().unwrap_or_else(far)
    }

    fn is_all_sent(&self) -> bool {
        self.wishes.count.is_some_and(|count| self.tally.sent >= count)
    }

    /// What has arrived is looked at before anything is given up.
    fn woken(&mut self) -> Result<(), Failure> {
        for _ in 0..READS_MAX {
            let Some(event) = self.connection.next_event().now_or_never() else { break };
            self.happened(event)?;
            if self.ended.is_some() {
                return Ok(());
            }
        }
        let now = Instant::now();
        self.give_up(now)?;
        match self.next_at {
            Some(at) if at <= now && !self.is_all_sent() => self.ask(at, now),
            None if self.welcome_by <= now => self.ended = Some(Ended::NoWelcome),
            _ => {}
        }
        if self.is_over(now) {
            self.ended = Some(Ended::ByUs);
        }
        Ok(())
    }

    fn is_over(&self, now: Instant) -> bool {
        let is_waited_for = self.asked.iter().any(|asked| !asked.given_up);
        self.wishes.deadline.is_some_and(|deadline| deadline <= now) || (self.is_all_sent() && !is_waited_for)
    }

    /// Sends a ping, unless the writer is blocked: then the next one is tried in its turn.
    fn ask(&mut self, due: Instant, now: Instant) {
        // One that comes late moves none of those after it, and those that were missed are not made up for.
        let interval = self.wishes.interval;
        let next = due + interval;
        self.next_at = Some(if next > now { next } else { now + interval });
        if !self.has_room() {
            return;
        }
        let (ping, number) = self.question.next(unix_ms());
        let at = Instant::now();
        if !self.send(ping) {
            return;
        }
        self.tally.sent += 1;
        self.first_at.get_or_insert(at);
        if self.asked.len() == REMEMBERED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(Asked { seq: self.tally.sent, number, at, given_up: false });
    }

    /// Whether the writer takes a message.
    fn has_room(&mut self) -> bool {
        matches!(self.sink().poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
    }

    /// Sends a message, for which there is room. What goes wrong on the way shows as the connection's end; what a blocked
    /// writer does not take yet leaves as the connection is polled.
    fn send(&mut self, message: Message) -> bool {
        let sent = self.sink().start_send(message).is_ok();
        let _ = self.sink().poll_flush(&mut Context::from_waker(Waker::noop()));
        sent
    }

    fn sink(&mut self) -> Pin<&mut Heartbeat<WebSocketStream<Transport>>> {
        Pin::new(&mut *self.connection)
    }

    /// Says of which pings no answer came in time.
    fn give_up(&mut self, now: Instant) -> Result<(), Failure> {
        let mut late = Vec::new();
        for asked in self.asked.iter_mut().filter(|asked| !asked.given_up) {
            if now.saturating_duration_since(asked.at) < self.wishes.timeout {
                break;
            }
            asked.given_up = true;
            late.push(asked.seq);
        }
        for seq in late {
            self.line(Tone::Bad, || format!("no answer yet: seq={seq}"), || Object::event("no-answer").with("seq", seq))?;
        }
        Ok(())
    }

    fn happened(&mut self, event: Option<Event>) -> Result<(), Failure> {
        match event {
            None => self.ended = Some(Ended::ByPeer),
            Some(Event::Message(message)) => self.heard(&message)?,
            Some(Event::Note(note)) => self.log.log(Level::Info, &format!("{note:?}"), Object::default),
            // The server's heartbeats are answered silently, and how it ends is told once it has ended.
            Some(Event::Asked { .. } | Event::Answered { .. } | Event::Dialect(_) | Event::Verdict(_) | Event::PeerClosed(_)) => {}
        }
        Ok(())
    }

    fn heard(&mut self, message: &Message) -> Result<(), Failure> {
        let now = Instant::now();
        self.pongs_seen += u64::from(message.is_pong());
        match self.question.hear(message, unix_ms()) {
            Reply::Pong(number) => self.pong(self.asked.iter().position(|asked| asked.number == number), now),
            Reply::PongInOrder => self.pong((!self.asked.is_empty()).then_some(0), now),
            Reply::Asks(answer) => {
                // While the writer is blocked the server's heartbeats have to wait for the next one.
                if self.has_room() {
                    self.send(answer);
                }
                Ok(())
            }
            Reply::Welcome => {
                self.next_at.get_or_insert(now);
                Ok(())
            }
            Reply::Other => Ok(()),
        }
    }

    fn pong(&mut self, place: Option<usize>, now: Instant) -> Result<(), Failure> {
        let Some(asked) = place.and_then(|place| self.asked.remove(place)) else {
            self.tally.unmatched += 1;
            return Ok(());
        };
        let (seq, rtt) = (asked.seq, now.saturating_duration_since(asked.at));
        let is_late = asked.given_up || rtt > self.wishes.timeout;
        self.tally.answered(rtt);
        self.tally.late += u64::from(is_late);
        let peer = self.connection.peer_addr();
        let text = || {
            let late = if is_late { " (late)" } else { "" };
            format!("pong from {peer}: seq={seq} time={}.{:03} ms{late}", micros(rtt) / 1_000, micros(rtt) % 1_000)
        };
        let json = || Object::event("pong").with("seq", seq).with("rtt_us", micros(rtt)).with_some("late", is_late.then_some(true));
        self.line(if is_late { Tone::Doubtful } else { Tone::Good }, text, json)?;
        if self.is_over(now) {
            self.ended = Some(Ended::ByUs);
        }
        Ok(())
    }

    /// A line of one ping's, where each gets one.
    fn line(&mut self, tone: Tone, text: impl FnOnce() -> String, json: impl FnOnce() -> Object) -> Result<(), Failure> {
        if !self.wishes.prints_each {
            return Ok(());
        }
        let at = self.wishes.timestamps.then(unix_time);
        let text = || match at {
            Some(at) => format!("[{}.{:06}] {}", at.as_secs(), at.subsec_micros(), text()),
            None => text(),
        };
        let told = self.out.toned(tone, text, || json().with_some("at_us", at.map(micros)));
        self.told(told)
    }

    /// A reader that went away is no reason to leave without a close.
    fn told(&mut self, told: std::io::Result<()>) -> Result<(), Failure> {
        match told.map_err(Failure::from) {
            Err(gone) if gone.exit == Exit::Done => {
                self.out.mute();
                self.ended.get_or_insert(Ended::ByUs);
                Ok(())
            }
            other => other,
        }
    }

    async fn over(mut self, signals: &mut Signals) -> Result<Exit, Failure> {
        self.tally.time = self.first_at.map_or(Duration::ZERO, |at| at.elapsed());
        let stats = self.connection.stats();
        let pongs = stats.get(Counter::PongsUser) + stats.get(Counter::PongsUnsolicited);
        self.tally.unmatched += pongs.saturating_sub(self.pongs_seen);
        let end = self.end();
        let exit = match self.wishes.check {
            Some(check) => check.line(&self.tally, end, self.connection.upgraded_in(), self.out)?,
            None => {
                let told = self.out.line(|| self.tally.text(&self.wishes.url), || self.tally.json());
                self.told(told)?;
                self.exit(end)
            }
        };
        if self.ended != Some(Ended::ByPeer) {
            self.close(signals).await;
        }
        Ok(exit)
    }

    /// What the end asks for where it was not ours, and what is to be said of it.
    fn end(&self) -> Option<(Exit, String)> {
        match self.ended {
            Some(Ended::ByPeer) => {
                let ending = self.connection.ending().cloned().unwrap_or_default();
                Some((judge::exit(&ending, false), ending::why(&ending)))
            }
            Some(Ended::NoWelcome) => Some((Exit::PeerClosed, "no welcome came".into())),
            Some(Ended::ByUs) | None => None,
        }
    }

    fn exit(&self, end: Option<(Exit, String)>) -> Exit {
        match end {
            Some((exit, why)) => {
                self.log.fail(&why);
                exit
            }
            None if self.tally.received > 0 => Exit::Done,
            None => Exit::Negative,
        }
    }

    async fn close(&mut self, signals: &mut Signals) {
        // 1000 without a reason can always be sent.
        let _ = self.connection.close(Some(1000), "");
        let closing = async { while self.connection.next_event().await.is_some() {} };
        tokio::select! {
            _ = timeout(CLOSE_TIMEOUT, closing) => {}
            () = signals.next() => {}
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the time for people, and for tokens that are timestamps")]
fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn unix_ms() -> u64 {
    u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX)
}
