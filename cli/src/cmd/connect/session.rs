//! The run of `connect`: what comes, what is shown of it, and when it ends.

use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::codec::gzip::Inflater;
use wsbeat_core::dialect::{Dialect, Initiator, Layer};
use wsbeat_core::event::{Counter, Plane, VerdictKind};
use wsbeat_tokio::client::{ClientEvent, ConnectError, Reconnecting};
use wsbeat_tokio::heartbeat::{Ending, Event};

use super::data::Data;
use super::show::{self, Ask, Tally};
use super::{ConnectArgs, Show, input};
use crate::config::duration_text;
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::logging::{Level, Logger};
use crate::outbound::judge::{self, Answer, Asks};
use crate::outbound::{self, ending};
use crate::output::{Out, Tone};

/// How soon what gives no event of its own is looked at again: a full queue, heartbeats whose answers are delayed.
const LOOK_AFTER: Duration = Duration::from_millis(10);

pub(super) struct Session<'a> {
    url: String,
    show: Vec<Show>,
    /// How many more lines are shown before the close.
    lines_left: Option<u64>,
    for_time: Option<Duration>,
    client: Reconnecting,
    out: &'a mut Out,
    log: &'a Logger,
    inflater: Inflater,
    to_send: Vec<Message>,
    asks: Asks,
    delays_answers: bool,
    tally: Tally,
    ending: Option<Ending>,
    /// What the first loss asks the exit status to be.
    lost: Option<Exit>,
    /// Why no connection could be made, as long as none was.
    failure: Option<Failure>,
    closing: bool,
    /// The first attempt to connect has come to something.
    is_attempted: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(args: &ConnectArgs, client: Reconnecting, out: &'a mut Out, log: &'a Logger) -> Self {
        Session {
            url: args.url.clone(),
            show: args.show.clone(),
            lines_left: args.count,
            for_time: args.for_time,
            client,
            out,
            log,
            inflater: Inflater::default(),
            to_send: args.send.iter().rev().map(Message::text).collect(),
            asks: Asks::new(Instant::now()),
            delays_answers: args.pong_delay.is_some(),
            tally: Tally::default(),
            ending: None,
            lost: None,
            failure: None,
            closing: false,
            is_attempted: false,
        }
    }

    /// Runs to the end: the close, the loss, the second signal.
    ///
    /// # Errors
    /// No connection could be made, or standard output cannot be written.
    pub(super) async fn run(mut self) -> Result<Exit, Failure> {
        let cannot = |error: std::io::Error| Failure::new(Exit::Unreachable, format_args!("cannot watch signals: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        let mut lines = input::lines();
        let mut input_ended = false;
        let time_up = tokio::time::sleep(self.for_time.unwrap_or(Duration::MAX));
        tokio::pin!(time_up);
        loop {
            self.pass_on();
            let takes_input = !input_ended && !self.closing && self.to_send.is_empty();
            tokio::select! {
                event = self.client.next_event() => match event {
                    Some(event) => self.happened(event)?,
                    None => break,
                },
                () = signalled(&mut interrupt, &mut terminate) => {
                    if self.closing {
                        break;
                    }
                    self.close();
                }
                // The attempt may last as long, and says itself that it failed.
                () = &mut time_up, if self.is_attempted && !self.closing => self.close(),
                line = next(&mut lines), if takes_input => match line {
                    Some(line) => self.typed(line),
                    None => input_ended = true,
                },
                () = tokio::time::sleep(LOOK_AFTER), if self.delays_answers || !self.to_send.is_empty() => self.look(),
            }
        }
        self.over()
    }

    /// Queues what waits to be sent, as far as there is room.
    fn pass_on(&mut self) {
        while let Some(message) = self.to_send.pop() {
            if let Err(full) = self.client.send(message) {
                self.to_send.push(full.message);
                return;
            }
        }
    }

    fn typed(&mut self, line: Result<String, String>) {
        match line {
            Ok(text) => self.to_send.push(Message::text(text)),
            Err(problem) => self.log.log(Level::Warn, &problem, Object::default),
        }
    }

    fn close(&mut self) {
        self.closing = true;
        self.to_send.clear();
        // 1000 without a reason can always be sent.
        let _ = self.client.close(Some(1000), "");
    }

    fn happened(&mut self, event: ClientEvent) -> Result<(), Failure> {
        // Nothing happens before.
        self.is_attempted = true;
        match event {
            ClientEvent::Connected { .. } => self.connected(),
            ClientEvent::Event(event) => self.heard(event),
            ClientEvent::Closed(ending) => self.closed(ending),
            ClientEvent::ConnectFailed(error) => {
                self.not_connected(&error);
                Ok(())
            }
            ClientEvent::ReconnectingIn { delay, .. } => {
                let delay = duration_text(Duration::from_millis(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)));
                self.log.log(Level::Warn, &format!("connecting again in {delay}"), || {
                    Object::default().with("event", "reconnecting").with("delay", &delay)
                });
                Ok(())
            }
            ClientEvent::GaveUp(_) => Ok(()),
        }
    }

    fn connected(&mut self) -> Result<(), Failure> {
        self.asks = Asks::new(Instant::now());
        (self.failure, self.ending) = (None, None);
        let url = self.url.clone();
        self.print_toned(Tone::Dim, || format!("connected {url}"), || Object::event("connected").with("url", &url))?;
        // A dialect that was named is in force from the start; one that is found is told of by an event.
        match self.dialect().cloned() {
            Some(dialect) => self.speaks(&dialect),
            None => Ok(()),
        }
    }

    fn dialect(&self) -> Option<&Dialect> {
        self.client.connection()?.dialect()
    }

    fn speaks(&mut self, dialect: &Dialect) -> Result<(), Failure> {
        self.asks.heartbeats_every(dialect.interval());
        let id = dialect.id();
        self.print_toned(Tone::Dim, || format!("dialect={id}"), || Object::event("dialect").with("dialect", id))
    }

    fn heard(&mut self, event: Event) -> Result<(), Failure> {
        self.look();
        match event {
            Event::Message(message) => self.message(&message),
            Event::Asked { plane, token, answered_in } => self.asked(plane, token.0, answered_in),
            Event::Answered { plane, token, rtt } => {
                self.tally.own_answered += 1;
                if !self.shows_plane(plane) {
                    return Ok(());
                }
                let (text, json) = show::own_answered(plane, token.0, rtt);
                self.print(|| text, || json)
            }
            Event::Dialect(id) => match Dialect::preset(&id) {
                Some(dialect) => self.speaks(dialect),
                None => Ok(()),
            },
            Event::Note(note) => {
                self.log.log(Level::Info, &format!("{note:?}"), Object::default);
                Ok(())
            }
            // How it ends is told once it has ended.
            Event::Verdict(_) | Event::PeerClosed(_) => Ok(()),
        }
    }

    /// Counts what arrived: asks whose answers are delayed are told of only once they are answered.
    fn look(&mut self) {
        let Some(connection) = self.client.connection() else { return };
        let (stats, now) = (connection.stats(), Instant::now());
        self.asks.arrived(Plane::Application, stats.get(Counter::HeartbeatsReceived), now);
        self.asks.arrived(Plane::Transport, stats.get(Counter::PingsReceived), now);
    }

    fn message(&mut self, message: &Message) -> Result<(), Failure> {
        let Some(data) = Data::of(message, &mut self.inflater) else {
            return Ok(());
        };
        self.tally.messages += 1;
        if !self.shows(Show::Data) {
            return Ok(());
        }
        self.print(|| data.text(), || data.json())?;
        self.count_line();
        Ok(())
    }

    fn asked(&mut self, plane: Plane, token: u64, answered_in: Option<Duration>) -> Result<(), Failure> {
        let one_way = plane == Plane::Application && self.dialect().is_some_and(|d| d.initiator() == Initiator::OneWay);
        let answer = match answered_in {
            Some(_) => Answer::Given,
            None if one_way => Answer::NotWanted,
            None => Answer::Left,
        };
        self.asks.settled(plane, answer, Instant::now());
        self.tally.asked += 1;
        self.tally.answered += u64::from(answered_in.is_some());
        if !self.shows_plane(plane) {
            return Ok(());
        }
        let ask = Ask { number: self.tally.asked, plane, token, answered_in, answer };
        self.print_toned(ask.tone(), || ask.text(), || ask.json())?;
        self.count_line();
        Ok(())
    }

    fn shows(&self, what: Show) -> bool {
        self.show.iter().any(|shown| *shown == what || *shown == Show::All)
    }

    /// In some dialects the control frames are the heartbeats.
    fn shows_plane(&self, plane: Plane) -> bool {
        let control_beats = self.dialect().is_some_and(|dialect| dialect.layer() == Layer::Control);
        match plane {
            Plane::Application => self.shows(Show::Heartbeats),
            Plane::Transport => self.shows(Show::Frames) || (control_beats && self.shows(Show::Heartbeats)),
        }
    }

    fn count_line(&mut self) {
        let Some(left) = &mut self.lines_left else { return };
        *left = left.saturating_sub(1);
        if *left == 0 && !self.closing {
            self.close();
        }
    }

    fn closed(&mut self, ending: Ending) -> Result<(), Failure> {
        self.tally.asked += self.asks.waiting();
        let left = self.asks.left_unanswered(Instant::now());
        let exit = judge::exit(&ending, left);
        if exit != Exit::Done {
            self.lost.get_or_insert(exit);
        }
        let by_user = ending.verdict.is_some_and(|verdict| verdict.kind == VerdictKind::User);
        if !by_user {
            self.log.log(Level::Warn, &ending::why(&ending), || ending::closed_json(&ending));
        }
        if self.out.format() == crate::common::Format::Json {
            self.print(String::new, || ending::closed_json(&ending))?;
        }
        self.ending = Some(ending);
        Ok(())
    }

    fn not_connected(&mut self, error: &ConnectError) {
        if let Some(before) = self.failure.replace(outbound::not_connected(&self.url, error)) {
            before.messages.iter().for_each(|line| self.log.log(Level::Warn, line, Object::default));
        }
    }

    /// Prints a result. A reader that went away is no reason to leave without a close.
    fn print(&mut self, text: impl FnOnce() -> String, json: impl FnOnce() -> Object) -> Result<(), Failure> {
        self.print_toned(Tone::Plain, text, json)
    }

    fn print_toned(&mut self, tone: Tone, text: impl FnOnce() -> String, json: impl FnOnce() -> Object) -> Result<(), Failure> {
        match self.out.toned(tone, text, json).map_err(Failure::from) {
            Err(gone) if gone.exit == Exit::Done => {
                self.out.mute();
                if !self.closing {
                    self.close();
                }
                Ok(())
            }
            other => other,
        }
    }

    fn over(mut self) -> Result<Exit, Failure> {
        let ever_connected = self.ending.is_some() || self.lost.is_some() || self.client.connection().is_some();
        match self.failure.take() {
            Some(failure) if !ever_connected => return Err(failure),
            Some(failure) => failure.messages.iter().for_each(|line| self.log.fail(line)),
            None => {}
        }
        let ending = self.ending.take();
        let how = ending.as_ref().map_or("not closed".to_owned(), ending::closed);
        let tally = self.tally;
        self.print(|| tally.text(&how), || tally.json(ending.as_ref()))?;
        Ok(self.lost.unwrap_or(Exit::Done))
    }
}

async fn signalled(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn next(lines: &mut Receiver<Result<String, String>>) -> Option<Result<String, String>> {
    lines.recv().await
}
