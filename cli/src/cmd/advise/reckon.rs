//! The arithmetic: from a network and a wish to an interval and a timeout.

use std::time::Duration;

use crate::cmd::simulate::LatencyWish;

/// The first retransmission timeout (Linux's `TCP_RTO_MIN`), as the simulator has it.
const RTO: Duration = Duration::from_millis(200);
/// No more losses in a row are reckoned with: the last would cost 54 minutes.
const LOSSES_MAX: u32 = 14;
/// How many false alarms a million connection-hours may bring by chance alone.
const ALARMS_PER_MILLION_HOURS: f64 = 1.0;
/// Shorter intervals are not advised.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// What lies between the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) rtt: LatencyWish,
    pub(super) loss_ppm: u32,
    /// After how much silence the most impatient proxy closes.
    pub(super) idle: Option<Duration>,
}

impl Network {
    pub(super) fn rtt_max(&self) -> Duration {
        self.rtt.mid + self.rtt.spread
    }

    fn loss(&self) -> f64 {
        f64::from(self.loss_ppm) / 1e6
    }

    /// How many losses in a row one of two ways has to bear so that a ping in `interval` raises a false alarm at most once
    /// in a million connection-hours.
    fn losses_borne(&self, interval: Duration) -> u32 {
        let pings = 3_600e6 / interval.as_secs_f64();
        let allowed = ALARMS_PER_MILLION_HOURS / pings;
        (0..LOSSES_MAX).find(|n| 2.0 * self.loss().powf(f64::from(*n)) <= allowed || (*n == 0 && self.loss_ppm == 0)).unwrap_or(LOSSES_MAX)
    }
}

/// How long `losses` of one segment hold up what it carries.
fn wait_for(losses: u32) -> Duration {
    RTO * (2_u32.pow(losses) - 1)
}

/// What was reckoned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reckoned {
    pub(super) detect_within: Duration,
    /// Losses in a row that have to be borne.
    pub(super) losses: u32,
    /// How long they hold an answer up.
    pub(super) held_up: Duration,
    /// How long an answer may take.
    pub(super) answer: Duration,
    /// How long a ping may stay unanswered.
    pub(super) timeout: Duration,
    /// The time between pings; `None` where what is wished for leaves no time.
    pub(super) interval: Option<Duration>,
    /// The time between heartbeats of which two may stay unanswered.
    pub(super) beat: Duration,
}

/// How many heartbeats may stay unanswered: answers count within two of them, so that more would only be slower.
pub(super) const MISSES: u8 = 2;

impl Reckoned {
    /// The longest interval and the shortest safe timeout that together find a dead peer in time.
    ///
    /// A dead peer is found within interval + timeout. The timeout is twice what an answer may take, and at least a third
    /// of the whole, for what no model knows; where that leaves less than half for the interval, what an answer may take
    /// has to do. The interval is the rest, and at most half of what a proxy allows, so that one late ping costs nothing.
    pub(super) fn of(network: &Network, detect_within: Duration) -> Self {
        let losses = network.losses_borne(detect_within / 2);
        let held_up = wait_for(losses);
        let answer = network.rtt_max() + held_up;
        let timeout = up((answer * 2).clamp(detect_within / 3, detect_within / 2).max(answer));
        let at_most = network.idle.map_or(detect_within, |idle| idle / 2);
        let rest = down(detect_within.saturating_sub(timeout).min(at_most));
        Reckoned {
            detect_within,
            losses,
            held_up,
            answer,
            timeout,
            interval: (rest >= INTERVAL_MIN).then_some(rest),
            beat: down((detect_within / (u32::from(MISSES) + 1)).min(at_most)),
        }
    }
}

/// Down to whole seconds, below 2 s to tenths.
fn down(time: Duration) -> Duration {
    let step = step(time);
    Duration::from_millis(time.as_millis().try_into().unwrap_or(u64::MAX) / step * step)
}

/// Up to the same.
fn up(time: Duration) -> Duration {
    let step = step(time);
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).div_ceil(step) * step)
}

fn step(time: Duration) -> u64 {
    if time >= Duration::from_secs(2) { 1_000 } else { 100 }
}

/// A network as the tests of this folder want one.
#[cfg(test)]
pub(super) const NETWORK: Network = Network {
    rtt: LatencyWish { mid: Duration::from_millis(80), spread: Duration::ZERO },
    loss_ppm: 0,
    idle: Some(Duration::from_secs(60)),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn network(loss_ppm: u32, idle: Option<u64>) -> Network {
        let rtt = LatencyWish { mid: Duration::from_millis(80), spread: Duration::from_millis(40) };
        Network { rtt, loss_ppm, idle: idle.map(Duration::from_secs) }
    }

    fn reckoned(loss_ppm: u32, idle: Option<u64>, within: u64) -> Reckoned {
        Reckoned::of(&network(loss_ppm, idle), Duration::from_secs(within))
    }

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn without_loss_a_third_of_the_time_is_kept_for_what_no_model_knows() {
        let found = reckoned(0, None, 30);
        assert_eq!((found.losses, found.answer), (0, Duration::from_millis(120)));
        assert_eq!((found.interval, found.timeout, found.beat), (Some(secs(20)), secs(10), secs(10)));
    }

    #[test]
    fn the_interval_is_at_most_half_of_what_a_proxy_allows() {
        let found = reckoned(0, Some(20), 60);
        assert_eq!((found.interval, found.timeout, found.beat), (Some(secs(10)), secs(20), secs(10)));
    }

    #[test]
    fn losses_are_borne_up_to_one_alarm_in_a_million_hours() {
        // 2·0.01^5 of 240 million pings in a million hours at 15 s is less than one, 2·0.01^4 is not.
        assert_eq!(network(10_000, None).losses_borne(secs(15)), 5);
        let found = reckoned(10_000, None, 30);
        assert_eq!((found.losses, found.held_up), (5, Duration::from_millis(6_200)));
        assert_eq!((found.timeout, found.interval), (secs(13), Some(secs(17))));
    }

    #[test]
    fn interval_and_timeout_together_never_take_longer_than_asked() {
        for loss_ppm in [0, 1_000, 10_000, 50_000, 200_000] {
            for within in 1..300 {
                let found = reckoned(loss_ppm, None, within);
                if let Some(interval) = found.interval {
                    assert!(interval + found.timeout <= secs(within), "{loss_ppm} {within}");
                    assert!(found.timeout >= found.answer && interval >= INTERVAL_MIN);
                }
                assert!(found.beat * 3 <= secs(within));
            }
        }
    }

    #[test]
    fn what_cannot_be_has_no_interval() {
        assert_eq!(reckoned(200_000, None, 30).interval, None);
        assert_eq!(network(1_000_000, None).losses_borne(secs(15)), LOSSES_MAX);
    }
}
