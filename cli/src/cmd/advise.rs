//! `wsbeat advise`.

mod candidate;
mod judge;
mod print;
mod reckon;
mod trial;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use clap::Args;

use crate::cmd::simulate::{LatencyWish, latency, share_ppm};
use crate::config::{duration, duration_text};
use crate::exit::{Exit, Failure};
use crate::output::Out;
use candidate::Candidate;
use reckon::{Network, Reckoned};
use trial::{Trial, Work};

/// Choose interval, timeout and misses for a network, and show by simulation what to expect of them
///
/// The arithmetic chooses; then each candidate, among them those that are known from elsewhere, runs in virtual time around the real rules: for false alarms over a network that delays and loses, for the time to find a dead peer over peers that die at any moment. Same arguments, same answer.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:
  wsbeat advise
  wsbeat advise --rtt 80ms±40ms --loss 1% --proxy-idle 60s --detect-within 30s
  wsbeat advise --rtt 300ms±200ms --loss 5% --detect-within 2m --connections 50000 --hours 100000",
    after_long_help = "Examples:
  wsbeat advise
  wsbeat advise --rtt 80ms±40ms --loss 1% --proxy-idle 60s --detect-within 30s
  wsbeat advise --rtt 300ms±200ms --loss 5% --detect-within 2m --connections 50000 --hours 100000
  wsbeat advise --proxy-idle 60s --proxy-idle 100s --format json

A loss costs a retransmission timeout, 200 ms and doubled with each further loss of the same segment; up to six are
simulated. What a real network does besides, and a peer that sleeps, no simulation knows.

Exit status: 0 something meets the wishes, 1 nothing does, 2 usage."
)]
pub(crate) struct AdviseArgs {
    /// The round trip, and how far it varies
    #[arg(long, value_name = "MID±SPREAD", default_value = "80ms±40ms", value_parser = latency)]
    rtt: LatencyWish,
    /// The probability that a segment is lost and sent again
    #[arg(long, value_name = "P", default_value = "0%", value_parser = share_ppm)]
    loss: u32,
    /// After how much silence a proxy on the way closes; may be repeated
    #[arg(long = "proxy-idle", value_name = "DUR", value_parser = whole)]
    proxy_idle: Vec<Duration>,
    /// How soon a dead peer shall be found
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = whole)]
    detect_within: Duration,
    /// How many connections there are
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How many connection-hours are simulated for each candidate
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    hours: u64,
    /// The seed of all chance
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

/// A time that a policy can be made from.
fn whole(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_secs(1) => Err("at least 1s".into()),
        long if long > Duration::from_secs(86_400) => Err("at most 1day".into()),
        some => Ok(some),
    }
}

pub(crate) fn run(args: &AdviseArgs, out: &mut Out) -> Result<Exit, Failure> {
    let network = Network { rtt: args.rtt, loss_ppm: args.loss, idle: args.proxy_idle.iter().copied().min() };
    if network.rtt_max() >= args.detect_within {
        let (within, rtt) = (duration_text(args.detect_within), duration_text(network.rtt_max()));
        return Err(Failure::usage(format_args!("--detect-within {within}: more than the longest round trip, which is {rtt}")));
    }
    let reckoned = Reckoned::of(&network, args.detect_within);
    // The simulation takes some seconds: this is there to be read meanwhile.
    out.text(|| print::reasons(args, &network, &reckoned))?;
    let candidates = candidate::all(&reckoned)?;
    let work = Work { network, hours: args.hours, seed: args.seed };
    let trials = run_all(&candidates, &work);
    let rows: Vec<_> = candidates.iter().zip(&trials).map(|(c, t)| (c, t, judge::judge(c, t, &network, &reckoned))).collect();
    let meets = rows.iter().any(|(_, _, judged)| judged.is_ok());
    print::advice(args, &network, &reckoned, &rows, out)?;
    Ok(if meets { Exit::Done } else { Exit::Negative })
}

/// Runs every candidate, on all processors. What each finds does not depend on the others.
fn run_all(candidates: &[Candidate], work: &Work) -> Vec<Trial> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(candidates.len());
    let next = AtomicUsize::new(0);
    let (sender, found) = channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((place, candidate)) = take(candidates, next) {
                    // The receiver is there until all is found.
                    let _ = sender.send((place, Trial::run(candidate, work)));
                }
            });
        }
    });
    drop(sender);
    let mut trials: Vec<(usize, Trial)> = found.into_iter().collect();
    trials.sort_by_key(|(place, _)| *place);
    trials.into_iter().map(|(_, trial)| trial).collect()
}

fn take<'a>(candidates: &'a [Candidate], next: &AtomicUsize) -> Option<(usize, &'a Candidate)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    candidates.get(place).map(|candidate| (place, candidate))
}
