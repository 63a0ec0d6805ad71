//! The line for a monitor, in the form that monitoring plugins have: a state, what was found, figures.

use std::io;
use std::time::Duration;

use super::tally::{Tally, micros};
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::output::Out;

/// What is asked of the round trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) warn: Duration,
    pub(super) crit: Duration,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Warning => "WARNING",
            State::Critical => "CRITICAL",
            State::Unknown => "UNKNOWN",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    state: State,
    text: String,
    exit: Exit,
}

impl Check {
    /// The line of a server that answered, or did not. `end` is what the end of the connection was, where that was not ours.
    pub(super) fn line(&self, tally: &Tally, end: Option<(Exit, String)>, upgraded_in: Duration, out: &mut Out) -> io::Result<Exit> {
        let found = self.judge(tally, end);
        let figures = self.figures(tally, upgraded_in);
        let json = || {
            found
                .json()
                .with("rtt_avg_us", tally.average().map(micros))
                .with("warn_us", micros(self.warn))
                .with("crit_us", micros(self.crit))
                .with("sent", tally.sent)
                .with("received", tally.received)
                .with("upgraded_us", micros(upgraded_in))
        };
        out.line(|| format!("{} | {figures}", found.line()), json)?;
        Ok(found.exit)
    }

    /// The line where nothing could be measured.
    pub(super) fn without_figures(&self, state: State, failure: Failure, out: &mut Out) -> Result<Exit, Failure> {
        let found = Found { state, text: failure.messages.join("; "), exit: failure.exit };
        out.line(|| found.line(), || found.json())?;
        Ok(found.exit)
    }

    fn judge(&self, tally: &Tally, end: Option<(Exit, String)>) -> Found {
        let Tally { sent, received, .. } = tally;
        let pongs = format!("{received} of {sent} pongs");
        let found = |state, text, exit| Found { state, text, exit };
        match (end, tally.average()) {
            (Some((exit, why)), _) => found(State::Critical, format!("{pongs}, then {why}"), exit),
            (None, None) if *sent == 0 => found(State::Unknown, "no ping was sent".into(), Exit::Negative),
            (None, None) => found(State::Critical, format!("no answer to {sent} pings"), Exit::Negative),
            (None, Some(average)) => {
                let text = format!("rtt {} ms, {pongs}", millis(average));
                match average {
                    slow if slow >= self.crit => found(State::Critical, text, Exit::Negative),
                    slow if slow >= self.warn => found(State::Warning, text, Exit::Done),
                    _ if tally.lost() > 0 => found(State::Warning, text, Exit::Done),
                    _ => found(State::Ok, text, Exit::Done),
                }
            }
        }
    }

    /// `'label'=value[unit];[warn];[crit];[min];[max]` (Monitoring Plugins Development Guidelines, Performance data).
    fn figures(&self, tally: &Tally, upgraded_in: Duration) -> String {
        let average = tally.average().map_or("U".to_owned(), |average| format!("{}ms", millis(average)));
        let (warn, crit) = (millis(self.warn), millis(self.crit));
        format!("rta={average};{warn};{crit};0 pl={}%;1;100;0;100 upgrade={}ms;;;0", tally.lost_percent(), millis(upgraded_in))
    }
}

impl Found {
    fn line(&self) -> String {
        // A bar would begin the figures.
        format!("WSBEAT {} - {}", self.state.name(), self.text.replace('|', "/"))
    }

    fn json(&self) -> Object {
        Object::event("check").with("state", self.state.name().to_ascii_lowercase()).with("text", &self.text)
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: Check = Check { warn: Duration::from_millis(50), crit: Duration::from_millis(200) };

    fn tally(sent: u64, rtts_ms: &[u64]) -> Tally {
        let mut tally = Tally::new();
        tally.sent = sent;
        rtts_ms.iter().for_each(|ms| tally.answered(Duration::from_millis(*ms)));
        tally
    }

    #[test]
    fn the_average_is_held_against_both_limits() {
        let state = |sent, rtts: &[u64]| {
            let found = CHECK.judge(&tally(sent, rtts), None);
            (found.state, found.exit)
        };
        assert_eq!(state(2, &[10, 80]), (State::Ok, Exit::Done));
        assert_eq!(state(2, &[20, 80]), (State::Warning, Exit::Done));
        assert_eq!(state(2, &[10]), (State::Warning, Exit::Done), "one was lost");
        assert_eq!(state(2, &[100, 300]), (State::Critical, Exit::Negative));
        assert_eq!(state(2, &[]), (State::Critical, Exit::Negative));
        assert_eq!(state(0, &[]), (State::Unknown, Exit::Negative));
    }

    #[test]
    fn a_close_by_the_server_is_critical_and_keeps_its_status() {
        let found = CHECK.judge(&tally(2, &[1]), Some((Exit::PeerClosed, "the peer closed 1001 a|b".into())));
        assert_eq!((found.state, found.exit), (State::Critical, Exit::PeerClosed));
        assert_eq!(found.line(), "WSBEAT CRITICAL - 1 of 2 pongs, then the peer closed 1001 a/b");
    }

    #[test]
    fn figures_have_the_form_of_monitoring_plugins() {
        let figures = CHECK.figures(&tally(2, &[20, 80]), Duration::from_micros(1_200));
        assert_eq!(figures, "rta=50.000ms;50.000;200.000;0 pl=0%;1;100;0;100 upgrade=1.200ms;;;0");
        assert!(CHECK.figures(&tally(1, &[]), Duration::ZERO).starts_with("rta=U;"));
    }
}
