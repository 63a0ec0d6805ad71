//! What speaks against a candidate.

use std::time::Duration;

use wsbeat_core::policy::Profile;

use super::candidate::Candidate;
use super::reckon::{Network, Reckoned};
use super::trial::Trial;
use crate::config::duration_text;

/// Whether `candidate` can be advised, or what speaks against it. `trial` is what the simulation found.
pub(super) fn judge(candidate: &Candidate, trial: &Trial, network: &Network, wanted: &Reckoned) -> Result<(), String> {
    let text = duration_text;
    if candidate.profile == Some(Profile::Tornado64) && candidate.tolerates.is_zero() {
        let killed = trial.killed_text();
        return Err(format!("closes healthy peers: its timeout is no longer than its interval ({killed})"));
    }
    if trial.false_kills > 0 {
        return Err(format!("closes healthy peers ({})", trial.killed_text()));
    }
    if candidate.tolerates < wanted.answer {
        return Err(format!("an answer may take {}, it allows {}", seconds(wanted.answer), seconds(candidate.tolerates)));
    }
    match trial.detect(990) {
        Some(p99) if p99 > wanted.detect_within => return Err(format!("a dead peer is found too late: p99 {}", seconds(p99))),
        None => return Err("no dead peer was found in the simulation".into()),
        Some(_) => {}
    }
    match network.idle {
        Some(idle) if candidate.every >= idle => {
            Err(format!("silent for {} at a time, and a proxy closes after {}", text(candidate.every), text(idle)))
        }
        _ => Ok(()),
    }
}

/// Seconds to a hundredth.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::advise::candidate;
    use crate::cmd::advise::reckon::NETWORK;

    fn found(name: &str, trial: &Trial) -> Result<(), String> {
        let wanted = Reckoned::of(&NETWORK, Duration::from_secs(30));
        let all = candidate::all(&wanted).unwrap();
        let names: Vec<_> = all.iter().map(|c| c.name.clone()).collect();
        let candidate = all.iter().find(|c| c.name == name);
        judge(candidate.unwrap_or_else(|| panic!("{name} is not among {names:?}")), trial, &NETWORK, &wanted)
    }

    fn trial(false_kills: u64, p99_s: u64) -> Trial {
        Trial { false_kills, hours: 1_000.0, detect_times: vec![Duration::from_secs(p99_s)], ..Trial::default() }
    }

    #[test]
    fn what_speaks_against_a_candidate_is_told() {
        assert_eq!(found("strict 20s/10s", &trial(0, 30)), Ok(()));
        for (name, trial, why) in [
            ("strict 20s/10s", trial(1, 30), "closes healthy peers (1 in 1000 h)"),
            ("strict 20s/20s", trial(0, 40), "a dead peer is found too late: p99 40.00 s"),
            ("uwebsockets 1m52s/8s", trial(0, 20), "silent for 1m52s at a time, and a proxy closes after 1m"),
            ("tornado-6.4 20s/10s", trial(0, 20), "closes healthy peers: its timeout is no longer than its interval (0 in 1000 h)"),
        ] {
            assert_eq!(found(name, &trial), Err(why.to_owned()), "{name}");
        }
    }
}
