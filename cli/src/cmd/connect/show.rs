//! The lines that `connect` prints.

use std::time::Duration;

use wsbeat_core::event::Plane;
use wsbeat_tokio::heartbeat::Ending;

use crate::json::Object;
use crate::outbound::ending;
use crate::outbound::judge::Answer;
use crate::output::Tone;

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
    /// Answered, left unanswered, or not to be answered at all.
    pub(super) const fn tone(&self) -> Tone {
        match (self.answered_in, self.answer) {
            (Some(_), _) => Tone::Good,
            (None, Answer::NotWanted) => Tone::Dim,
            (None, _) => Tone::Bad,
        }
    }

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
            .with("code", ending.and_then(ending::code))
    }
}

#[cfg(test)]
mod tests {
    use wsbeat_tokio::heartbeat::PeerClose;

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
        let lost = Ending { peer_close: Some(PeerClose { code: Some(4408), reason: "heartbeat timeout".into() }), ..Ending::default() };
        assert_eq!(tally.text(&ending::closed(&lost)), "2 pings, 2 answered, closed 4408");
        assert_eq!(
            tally.json(Some(&lost)).to_string(),
            r#"{"v":1,"event":"summary","pings":2,"answered":2,"messages":0,"own_answered":0,"code":4408}"#
        );
        assert_eq!(ending::closed(&Ending::default()), "lost");
    }
}
