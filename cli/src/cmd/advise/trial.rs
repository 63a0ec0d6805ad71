//! A candidate in virtual time.

use std::time::Duration;

use wsbeat_core::dialect::{Decoder, Encoder, Heard, Message, Role};
use wsbeat_core::event::{Action, Counter, Token};
use wsbeat_core::rng::Rng;
use wsbeat_core::sim::{Fault, Scenario, Seen, What};
use wsbeat_core::time::{Instant, Span};

use super::candidate::Candidate;
use super::reckon::Network;

/// How many peers die for the time that it takes to find them.
pub(super) const DEATHS: u32 = 1_000;
/// How many connections run at once for false alarms.
const CONNECTIONS_MAX: u64 = 1_000;
/// IPv4 and TCP headers, with the option for timestamps.
const HEADERS_BYTES: u64 = 52;
/// The packets of one ask: itself, its answer, the acknowledgement of that.
const PACKETS: u64 = 3;
/// A frame's header of a server's and of a client's, for payloads of fewer than 126 bytes (RFC 6455 §5.2).
const FRAME_BYTES: [u64; 2] = [2, 6];
/// The length of the token in heartbeats whose size is told: a time of our days in ms.
const TOKEN: Token = Token(1_700_000_000_000);

/// How much is tried, and over what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) network: Network,
    pub(super) hours: u64,
    pub(super) seed: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Trial {
    /// Peers that were given up although nothing but a slow network was between.
    pub(super) false_kills: u64,
    /// Over how many connection-hours.
    pub(super) hours: f64,
    /// From the death of a peer to the verdict, ascending.
    pub(super) detect_times: Vec<Duration>,
    /// Asks in an hour of one connection.
    pub(super) asks_per_hour: f64,
    /// The bytes of an ask and its answer, their frames' headers included.
    pub(super) frame_bytes: u64,
}

impl Trial {
    pub(super) fn run(candidate: &Candidate, work: &Work) -> Self {
        let mut trial = Trial { frame_bytes: frame_bytes(candidate), ..Trial::default() };
        trial.alarms(candidate, work);
        trial.deaths(candidate, work);
        trial
    }

    /// Healthy peers over the network: who is given up?
    fn alarms(&mut self, candidate: &Candidate, work: &Work) {
        let connections = u32::try_from(work.hours.min(CONNECTIONS_MAX)).unwrap_or(u32::MAX);
        let length = Duration::from_secs(3_600) * u32::try_from(work.hours.div_ceil(u64::from(connections))).unwrap_or(u32::MAX);
        let report = scenario(candidate, work).connections(connections).run(length);
        let lossy = if work.network.loss_ppm > 0 { report.storm } else { report.length };
        let hours = |span: Span| Duration::from(span).as_secs_f64() / 3_600.0 * f64::from(connections);
        let asks = report.stats.get(Counter::PingsSent) + report.stats.get(Counter::HeartbeatsSent);
        self.false_kills = report.false_kills;
        self.hours = hours(lossy);
        #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
        let per_hour = asks as f64 / hours(report.length);
        self.asks_per_hour = per_hour;
    }

    /// Peers that go silent for ever, each at a moment of its own: how long until they are given up?
    fn deaths(&mut self, candidate: &Candidate, work: &Work) {
        // Long enough for a few asks before, for the verdict after, and for the calm in which nothing is lost any more.
        let reach = (candidate.every + candidate.tolerates.max(candidate.every)) * 2;
        let mut rng = Rng::new(work.seed ^ 0x6465_6174_6873);
        let window = u64::try_from((reach * 4).as_nanos()).unwrap_or(u64::MAX);
        let die_at: Vec<Duration> = (0..DEATHS).map(|_| reach * 2 + Duration::from_nanos(rng.below(window))).collect();
        let mut scenario = scenario(candidate, work).connections(DEATHS);
        for (client, at) in (1..).zip(&die_at) {
            scenario = scenario.freeze(client, *at, None);
        }
        let mut found: Vec<Option<Duration>> = vec![None; die_at.len()];
        let _ = scenario.run_watched(reach * 20 + Duration::from_secs(120), &mut |seen: &Seen| {
            let What::Action(Action::Close(verdict) | Action::Abort(verdict)) = seen.what else { return };
            // Who was given up before its death came back under another number, and tells nothing here.
            let client = usize::try_from(seen.conn.wrapping_sub(1)).ok().filter(|client| *client < die_at.len());
            let Some(client) = client.filter(|_| verdict.kind.is_silence()) else { return };
            let died = Instant::ZERO.after(die_at[client].into());
            if seen.now.at >= died {
                found[client].get_or_insert(seen.now.at.since(died).into());
            }
        });
        self.detect_times = found.into_iter().flatten().collect();
        self.detect_times.sort_unstable();
    }

    /// The time in which `per_mille` thousandths of the dead were found.
    pub(super) fn detect(&self, per_mille: usize) -> Option<Duration> {
        let rank = (self.detect_times.len() * per_mille).div_ceil(1_000);
        self.detect_times.get(rank.max(1) - 1).copied()
    }

    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(super) fn kills_per_million_hours(&self) -> f64 {
        self.false_kills as f64 * 1e6 / self.hours
    }

    /// What the rate is below, with a confidence of 95 %, where nothing was seen: the rule of three.
    pub(super) fn bound_per_million_hours(&self) -> f64 {
        3e6 / self.hours
    }

    pub(super) fn killed_text(&self) -> String {
        format!("{} in {:.0} h", self.false_kills, self.hours)
    }

    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(super) fn bytes_per_hour(&self) -> f64 {
        self.asks_per_hour * (self.frame_bytes + PACKETS * HEADERS_BYTES) as f64
    }
}

fn scenario(candidate: &Candidate, work: &Work) -> Scenario {
    let rtt = work.network.rtt;
    let mut scenario = Scenario::new(candidate.policy.clone())
        .latency(rtt.mid / 2, rtt.spread / 2)
        .fault(Fault::Loss, work.network.loss_ppm)
        .seed(work.seed);
    if let Some(dialect) = &candidate.dialect {
        scenario = scenario.dialect(dialect, Role::Server);
    }
    scenario
}

/// The bytes of an ask and its answer as frames.
fn frame_bytes(candidate: &Candidate) -> u64 {
    let payloads = match &candidate.dialect {
        Some(dialect) => {
            let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
            let ask = dialect.heartbeat(TOKEN, &mut encoder);
            let answer = match dialect.decode(Role::Client, ask, 0, &mut decoder) {
                Heard::Heartbeat { answer: Some(answer), .. } => len(answer),
                _ => 0,
            };
            [len(ask), answer]
        }
        None => [candidate.ping_bytes(); 2],
    };
    payloads.into_iter().sum::<u64>() + FRAME_BYTES.into_iter().sum::<u64>()
}

fn len(message: Message<'_>) -> u64 {
    match message {
        Message::Text(text) => text.len() as u64,
        Message::Binary(bytes) => bytes.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_found_and_nothing_found_is_a_bound() {
        let detect_times: Vec<_> = (1..=200).map(Duration::from_secs).collect();
        let trial = Trial { detect_times, hours: 3_000.0, ..Trial::default() };
        assert_eq!([500, 990, 1_000].map(|q| trial.detect(q).unwrap().as_secs()), [100, 198, 200]);
        assert_eq!(Trial::default().detect(500), None);
        assert!((trial.bound_per_million_hours() - 1_000.0).abs() < 1e-9);
    }
}
