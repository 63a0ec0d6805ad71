//! What was sent and what came back, in figures.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::json::Object;

/// The longest round trip that quantiles tell apart: an hour, in µs.
const RTT_US_MAX: u64 = 3_600_000_000;
/// Quantiles are exact to so many digits.
const DIGITS: u8 = 3;

/// What was sent and what came back.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) sent: u64,
    /// Pings that were answered, late or not.
    pub(super) received: u64,
    /// Those that were answered after they had been waited for.
    pub(super) late: u64,
    /// Pongs that answer no ping.
    pub(super) unmatched: u64,
    /// From the first ping to the end.
    pub(super) time: Duration,
    rtts: Rtts,
}

/// Round trips, in µs; `None` where there is no space for a histogram.
#[derive(Clone, Debug, Default)]
struct Rtts {
    histogram: Option<Histogram<u64>>,
    min: u64,
    max: u64,
    sum: u128,
    squares: u128,
}

impl Tally {
    pub(super) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, RTT_US_MAX, DIGITS).ok();
        Tally { sent: 0, received: 0, late: 0, unmatched: 0, time: Duration::ZERO, rtts: Rtts { histogram, ..Rtts::default() } }
    }

    pub(super) fn answered(&mut self, rtt: Duration) {
        let us = micros(rtt);
        let rtts = &mut self.rtts;
        rtts.min = if self.received == 0 { us } else { rtts.min.min(us) };
        rtts.max = rtts.max.max(us);
        rtts.sum += u128::from(us);
        rtts.squares += u128::from(us) * u128::from(us);
        if let Some(histogram) = &mut rtts.histogram {
            histogram.saturating_record(us);
        }
        self.received += 1;
    }

    pub(super) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// Rounded down, but never to none where one was lost.
    pub(super) fn lost_percent(&self) -> u64 {
        match (self.lost() * 100).checked_div(self.sent) {
            Some(0) if self.lost() > 0 => 1,
            percent => percent.unwrap_or(0),
        }
    }

    /// The mean of the round trips; `None` where there is none.
    pub(super) fn average(&self) -> Option<Duration> {
        let us = self.rtts.sum.checked_div(u128::from(self.received))?;
        u64::try_from(us).ok().map(Duration::from_micros)
    }

    /// The statistics, as ping(8) gives them.
    pub(super) fn text(&self, url: &str) -> String {
        let Tally { sent, received, late, unmatched, .. } = self;
        let (lost, time) = (self.lost_percent(), self.time.as_millis());
        let mut text = format!(
            "--- {url} ping statistics ---\n{sent} pings, {received} pongs, {lost}% lost, {late} late, {unmatched} unmatched, time {time} ms"
        );
        if *received > 0 {
            let [min, avg, max, mdev] = self.rtts.summary(*received).map(|us| us / 1e3);
            text.push_str(&format!("\nrtt min/avg/max/mdev = {min:.3}/{avg:.3}/{max:.3}/{mdev:.3} ms"));
        }
        text
    }

    pub(super) fn json(&self) -> Object {
        Object::event("summary")
            .with("sent", self.sent)
            .with("received", self.received)
            .with("late", self.late)
            .with("unmatched", self.unmatched)
            .with("rtt_us", self.rtts.json(self.received))
    }
}

impl Rtts {
    /// Least, mean, most, and how far they lie from the mean (the root of the mean of the squares).
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    fn summary(&self, count: u64) -> [f64; 4] {
        let mean = self.sum as f64 / count as f64;
        let spread = (self.squares as f64 / count as f64 - mean * mean).max(0.0).sqrt();
        [self.min as f64, mean, self.max as f64, spread]
    }

    fn json(&self, count: u64) -> Option<Box<serde_json::value::RawValue>> {
        if count == 0 {
            return None;
        }
        let quantile = |q| self.histogram.as_ref().map(|h| h.value_at_quantile(q).clamp(self.min, self.max));
        let object =
            Object::default().with("min", self.min).with_some("p50", quantile(0.5)).with_some("p99", quantile(0.99)).with("max", self.max);
        serde_json::value::RawValue::from_string(object.to_string()).ok()
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(sent: u64, rtts_us: &[u64]) -> Tally {
        let mut tally = Tally { sent, time: Duration::from_millis(3_001), ..Tally::new() };
        rtts_us.iter().for_each(|us| tally.answered(Duration::from_micros(*us)));
        tally
    }

    #[test]
    fn statistics_have_the_form_of_ping_8() {
        assert_eq!(
            tally(3, &[212, 187]).text("ws://127.0.0.1:8888"),
            "--- ws://127.0.0.1:8888 ping statistics ---\n\
             3 pings, 2 pongs, 33% lost, 0 late, 0 unmatched, time 3001 ms\n\
             rtt min/avg/max/mdev = 0.187/0.200/0.212/0.013 ms"
        );
        let none = tally(1, &[]).text("ws://h");
        assert!(none.ends_with("1 pings, 0 pongs, 100% lost, 0 late, 0 unmatched, time 3001 ms"), "{none}");
    }

    #[test]
    fn the_summary_has_a_json_form() {
        assert_eq!(
            tally(1, &[212]).json().to_string(),
            r#"{"v":1,"event":"summary","sent":1,"received":1,"late":0,"unmatched":0,"rtt_us":{"min":212,"p50":212,"p99":212,"max":212}}"#
        );
        assert!(tally(1, &[]).json().to_string().ends_with("\"rtt_us\":null}"));
    }

    #[test]
    fn one_lost_of_many_is_not_none() {
        assert_eq!(tally(1_000, &[1; 999]).lost_percent(), 1);
        assert_eq!(tally(1_000, &[1; 1_000]).lost_percent(), 0);
        assert_eq!(tally(0, &[]).lost_percent(), 0);
    }

    #[test]
    fn quantiles_stay_between_the_least_and_the_most() {
        let us: Vec<u64> = (1..=1_000).map(|n| n * 1_000).collect();
        let told: serde_json::Value = serde_json::from_str(&tally(1_000, &us).json().to_string()).unwrap();
        let p99 = told["rtt_us"]["p99"].as_u64().unwrap();
        assert!((989_000..=992_000).contains(&p99), "{p99}");
        assert_eq!(told["rtt_us"]["max"], 1_000_000);
    }
}
