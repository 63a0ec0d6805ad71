//! The way between two sides: a reliable stream over a network that is not.

use super::fault::{Fault, FaultCounts, Faults};
use crate::rng::Rng;
use crate::time::{Instant, Span};

/// How long a retransmission waits at first: Linux's `TCP_RTO_MIN`.
const RTO: Span = Span::from_millis(200);
/// How many times in a row one segment may be lost.
const LOSSES_MAX: u32 = 6;

/// How long a message takes one way: evenly between `mid - spread` and `mid + spread`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latency {
    /// The middle.
    pub(super) mid: Span,
    /// How far it varies either way; more than the middle counts as the middle.
    pub(super) spread: Span,
}

impl Latency {
    /// From the middle and how far it varies.
    pub(super) const fn new(mid: Span, spread: Span) -> Self {
        Latency { mid, spread }
    }

    fn draw(self, rng: &mut Rng) -> Span {
        let spread = self.spread.min(self.mid);
        let reach = spread.times(2).as_nanos().saturating_add(1);
        self.mid.minus(spread).plus(Span::from_nanos(rng.below(reach)))
    }
}

impl Default for Latency {
    /// 20 ms ± 5 ms.
    fn default() -> Self {
        Latency { mid: Span::from_millis(20), spread: Span::from_millis(5) }
    }
}

/// One way of a connection: when the last of its messages arrives. Nothing overtakes on a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way(Instant);

impl Way {
    /// When a message that leaves at `at` arrives.
    pub(super) fn send(&mut self, at: Instant, network: &Network, rng: &mut Rng, counts: &mut FaultCounts) -> Instant {
        let mut arrives = at.after(network.latency.draw(rng));
        if network.troubled {
            arrives = arrives.after(network.trouble(rng, counts));
        }
        self.0 = self.0.max(arrives);
        self.0
    }
}

/// The network of all connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) latency: Latency,
    pub(super) faults: Faults,
    /// How long a delay may be.
    pub(super) delay_max: Span,
    /// Whether any of its faults is on.
    pub(super) troubled: bool,
}

impl Network {
    pub(super) fn new(latency: Latency, faults: Faults, delay_max: Span) -> Self {
        let troubled = faults.ppm(Fault::Loss) > 0 || faults.ppm(Fault::Delay) > 0;
        Network { latency, faults, delay_max, troubled }
    }

    fn trouble(&self, rng: &mut Rng, counts: &mut FaultCounts) -> Span {
        let (mut wait, mut rto) = (Span::ZERO, RTO);
        for _ in 0..LOSSES_MAX {
            if !self.faults.strikes(Fault::Loss, rng) {
                break;
            }
            counts.count(Fault::Loss);
            (wait, rto) = (wait.plus(rto), rto.times(2));
        }
        if self.faults.strikes(Fault::Delay, rng) {
            counts.count(Fault::Delay);
            wait = wait.plus(Span::from_nanos(rng.below(self.delay_max.as_nanos())));
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overtakes_and_every_loss_costs_a_retransmission() {
        let mut faults = Faults::NONE;
        faults.set(Fault::Loss, 300_000);
        let network = Network::new(Latency::default(), faults, Span::ZERO);
        let (mut way, mut rng, mut counts) = (Way::default(), Rng::new(1), FaultCounts::default());
        let mut last = Instant::ZERO;
        for ms in 0..1_000 {
            let at = Instant::from_millis(ms);
            let arrives = way.send(at, &network, &mut rng, &mut counts);
            assert!(arrives >= last.max(at.after(Span::from_millis(15))));
            last = arrives;
        }
        let losses = counts.get(Fault::Loss);
        assert!((300..600).contains(&losses), "{losses}");
        assert!(last > Instant::from_millis(1_200));
    }
}
