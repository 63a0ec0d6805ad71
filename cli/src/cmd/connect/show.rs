//! The lines that `connect` prints.

use std::time::Duration;

use wsbeat_core::event::{Plane, Verdict};
use wsbeat_tokio::heartbeat::{Ending, PeerClose};

use super::judge::Answer;
use crate::escape::one_line;
use crate::json::Object;

/// What the peer asked over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Heartbeats and pings of the peer's.
    pub(super) asked: u64,
    /// Those that were answered.
    pub(super) answered: u64,
    /// Messages that were no heartbeats.
    pub(super) messages: u64,
    /// Answers to pings and heartbeats of our own.
    pub(super) own_answered: u64,
}

/// A heartbeat or ping of the peer's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) number: u64,
    pub(super) plane: Plane,
    pub(super) token: u64,
    pub(super) answered_in: Option<Duration>,
    pub(super) answer: Answer,
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Ask {
    pub(super) fn text(&self) -> String {
        let mut line = format!("#{} ping {}", self.number, self.token);
        match (self.answered_in, self.answer) {
            (Some(time), _) => line.push_str(&format!(" -> pong {}", millis(time))),
            (None, Answer::NotWanted) => {}
            (None, _) => line.push_str(" -> not answered"),
        }
        if self.plane == Plane::Transport {
            line.push_str(" (control)");
        }
        line
    }

    pub(super) fn json(&self) -> Object {
        Object::event("ping")
            .with("n", self.number)
            .with("plane", self.plane.name())
            .with("token", self.token)
            .with("answered_us", self.answered_in.map(micros))
    }
}

/// The peer answered a ping or heartbeat of ours.
pub(super) fn own_answered(plane: Plane, token: u64, rtt: Duration) -> (String, Object) {
    let what = match plane {
        Plane::Transport => "ping",
        Plane::Application => "heartbeat",
    };
    let json = Object::event("pong").with("plane", plane.name()).with("token", token).with("rtt_us", micros(rtt));
    (format!("our {what} {token} answered in {}", millis(rtt)), json)
}

/// How a connection ended, in the words of the summary.
pub(super) fn closed(ending: &Ending) -> String {
    match (&ending.verdict, &ending.peer_close) {
        (Some(Verdict { code: Some(code), .. }), _) => format!("closed {code}"),
        (Some(_), _) => "dropped".into(),
        (None, Some(PeerClose { code: Some(code), .. })) => format!("closed {code}"),
        (None, Some(PeerClose { code: None, .. })) => "closed without a code".into(),
        (None, None) => "lost".into(),
    }
}

/// How a connection ended, for machines.
pub(super) fn closed_json(ending: &Ending) -> Object {
    let peer = ending.peer_close.as_ref();
    Object::event("closed")
        .with("by", if ending.verdict.is_some() { "us" } else { "peer" })
        .with("code", code(ending))
        .with("verdict", ending.verdict.map(|verdict| verdict.kind.name()))
        .with("explanation", ending.verdict.map(|verdict| verdict.to_string()))
        .with("peer_code", peer.and_then(|close| close.code))
        .with("peer_reason", peer.map(|close| &close.reason))
        .with("error", ending.error.as_deref())
}

fn code(ending: &Ending) -> Option<u16> {
    match &ending.verdict {
        Some(verdict) => verdict.code,
        None => ending.peer_close.as_ref().and_then(|close| close.code),
    }
}

/// Why a connection ended, for the log; nothing where we closed it because we were asked to.
pub(super) fn why(ending: &Ending) -> String {
    match (&ending.verdict, &ending.peer_close) {
        (Some(verdict), _) => match verdict.code {
            Some(code) => format!("close {code} {verdict}"),
            None => format!("abort {verdict}"),
        },
        (None, Some(close)) => {
            let code = close.code.map_or("without a code".into(), |code| code.to_string());
            format!("the peer closed {code} {}", one_line(&close.reason)).trim_end().to_owned()
        }
        (None, None) => match &ending.error {
            Some(error) => format!("connection lost: {}", one_line(error)),
            None => "connection lost: the stream ended without a close".into(),
        },
    }
}

impl Tally {
    /// The last line.
    pub(super) fn text(&self, ending: &str) -> String {
        format!("{} pings, {} answered, {ending}", self.asked, self.answered)
    }

    pub(super) fn json(&self, ending: Option<&Ending>) -> Object {
        Object::event("summary")
            .with("pings", self.asked)
            .with("answered", self.answered)
            .with("messages", self.messages)
            .with("own_answered", self.own_answered)
            .with("code", ending.and_then(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(plane: Plane, answered_us: Option<u64>, answer: Answer) -> Ask {
        Ask { number: 1, plane, token: 1_795_443_536_872, answered_in: answered_us.map(Duration::from_micros), answer }
    }

    #[test]
    fn a_heartbeat_is_a_line() {
        let text = |plane, us, answer| ask(plane, us, answer).text();
        assert_eq!(text(Plane::Application, Some(210), Answer::Given), "#1 ping 1795443536872 -> pong 0.21 ms");
        assert_eq!(text(Plane::Application, None, Answer::Left), "#1 ping 1795443536872 -> not answered");
        assert_eq!(text(Plane::Application, None, Answer::NotWanted), "#1 ping 1795443536872");
        assert_eq!(text(Plane::Transport, Some(50), Answer::Given), "#1 ping 1795443536872 -> pong 0.05 ms (control)");
    }

    #[test]
    fn the_summary_counts_and_names_the_code() {
        let tally = Tally { asked: 2, answered: 2, ..Tally::default() };
        let ending = Ending { peer_close: Some(PeerClose { code: Some(4408), reason: "heartbeat timeout".into() }), ..Ending::default() };
        assert_eq!(tally.text(&closed(&ending)), "2 pings, 2 answered, closed 4408");
        assert_eq!(
            tally.json(Some(&ending)).to_string(),
            r#"{"v":1,"event":"summary","pings":2,"answered":2,"messages":0,"own_answered":0,"code":4408}"#
        );
        assert_eq!(closed(&Ending::default()), "lost");
    }
}
