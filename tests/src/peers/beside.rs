//! An original and ours side by side: the same scripted peers at both, at the same time, and what each of them saw compared.
//!
//! Three things are held against each other: what is documented, what the original did, and what ours did. Times may be apart by
//! 50 ms and the lag that was measured meanwhile, by this process and by the original; where each wait begins when the one
//! before it is over, by that lag for each of them. A run in which the machine was later than the scripts' margins says
//! nothing about either side and is repeated, as is one that fails while the machine is busy: what differs, differs again.

use std::fmt::Write as _;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::install::Program;
use super::log::{Event, Log, Span};
use super::process::Peer;
use super::scripted::{Script, await_ping};
use super::stage::Stage;

const NOISE_S: f64 = 0.050;
const EARLY_S: f64 = 0.005;
/// No script asks for a decision that is closer than this to going the other way.
const MARGIN_S: f64 = 0.150;
/// A machine that lets its processes run this soon is not busy.
const STEADY_S: f64 = 0.020;
const RUNS_MAX: usize = 5;

/// A profile, its lengths, and how it ends a connection.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of ours.
    pub profile: &'static str,
    /// The ping interval.
    pub interval_s: f64,
    /// The timeout, in intervals; none: the default.
    pub timeout: Option<f64>,
    /// Code (none: an empty body) and reason of the close frame; none: it ends without one.
    pub close: Option<(Option<u64>, &'static str)>,
    /// Whether each wait begins when the one before it is over, so that lateness adds up.
    pub chained: bool,
    /// From when until when, in intervals, the servers' processes stand still, as those of a host that sleeps.
    pub stands_still: Option<(f64, f64)>,
}

/// A script, and what is documented to come of it: `ping 1, ping 2, close 3`, in intervals since the opening. Where no `close`
/// and no `end` (of the stream, without a close frame) stands last, the peer lives.
#[derive(Clone, Copy, Debug)]
pub struct Case(pub &'static str, pub Script, pub &'static str);

impl Setting {
    /// Plays all `cases` at once at the original, if there is one, and at `wsbeat serve`, and compares. Prints how far the two
    /// were apart.
    ///
    /// # Panics
    /// If one did not do what is documented, or not what the other did.
    pub fn hold(&self, original: Option<Program>, cases: &[Case]) {
        let name = original.map_or_else(|| self.profile.to_owned(), |original| format!("{} beside {original:?}", self.profile));
        for run in 1..=RUNS_MAX {
            let Some(stage) = Stage::with_wsbeat(&name, original.as_slice()) else {
                return;
            };
            let sides = self.play(&stage, original, cases);
            let lag_s = sides.iter().map(Side::lag_s).fold(0.0, f64::max);
            let opening_s = sides.iter().map(Side::opening_s).fold(0.0, f64::max);
            let wrong = self.compare(&name, cases, &sides, lag_s);
            let late = lag_s.max(opening_s) > MARGIN_S || (lag_s > STEADY_S && !wrong.is_empty());
            if late && run < RUNS_MAX {
                println!("{name}: run {run} is void, {:.0} ms of lag, an opening of {:.0} ms", lag_s * 1e3, opening_s * 1e3);
                continue;
            }
            assert!(wrong.is_empty(), "{name}, lag {:.1} ms:\n{wrong}", lag_s * 1e3);
            return;
        }
    }

