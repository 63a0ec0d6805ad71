//! Small numbers in one word.

/// Small numbers, side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Flags(u32);

impl Flags {
    /// The number of so many bits at this place.
    pub(super) const fn get(self, at: u32, bits: u32) -> u8 {
        #[allow(clippy::cast_possible_truncation, reason = "no field has more than eight bits")]
        let value = ((self.0 >> at) & ((1 << bits) - 1)) as u8;
        value
    }

    /// Puts a number of so many bits at this place.
    pub(super) fn set(&mut self, at: u32, bits: u32, value: u8) {
        debug_assert!(u32::from(value) < 1 << bits);
        let mask = ((1 << bits) - 1) << at;
        self.0 = (self.0 & !mask) | (u32::from(value) << at);
    }
}
