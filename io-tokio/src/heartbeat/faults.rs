//! Answers that go wrong on purpose: a test aid.

use std::time::Duration;

use wsbeat_core::rng::Rng;
use wsbeat_core::time::{Instant, Span};

/// How our answers to the peer's pings and heartbeats are spoilt, to see what the peer makes of it.
///
/// A test aid: the default spoils nothing. On a [`Client`](crate::client::Client) it holds for both planes; an adaptor
/// alone spoils answers to heartbeats, since the frame library underneath answers control pings by itself.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct AnswerFaults {
    /// The share of answers that are never sent, 0 to 1; what lies outside is taken as the nearer end. Default 0.
    pub drop_share: f64,
    /// How much later every answer is sent; default not at all. At most [`AnswerFaults::DELAYED_MAX`] answers wait at
    /// once, further ones are dropped.
    pub delay: Duration,
    /// Whether answers are sent at all.
    pub voice: Voice,
}

/// Whether answers are sent at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Voice {
    /// They are.
    #[default]
    Answering,
    /// They never are.
    Mute,
}

impl AnswerFaults {
    /// The most answers that wait for their delay at once.
    pub const DELAYED_MAX: usize = 64;

    /// Whether answers are spoilt at all.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == AnswerFaults::default()
    }

    /// What becomes of an answer given at `now`.
    pub(crate) fn fate(&self, now: Instant, rng: &mut Rng) -> Fate {
        if self.voice == Voice::Mute || self.drops(rng) {
            return Fate::Drop;
        }
        if self.delay.is_zero() {
            return Fate::Send;
        }
        Fate::SendAt(now.after(Span::from(self.delay)))
    }

    #[allow(clippy::cast_precision_loss, reason = "53 random bits are exact as f64")]
    fn drops(&self, rng: &mut Rng) -> bool {
        let drawn = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < self.drop_share
    }
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Send,
    SendAt(Instant),
    Drop,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(faults: AnswerFaults) -> Vec<Fate> {
        let mut rng = Rng::new(7);
        (0..1_000).map(|_| faults.fate(Instant::from_secs(1), &mut rng)).collect()
    }

    #[test]
    fn no_faults_send_every_answer_at_once_and_mute_none() {
        assert!(fates(AnswerFaults::default()).iter().all(|f| *f == Fate::Send));
        let mute = AnswerFaults { voice: Voice::Mute, ..AnswerFaults::default() };
        assert!(fates(mute).iter().all(|f| *f == Fate::Drop));
    }

    #[test]
    fn a_share_of_answers_is_dropped_and_the_others_delayed() {
        let faults = AnswerFaults { drop_share: 0.25, delay: Duration::from_secs(2), ..AnswerFaults::default() };
        let fates = fates(faults);
        let dropped = fates.iter().filter(|f| **f == Fate::Drop).count();
        assert!((200..300).contains(&dropped), "{dropped}");
        let late = Fate::SendAt(Instant::from_secs(3));
        assert!(fates.iter().all(|f| [late, Fate::Drop].contains(f)));
    }

    #[test]
    fn a_share_out_of_range_or_no_number_does_not_panic() {
        for drop_share in [-1.0, 2.0, f64::NAN, f64::INFINITY] {
            let _ = fates(AnswerFaults { drop_share, ..AnswerFaults::default() });
        }
    }
}