    /// What each case saw at ours and, if there is one, at the original.
    fn play(&self, stage: &Stage, original: Option<Program>, cases: &[Case]) -> Vec<Side> {
        let timeout_s = self.timeout.map(|timeout| timeout * self.interval_s);
        let theirs = original.map(|program| {
            let (interval, timeout) = (self.interval_s.to_string(), timeout_s.map(|s| format!("{s:.3}")));
            let mut words = vec!["--interval", &interval];
            words.extend(timeout.iter().flat_map(|timeout| ["--timeout", timeout]));
            stage.server(program, &words)
        });
        let (interval, timeout) = (ms(self.interval_s), timeout_s.map(ms));
        let mut words = vec!["--dialect", "none", "--on-message", "ignore", "--profile", self.profile, "--ping-interval", &interval];
        words.extend(timeout.iter().flat_map(|timeout| ["--ping-timeout", timeout]));
        let ours = stage.serve(&words);

        let their_url = theirs.as_ref().map(Peer::url);
        // The recipe has one timer for all: who opens right after a tick is pinged an interval later, as each connection of ours is.
        let shared = their_url.as_deref().filter(|_| original == Some(Program::WsServer));
        let tick_s = shared.map(await_ping);
        // What the start of the servers cost nobody is measured by.
        stage.take_lag_s();
        let (our_logs, their_logs) = thread::scope(|scope| {
            let play = |url| cases.iter().map(|case| scope.spawn(move || case.play(url, self.interval_s))).collect::<Vec<_>>();
            let playing = (play(ours.url()), their_url.as_deref().map(play));
            if let Some((from, until)) = self.stands_still {
                let ids = [Some(ours.id()), theirs.as_ref().map(Peer::id)];
                scope.spawn(move || stop_and_go(ids, from * self.interval_s, (until - from) * self.interval_s));
            }
            let join = |side: Vec<thread::ScopedJoinHandle<'_, Log>>| side.into_iter().map(|case| case.join().expect("opens")).collect();
            (join(playing.0), playing.1.map(join))
        });
        let ours = Side { name: "ours", logs: our_logs, tick_s: None, lag_s: stage.take_lag_s() };
        let stood_s = self.stands_still.map_or(0.0, |(from, until)| (until - from) * self.interval_s);
        let theirs = their_logs.zip(theirs).map(|(logs, server)| {
            let lag_s = (lag_s(&server.stop()) - stood_s).max(0.0);
            Side { name: "the original", logs, tick_s, lag_s }
        });
        [Some(ours), theirs].into_iter().flatten().collect()
    }

    /// What differs.
    fn compare(&self, name: &str, cases: &[Case], sides: &[Side], lag_s: f64) -> String {
        let (mut wrong, mut apart_s, mut events) = (String::new(), vec![], 0);
        for (at, case) in cases.iter().enumerate() {
            let seen: Vec<Seen> = sides.iter().map(|side| side.saw(at)).collect();
            let mut differences: Vec<String> = seen.iter().flat_map(|side| self.against_documented(case, side, lag_s)).collect();
            if let [ours, theirs] = &seen[..] {
                differences.extend(self.against_original(ours, theirs, lag_s, &mut apart_s));
            }
            events += seen[0].events.len();
            for difference in &differences {
                let _ = writeln!(wrong, "{} ({}): {difference}", case.0, case.2);
            }
            if !differences.is_empty() {
                seen.iter().for_each(|side| wrong.push_str(&format!("{}:\n{}\n", side.name, side.log)));
            }
        }
        let (mean, worst) = (apart_s.iter().sum::<f64>() / apart_s.len().max(1) as f64, apart_s.iter().copied().fold(0.0, f64::max));
        let apart = format!(", apart {:.1} ms on average and {:.1} at most", mean * 1e3, worst * 1e3);
        let apart = if sides.len() > 1 { apart.as_str() } else { "" };
        let (timeout, lag_ms) = (self.timeout, lag_s * 1e3);
        println!("{name}, timeout {timeout:?}: {} cases, {events} events{apart}; lag {lag_ms:.1} ms", cases.len());
        wrong
    }

    /// What a time may be off by after so many waits.
    fn noise_s(&self, lag_s: f64, waits: usize) -> f64 {
        NOISE_S + lag_s * if self.chained { waits as f64 } else { 1.0 }
    }

    fn against_documented(&self, case: &Case, seen: &Seen, lag_s: f64) -> Vec<String> {
        let (expected, decided) = (case.documented(), seen.decided());
        let mut differences = vec![];
        if decided.iter().map(|event| event.name.as_str()).ne(expected.iter().map(|(name, _)| *name)) {
            differences.push(format!("{}: not what is documented", seen.name));
        }
        for (k, (event, (name, at))) in decided.iter().zip(&expected).enumerate() {
            let due = seen.opening.after(at * self.interval_s);
            let (early_s, late_s) = (due.earliest_s - event.t_s, event.t_s - due.latest_s);
            if early_s > EARLY_S || late_s > self.noise_s(lag_s, k + 1) {
                differences.push(format!("{}: {name} {at} came {:.1} ms late", seen.name, late_s.max(-early_s) * 1e3));
            }
            if event.name == "close" && self.close != Some(event.close()) {
                differences.push(format!("{}: closed with {:?}", seen.name, event.close()));
            }
        }
        differences
    }

