//! What can go wrong: small rules, each with a strength and a counter.

use crate::rng::Rng;

/// A million: the whole of a strength.
const WHOLE_PPM: u32 = 1_000_000;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $ppm:literal;)+) => {
        /// A kind of fault.
        ///
        /// A strength is a probability in millionths: of a message where the fault befalls messages, of a client and a
        /// while (some seconds or minutes, by the policy) where it befalls clients, of an eighth of that while where it befalls the
        /// host.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Fault { $($(#[doc = $doc])+ $name,)+ }

        impl Fault {
            /// Every kind.
            pub const ALL: [Fault; [$($text),+].len()] = [$(Fault::$name),+];
            /// How many there are.
            pub const COUNT: usize = Fault::ALL.len();

            /// The name on command lines and in summaries.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Fault::$name => $text,)+ }
            }

            /// How strong it is in a storm, in millionths.
            #[must_use]
            pub const fn storm_ppm(self) -> u32 {
                match self { $(Fault::$name => $ppm,)+ }
            }
        }
    };
}

faults! {
    /// A segment is lost. The stream is reliable: what it carried, and all behind it, comes a retransmission timeout later
    /// (200 ms, doubled with each further loss).
    Loss = "loss", 20_000;
    /// The network holds a message up, and all behind it.
    Delay = "delay", 10_000;
    /// A peer that works on several things at once sends an answer after later ones.
    Reorder = "reorder", 5_000;
    /// The news that a ping was written comes after its pong.
    Overtake = "overtake", 5_000;
    /// An answer comes twice.
    Duplicate = "duplicate", 5_000;
    /// An answer to an earlier ask comes again.
    Stale = "stale", 5_000;
    /// An answer bears a token that was never sent, before the true one.
    Forged = "forged", 5_000;
    /// An answer that nobody asked for, at any time.
    Unsolicited = "unsolicited", 5_000;
    /// A gzip message with a byte changed.
    CorruptGzip = "corrupt-gzip", 2_000;
    /// A gzip message cut short.
    TruncatedGzip = "truncated-gzip", 2_000;
    /// A gzip message that inflates past every limit.
    Bomb = "bomb", 200;
    /// What arrived stays unread for a while.
    UnreadInput = "unread-input", 5_000;
    /// The transport takes no byte for a while, at times longer than any allowance.
    WriteBlocked = "write-blocked", 1_000;
    /// The transport takes a few bytes now and then.
    SlowWriter = "slow-writer", 2_000;
    /// The peer stops working for a while.
    Freeze = "freeze", 30_000;
    /// A peer that was frozen goes on, and answers what waited. (It follows a freeze and has no strength.)
    Thaw = "thaw", 0;
    /// The peer goes on to live and never says anything again.
    Dead = "dead", 1_000;
    /// What the peer sends does not come through for a while.
    Partition = "partition", 20_000;
    /// The stream is reset.
    Reset = "reset", 500;
    /// The peer closes.
    PeerClose = "peer-close", 500;
    /// The peer sends sixty pings at once.
    PingFlood = "ping-flood", 500;
    /// The peer never completes the upgrade.
    Handshake = "handshake", 10_000;
    /// The host's monotonic clock runs backwards.
    ClockBackwards = "clock-backwards", 50_000;
    /// The wall clock jumps by up to an hour, either way.
    ClockJump = "clock-jump", 50_000;
    /// The host does nothing for a while.
    HostStall = "host-stall", 50_000;
    /// The host ticks many times at one instant.
    TickBurst = "tick-burst", 50_000;
    /// A slot is used again, and an input for the one that had it before comes late. (It follows the end of a connection.)
    SlotReuse = "slot-reuse", 200_000;
    /// The server drains in the middle.
    Drain = "drain", 10_000;
    /// Every fourth connection is lost at once and comes back within a second.
    ReconnectStorm = "reconnect-storm", 20_000;
    /// The request of a handshake arrives, and the host is too busy to read it for a while, at times for longer than a handshake
    /// may take.
    UnreadHandshake = "unread-handshake", 10_000;
}

impl Fault {
    /// The kind of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Fault::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

/// How strong each kind of fault is, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults([u32; Fault::COUNT]);

impl Faults {
    /// No fault at all.
    pub const NONE: Faults = Faults([0; Fault::COUNT]);

    /// Every fault at the strength of a storm.
    #[must_use]
    pub fn storm() -> Self {
        Faults(Fault::ALL.map(Fault::storm_ppm))
    }

    /// A storm in which this seed switched off each kind or not, by half: what hides behind one fault shows without it.
    #[must_use]
    pub fn swarm(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5741_524d);
        Faults(Fault::ALL.map(|fault| if rng.below(2) == 0 { 0 } else { fault.storm_ppm() }))
    }

    /// How strong `fault` is.
    #[must_use]
    pub const fn ppm(&self, fault: Fault) -> u32 {
        self.0[fault as usize]
    }

    /// Sets how strong `fault` is; over a million counts as a million.
    pub fn set(&mut self, fault: Fault, ppm: u32) {
        self.0[fault as usize] = ppm.min(WHOLE_PPM);
    }

    /// Whether nothing goes wrong.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Faults::NONE
    }

    /// Whether it strikes this time.
    pub(super) fn strikes(&self, fault: Fault, rng: &mut Rng) -> bool {
        let ppm = self.ppm(fault);
        ppm > 0 && rng.below(u64::from(WHOLE_PPM)) < u64::from(ppm)
    }
}

/// How often each kind of fault struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultCounts([u64; Fault::COUNT]);

impl Default for FaultCounts {
    fn default() -> Self {
        FaultCounts([0; Fault::COUNT])
    }
}

impl FaultCounts {
    /// How often `fault` struck.
    #[must_use]
    pub const fn get(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// The kinds that never struck.
    pub fn missing(&self) -> impl Iterator<Item = Fault> + '_ {
        Fault::ALL.into_iter().filter(|fault| self.get(*fault) == 0)
    }

    /// Adds what another run counted.
    pub fn add(&mut self, other: &FaultCounts) {
        for (n, more) in self.0.iter_mut().zip(other.0) {
            *n = n.saturating_add(more);
        }
    }

    pub(super) fn count(&mut self, fault: Fault) {
        self.0[fault as usize] = self.0[fault as usize].saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        const { assert!(Fault::COUNT >= 20) };
        assert!(Fault::ALL.into_iter().all(|fault| Fault::by_name(fault.name()) == Some(fault)));
    }

    #[test]
    fn every_kind_is_on_in_some_seeds_and_off_in_others() {
        for fault in Fault::ALL.into_iter().filter(|fault| fault.storm_ppm() > 0) {
            let on = (0..100).filter(|seed| Faults::swarm(*seed).ppm(fault) > 0).count();
            let name = fault.name();
            assert!((20..80).contains(&on), "{name}: {on}");
        }
    }
}
