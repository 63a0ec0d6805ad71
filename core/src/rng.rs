//! Chance without state: every draw is a function of a key, a purpose and a count.
//!
//! The mixing function is the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), a bijection on 64 bits.

use crate::time::Span;

/// What a draw is for. Draws for different purposes are independent of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Purpose {
    /// When the first ping of a connection is due.
    FirstPing = 1,
    /// When the first heartbeat of a connection is due.
    FirstBeat = 2,
    /// How far a grid point is moved.
    Jitter = 3,
    /// How much a lifetime is stretched or shortened.
    Lifetime = 4,
    /// The payloads of pings.
    Payload = 5,
}

/// The first connections of a world have a phase of their own: so many.
const APART: u64 = 1_024;
/// Later ones share the draw of it, so many each.
const TOGETHER: u64 = 16;

/// A source of chance for one connection: (seed, serial of the connection).
///
/// They are mixed when something is drawn: most steps draw nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chance {
    seed: u64,
    serial: u64,
}

impl Chance {
    /// The chance of the connection with this `serial` in a world with this `seed`.
    #[must_use]
    pub const fn new(seed: u64, serial: u64) -> Self {
        Chance { seed, serial }
    }

    /// A draw; different `count`s of one purpose never give the same number.
    #[must_use]
    pub(crate) const fn draw(self, purpose: Purpose, count: u64) -> u64 {
        let key = mix(self.seed ^ mix(self.serial.wrapping_mul(GOLDEN).wrapping_add(GOLDEN)));
        mix(mix(key ^ purpose as u64).wrapping_add(count.wrapping_mul(GOLDEN)))
    }

    /// How far into `below` what comes first lies: drawn evenly from [0, `below`).
    ///
    /// Few connections are drawn each for itself, later ones sixteen together. Those of a crowd, which open together, then have one
    /// phase; and they lie side by side in memory, in the kernel's too, where what is sent to one of them fetches the next.
    #[must_use]
    pub(crate) const fn phase(self, purpose: Purpose, below: Span) -> Span {
        let of = if self.serial < APART { self.serial } else { self.serial - self.serial % TOGETHER };
        Chance::new(self.seed, of).span(purpose, 0, below)
    }

    /// A span drawn evenly from [0, `below`).
    #[must_use]
    pub(crate) const fn span(self, purpose: Purpose, count: u64, below: Span) -> Span {
        Span::from_nanos(scale(self.draw(purpose, count), below.as_nanos()))
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// `draw`, even over all 64 bits, as an even number in [0, `below`).
#[allow(clippy::cast_possible_truncation, reason = "the product shifted right by 64 fits 64 bits")]
pub(crate) const fn scale(draw: u64, below: u64) -> u64 {
    ((draw as u128 * below as u128) >> 64) as u64
}

/// A stream of chance for shells and simulators: the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A stream from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Rng { state: seed }
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// The next number in [0, `below`); 0 where `below` is 0.
    pub const fn below(&mut self, below: u64) -> u64 {
        scale(self.next_u64(), below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_serial_give_the_same_draws_and_others_do_not() {
        let a = Chance::new(7, 1);
        assert_eq!(a.draw(Purpose::Payload, 3), Chance::new(7, 1).draw(Purpose::Payload, 3));
        assert_ne!(a.draw(Purpose::Payload, 3), Chance::new(7, 2).draw(Purpose::Payload, 3));
        assert_ne!(a.draw(Purpose::Payload, 3), Chance::new(8, 1).draw(Purpose::Payload, 3));
        assert_ne!(a.draw(Purpose::Payload, 3), a.draw(Purpose::Jitter, 3));
    }

    #[test]
    fn few_connections_have_phases_of_their_own_and_a_crowd_shares_them_by_sixteen() {
        let phases = |serials: core::ops::Range<u64>| {
            let mut phases: Vec<_> = serials.map(|serial| Chance::new(1, serial).phase(Purpose::FirstPing, Span::from_secs(10))).collect();
            phases.dedup();
            phases.len()
        };
        assert_eq!(phases(0..1_024), 1_024);
        assert_eq!(phases(1_024..5_120), 256);
        assert_eq!(phases(1_024..1_040), 1);
    }

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // The reference implementation from seed 0.
        let mut rng = Rng::new(0);
        assert_eq!([(); 3].map(|()| rng.next_u64()), [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    }

    #[test]
    fn every_bit_of_the_seed_and_of_the_serial_counts() {
        let draw = |seed, serial| Chance::new(seed, serial).draw(Purpose::Payload, 3);
        for bit in (0..64).map(|place| 1u64 << place) {
            assert_ne!(draw(bit, 9), draw(0, 9), "seed {bit:#x}");
            assert_ne!(draw(0, bit), draw(0, 0), "serial {bit:#x}");
        }
    }

    #[test]
    fn spans_fill_their_range_evenly_and_stay_below_its_end() {
        let below = Span::from_secs(10);
        let mut tenths = [0u32; 10];
        for serial in 0..10_000 {
            let s = Chance::new(1, serial).span(Purpose::FirstPing, 0, below);
            assert!(s < below);
            tenths[(s.as_nanos() / 1_000_000_000) as usize] += 1;
        }
        assert!(tenths.iter().all(|n| (850..1150).contains(n)), "{tenths:?}");
    }
}