    fn against_original(&self, ours: &Seen, theirs: &Seen, lag_s: f64, apart_s: &mut Vec<f64>) -> Option<String> {
        let same = |a: &Event, b: &Event| a.name == b.name && a.close() == b.close() && a.text("data").len() == b.text("data").len();
        if ours.events.len() != theirs.events.len() || !ours.events.iter().zip(&theirs.events).all(|(a, b)| same(a, b)) {
            return Some("not what the original does".to_owned());
        }
        if ours.log.count("pong") != theirs.log.count("pong") {
            return Some("not as many pongs as the original's".to_owned());
        }
        let unsure_s = ours.opening.latest_s - ours.opening.earliest_s + theirs.opening.latest_s - theirs.opening.earliest_s;
        let mut worst = None;
        for (k, (a, b)) in ours.events.iter().zip(&theirs.events).enumerate() {
            let s = ((a.t_s - ours.opening.latest_s) - (b.t_s - theirs.opening.latest_s)).abs();
            apart_s.push(s);
            if s > unsure_s + self.noise_s(lag_s, k + 1) {
                worst = Some(format!("{} {k} is {:.1} ms from the original's", a.name, s * 1e3));
            }
        }
        worst
    }
}

/// What all peers of one side saw.
struct Side {
    name: &'static str,
    logs: Vec<Log>,
    /// The tick of a timer that all connections share, which their times count from.
    tick_s: Option<f64>,
    lag_s: f64,
}

/// What one peer saw.
struct Seen<'a> {
    name: &'static str,
    log: &'a Log,
    /// What its times count from.
    opening: Span,
    /// Pings, the close, and the end of the stream.
    events: Vec<&'a Event>,
}

impl Side {
    /// How late this process, the server or a peer was let run, at worst.
    fn lag_s(&self) -> f64 {
        let peers = self.logs.iter().map(Log::lag_s);
        peers.fold(self.lag_s, f64::max)
    }

    /// The longest time from where times count to where a peer saw itself open and its script began.
    fn opening_s(&self) -> f64 {
        let openings = self.logs.iter().map(|log| log.opening().latest_s - self.tick_s.unwrap_or(log.opening().earliest_s));
        openings.fold(0.0, f64::max)
    }

    fn saw(&self, case: usize) -> Seen<'_> {
        let log = &self.logs[case];
        let opening = self.tick_s.map_or_else(|| log.opening(), |tick_s| Span { earliest_s: tick_s - self.lag_s, latest_s: tick_s });
        let events = log.events().filter(|event| ["ping", "close", "end"].contains(&event.name.as_str())).collect();
        Seen { name: self.name, log, opening, events }
    }
}

impl<'a> Seen<'a> {
    /// Without the end that follows a close.
    fn decided(&self) -> Vec<&'a Event> {
        let closed = self.log.count("close") > 0;
        self.events.iter().copied().filter(|event| !closed || event.name != "end").collect()
    }
}

/// How late a server was let run while it was asked anything.
fn lag_s(log: &Log) -> f64 {
    log.events().filter(|event| event.name != "listening").map(Event::lag_s).fold(0.0, f64::max)
}

impl Case {
    fn documented(&self) -> Vec<(&'static str, f64)> {
        let item = |item: &'static str| item.split_once(' ').and_then(|(name, at)| Some((name, at.parse().ok()?)));
        self.2.split_terminator(", ").map(|text| item(text).expect("a name and a number")).collect()
    }

    /// At this server, until half an interval after the last ping that is documented, or well past the end.
    fn play(&self, url: &str, interval_s: f64) -> Log {
        let until = match self.documented().last() {
            None => 3.5,
            Some(("ping", at)) => at + 0.5,
            Some((_, at)) => at + 2.0,
        };
        self.1.play(url, interval_s, until)
    }
}

/// Stops these processes for a while.
fn stop_and_go(ids: [Option<u32>; 2], after_s: f64, for_s: f64) {
    for (signal, wait_s) in [("-STOP", after_s), ("-CONT", for_s)] {
        thread::sleep(Duration::from_secs_f64(wait_s));
        let ids = ids.iter().flatten().map(u32::to_string);
        let sent = Command::new("kill").arg(signal).args(ids).status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} is not sent");
    }
}

fn ms(seconds: f64) -> String {
    format!("{:.0}ms", seconds * 1e3)
}
