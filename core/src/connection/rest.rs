//! What few connections need: kept apart, so that the others do not carry it.
//!
//! Nothing of it is there for a peer that answers within the interval, under `strict` and a heartbeat of the server's. Once
//! there it stays until the connection ends, so that nothing is allocated again and again.

use alloc::boxed::Box;
use core::hash::{Hash, Hasher};

use super::heard::Heard;
use super::inbound::Inbound;
use crate::policy::Matching;
use crate::time::Instant;

/// How many pings, and how many heartbeats, are remembered.
pub(super) const RING: usize = Matching::WINDOW_MAX as usize;

/// How many instants are kept by their distance from another.
pub(super) const NEARS: usize = 6;

/// The rest of a connection's state, where there is any.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest(Option<Box<Parts>>);

/// Each part is there once it was needed.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub(super) struct Parts {
    /// The pings of a peer that pings.
    pub(super) inbound: Inbound,
    /// Written pings without a pong, where they are more than the state itself can count.
    pub(super) unanswered: u32,
    /// How many answers are still to come, where one that nobody asked for is refused.
    pub(super) owed: u8,
    /// What we expect of a peer, where we do.
    pub(super) heard: Option<Box<Heard>>,
    late: Option<Box<Late>>,
    profile: Option<Box<ProfileTimes>>,
    wide: Option<Box<Wide>>,
}

/// Of a peer that leaves more than one ping or heartbeat unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(super) struct Late {
    /// When the pings before the newest were written, newest first.
    pub(super) pings: [Instant; RING - 1],
    /// The deadline of the oldest ping counts from here at the earliest.
    pub(super) pings_lifted: Instant,
    /// When the heartbeats before the newest were written, newest first; while one that does not count is unwritten, all.
    pub(super) beats: [Instant; RING],
    /// When the oldest unanswered heartbeat counts as written, where that is not, or may cease to be, what `beats` says.
    pub(super) beats_oldest: Option<Instant>,
}

/// Of a connection under a profile that does as another system does.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(super) struct ProfileTimes {
    /// When the newest ping was queued; the opening before that.
    pub(super) last_ping: Instant,
    /// When the oldest outstanding ping was queued.
    pub(super) oldest: Instant,
    /// `gorilla-chat`: from when its wait for a pong runs.
    pub(super) wait_from: Instant,
}

/// What is too large for the small fields of the state: intervals of more than a quarter of an hour, and the like.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(super) struct Wide {
    pub(super) instants: [Instant; NEARS],
    pub(super) tokens: [u64; RING],
    /// Smoothed round trip and variation, in microseconds.
    pub(super) rtt_us: [u32; 2],
}

impl Late {
    const NONE: Late =
        Late { pings: [Instant::NEVER; RING - 1], pings_lifted: Instant::ZERO, beats: [Instant::NEVER; RING], beats_oldest: None };
}

impl ProfileTimes {
    const NONE: ProfileTimes = ProfileTimes { last_ping: Instant::NEVER, oldest: Instant::NEVER, wait_from: Instant::NEVER };
}

impl Wide {
    const NONE: Wide = Wide { instants: [Instant::NEVER; NEARS], tokens: [0; RING], rtt_us: [0; 2] };
}

impl Rest {
    pub(super) const NONE: Rest = Rest(None);

    /// What there is.
    pub(super) fn get(&self) -> Option<&Parts> {
        self.0.as_deref()
    }

    /// All, to change it.
    pub(super) fn make(&mut self) -> &mut Parts {
        self.0.get_or_insert_default()
    }

    pub(super) fn heard(&mut self) -> Option<&mut Heard> {
        self.0.as_mut()?.heard.as_deref_mut()
    }

    pub(super) fn late(&self) -> &Late {
        if self.0.is_none() {
            return &Late::NONE;
        }
        self.get().and_then(|parts| parts.late.as_deref()).unwrap_or(&Late::NONE)
    }

    pub(super) fn make_late(&mut self) -> &mut Late {
        self.make().late.get_or_insert_with(|| Box::new(Late::NONE))
    }

    /// What is there of it, to forget something.
    pub(super) fn late_if_any(&mut self) -> Option<&mut Late> {
        self.0.as_mut()?.late.as_deref_mut()
    }

    pub(super) fn profile(&self) -> &ProfileTimes {
        self.get().and_then(|parts| parts.profile.as_deref()).unwrap_or(&ProfileTimes::NONE)
    }

    pub(super) fn make_profile(&mut self) -> &mut ProfileTimes {
        self.make().profile.get_or_insert_with(|| Box::new(ProfileTimes::NONE))
    }

    pub(super) fn wide(&self) -> &Wide {
        self.get().and_then(|parts| parts.wide.as_deref()).unwrap_or(&Wide::NONE)
    }

    pub(super) fn make_wide(&mut self) -> &mut Wide {
        self.make().wide.get_or_insert_with(|| Box::new(Wide::NONE))
    }
}

impl Hash for Rest {
    /// Parts that say nothing are as good as none.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.get().filter(|parts| **parts != Parts::default()).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum(u64);

    impl Hasher for Sum {
        fn write(&mut self, bytes: &[u8]) {
            bytes.iter().for_each(|byte| self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte) + 1));
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn what_is_there_and_says_nothing_hashes_as_nothing_and_what_says_something_otherwise() {
        let hash = |rest: &Rest| {
            let mut sum = Sum(0);
            rest.hash(&mut sum);
            sum.0
        };
        let mut rest = Rest::NONE;
        rest.make();
        assert_eq!(hash(&rest), hash(&Rest::NONE));
        rest.make().unanswered = 9;
        assert_ne!(hash(&rest), hash(&Rest::NONE));
    }

    #[test]
    fn what_few_need_costs_what_the_hub_says() {
        assert_eq!(size_of::<Parts>(), 56);
        let each = [size_of::<Heard>(), size_of::<Late>(), size_of::<ProfileTimes>(), size_of::<Wide>()];
        assert_eq!(each, [32, 80, 24, 88]);
    }
}
