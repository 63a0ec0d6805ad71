//! A hierarchical timer wheel with exact times.
//!
//! Time is cut into ticks of 2^20 ns. A level has 256 slots, each 256 times as wide as those of the level below, and six
//! levels span all 64 bits. A key lies at the level of the highest group of eight bits in which its tick differs from the
//! wheel's own, so that lower levels are always earlier than higher ones, and lower slots earlier than higher ones.
//! (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 7; the choice of level is that of a radix
//! heap.) Slots only sort roughly: every key keeps its exact time, and every slot the least of its keys'.

use alloc::vec;
use alloc::vec::Vec;

use crate::time::Instant;

const TICK_BITS: u32 = 20;
/// So that what is due within a minute moves once on its way: each move is a cache miss where there are many keys.
const GROUP_BITS: u32 = 8;
const SLOTS: usize = 1 << GROUP_BITS;
const LEVELS: usize = (u64::BITS - TICK_BITS).div_ceil(GROUP_BITS) as usize;
/// The end of a list.
const NIL: u32 = u32::MAX;

/// When each of many keys is due: at most one time a key, exact to the nanosecond.
///
/// Keys are small numbers, such as the slots of a slab: memory is 16 bytes times the highest key that was ever armed,
/// and nothing is allocated while that stays. [`arm`](Wheel::arm) and [`disarm`](Wheel::disarm) cost the same however
/// many keys there are; [`expire`](Wheel::expire) costs what it hands out, and up to six moves in the life of an
/// arming; [`next`](Wheel::next) searches one slot, and that only when the slot's earliest key was taken out of it.
#[derive(Clone, Debug)]
pub struct Wheel {
    entries: Vec<Entry>,
    /// Level by level.
    slots: Vec<Slot>,
    /// Which slots of a level have keys.
    occupied: [Bits; LEVELS],
    /// The tick of the latest `expire`. Keys with earlier times lie in its slot.
    tick: u64,
}

/// A key: its time, [`Instant::NEVER`] while it is not armed, and its neighbours in the list of its slot.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Instant,
    prev: u32,
    next: u32,
}

impl Entry {
    const UNARMED: Entry = Entry { at: Instant::NEVER, prev: NIL, next: NIL };
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// No key of this slot is earlier.
    min: Instant,
    head: u32,
    /// A key of this slot has the time `min`.
    exact: bool,
}

impl Slot {
    const EMPTY: Slot = Slot { min: Instant::NEVER, head: NIL, exact: true };

    fn joined_by(&mut self, at: Instant) {
        if at <= self.min {
            (self.min, self.exact) = (at, true);
        }
    }

    fn left_by(&mut self, at: Instant) {
        self.exact &= at != self.min;
    }
}

/// A bit for each slot of a level.
#[derive(Clone, Copy, Debug)]
struct Bits([u64; SLOTS / 64]);

impl Bits {
    const NONE: Bits = Bits([0; SLOTS / 64]);

    fn set(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    fn clear(&mut self, slot: usize) {
        self.0[slot / 64] &= !(1 << (slot % 64));
    }

    fn first(&self) -> Option<usize> {
        let word = self.0.iter().position(|word| *word != 0)?;
        Some(word * 64 + self.0[word].trailing_zeros() as usize)
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel { entries: Vec::new(), slots: vec![Slot::EMPTY; LEVELS * SLOTS], occupied: [Bits::NONE; LEVELS], tick: 0 }
    }
}

impl Wheel {
    /// What a key costs, in bytes.
    pub const KEY_BYTES: usize = size_of::<Entry>();

    /// `key` is due at `at` and no longer at any other time. [`Instant::NEVER`] disarms it; a time in the past is due at
    /// the next [`expire`](Wheel::expire).
    ///
    /// Keys are below `u32::MAX`, which is never armed.
    pub fn arm(&mut self, key: u32, at: Instant) {
        if at == Instant::NEVER || key == NIL {
            return self.disarm(key);
        }
        let was = self.armed(key);
        if was == Instant::NEVER {
            self.grow(key);
            return self.link(key, at);
        }
        let (from, to) = (self.place(was), self.place(at));
        if from != to {
            self.unlink(key);
            return self.link(key, at);
        }
        self.entries[key as usize].at = at;
        self.slots[from].left_by(was);
        self.slots[from].joined_by(at);
    }

    /// `key` is not due any more.
    pub fn disarm(&mut self, key: u32) {
        if self.armed(key) != Instant::NEVER {
            self.unlink(key);
            self.entries[key as usize] = Entry::UNARMED;
        }
    }

    /// Gives the memory of the keys back, none of which is armed.
    pub(crate) fn release(&mut self) {
        debug_assert!(self.entries.iter().all(|entry| entry.at == Instant::NEVER));
        self.entries = Vec::new();
    }

    /// When `key` is due; [`Instant::NEVER`] while it is not armed.
    #[must_use]
    pub fn armed(&self, key: u32) -> Instant {
        self.entries.get(key as usize).map_or(Instant::NEVER, |entry| entry.at)
    }

    /// The earliest time that any key is armed at; [`Instant::NEVER`] when none is.
    #[allow(clippy::should_implement_trait, reason = "a wheel is no iterator: asking again gives the same")]
    #[must_use]
    pub fn next(&mut self) -> Instant {
        let first = self.occupied.iter().zip(0..).find_map(|(slots, level)| Some((level, slots.first()?)));
        let Some((level, slot)) = first else {
            return Instant::NEVER;
        };
        let place = level * SLOTS + slot;
        if !self.slots[place].exact {
            self.slots[place].min = self.search(place);
            self.slots[place].exact = true;
        }
        self.slots[place].min
    }

    /// Disarms every key that is due at `now` and adds it to `out`, in no particular order.
    ///
    /// `now` may be any time, also an earlier one than before: what is armed later than `now` stays.
    pub fn expire(&mut self, now: Instant, out: &mut Vec<u32>) {
        let tick = tick_of(now).max(self.tick);
        let level = level_of(tick ^ self.tick);
        let slot = slot_of(tick, level);
        self.tick = tick;
        for below in 0..level {
            self.empty(below, SLOTS, out);
        }
        self.empty(level, slot, out);
        self.sift(level, slot, now, out);
    }

    /// Hands out all keys of the slots of `level` that lie before `end`: time has passed them whole.
    fn empty(&mut self, level: usize, end: usize, out: &mut Vec<u32>) {
        while let Some(slot) = self.occupied[level].first().filter(|slot| *slot < end) {
            let mut key = self.take(level, slot);
            while key != NIL {
                out.push(key);
                key = core::mem::replace(&mut self.entries[key as usize], Entry::UNARMED).next;
            }
        }
    }

    /// Hands out the keys of the slot that `now` lies in, as far as they are due, and finds new places for the others.
    fn sift(&mut self, level: usize, slot: usize, now: Instant, out: &mut Vec<u32>) {
        if level == 0 {
            return self.reap(slot, now, out);
        }
        let mut key = self.take(level, slot);
        while key != NIL {
            let Entry { at, next, .. } = self.entries[key as usize];
            if at <= now {
                self.entries[key as usize] = Entry::UNARMED;
                out.push(key);
            } else {
                self.link(key, at);
            }
            key = next;
        }
    }

    /// The same at the lowest level, where the others stay in their place.
    fn reap(&mut self, slot: usize, now: Instant, out: &mut Vec<u32>) {
        if self.slots[slot].min > now {
            return;
        }
        let (mut min, mut key) = (Instant::NEVER, self.slots[slot].head);
        while key != NIL {
            let Entry { at, next, .. } = self.entries[key as usize];
            if at <= now {
                self.disarm(key);
                out.push(key);
            } else {
                min = min.min(at);
            }
            key = next;
        }
        // Exact by the way: all were looked at.
        (self.slots[slot].min, self.slots[slot].exact) = (min, true);
    }

    /// Empties a slot and gives its first key.
    fn take(&mut self, level: usize, slot: usize) -> u32 {
        self.occupied[level].clear(slot);
        core::mem::replace(&mut self.slots[level * SLOTS + slot], Slot::EMPTY).head
    }

    /// The earliest time in a slot whose `min` may be too early.
    fn search(&self, place: usize) -> Instant {
        let Slot { min, head, .. } = self.slots[place];
        let (mut earliest, mut key) = (Instant::NEVER, head);
        while key != NIL && earliest > min {
            let entry = self.entries[key as usize];
            earliest = earliest.min(entry.at);
            key = entry.next;
        }
        earliest
    }

    fn grow(&mut self, key: u32) {
        let keys = key as usize + 1;
        if keys > self.entries.len() {
            make_room(&mut self.entries, keys);
            self.entries.resize(keys, Entry::UNARMED);
        }
    }

    fn link(&mut self, key: u32, at: Instant) {
        let place = self.place(at);
        let next = self.slots[place].head;
        self.entries[key as usize] = Entry { at, prev: NIL, next };
        if next != NIL {
            self.entries[next as usize].prev = key;
        }
        self.slots[place].head = key;
        self.slots[place].joined_by(at);
        self.occupied[place / SLOTS].set(place % SLOTS);
    }

    fn unlink(&mut self, key: u32) {
        let Entry { at, prev, next } = self.entries[key as usize];
        let place = self.place(at);
        if next != NIL {
            self.entries[next as usize].prev = prev;
        }
        if prev != NIL {
            self.entries[prev as usize].next = next;
            return self.slots[place].left_by(at);
        }
        if next != NIL {
            self.slots[place].head = next;
            return self.slots[place].left_by(at);
        }
        self.take(place / SLOTS, place % SLOTS);
    }

    /// Where a key with this time lies: a function of its time and the wheel's, as `expire` moves what it enters.
    fn place(&self, at: Instant) -> usize {
        let tick = tick_of(at).max(self.tick);
        let level = level_of(tick ^ self.tick);
        level * SLOTS + slot_of(tick, level)
    }
}

/// Makes room for `len` of what comes in large numbers: by an eighth more than there is, as doubling would leave half of it idle.
pub(crate) fn make_room<T>(places: &mut Vec<T>, len: usize) {
    if len > places.capacity() {
        let spare = (places.len() / 8).max(64);
        places.reserve_exact((len - places.len()).max(spare));
    }
}

const fn tick_of(at: Instant) -> u64 {
    at.as_nanos() >> TICK_BITS
}

/// The level of two ticks that differ in these bits.
const fn level_of(differing: u64) -> usize {
    ((differing | 1).ilog2() / GROUP_BITS) as usize
}

const fn slot_of(tick: u64, level: usize) -> usize {
    (tick >> (level * GROUP_BITS as usize)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_costs_sixteen_bytes() {
        assert_eq!(Wheel::KEY_BYTES, 16);
    }

    #[test]
    fn the_levels_reach_the_end_of_time() {
        assert_eq!(level_of(tick_of(Instant::NEVER)), LEVELS - 1);
    }

    #[test]
    fn keys_of_other_ticks_lie_in_other_slots() {
        let tick = 0x0605_0403_0201;
        assert_eq!([0, 1, 2, 3, 4, 5].map(|level| slot_of(tick, level)), [1, 2, 3, 4, 5, 6]);
        let wheel = Wheel::default();
        let place = |tick: u64| wheel.place(Instant::from_nanos(tick << TICK_BITS));
        assert_eq!([0, 7, 255, 256, 7 * 256 + 9].map(place), [0, 7, 255, SLOTS + 1, SLOTS + 7]);
    }

    #[test]
    fn the_highest_number_is_no_key() {
        let mut wheel = Wheel::default();
        wheel.arm(u32::MAX, Instant::ZERO);
        assert_eq!((wheel.next(), wheel.entries.len()), (Instant::NEVER, 0));
        wheel.disarm(u32::MAX);
    }

    #[test]
    fn memory_follows_the_highest_key_and_nothing_else() {
        let mut wheel = Wheel::default();
        let mut due = Vec::with_capacity(100);
        wheel.arm(99, Instant::from_secs(1));
        let capacity = wheel.entries.capacity();
        for second in 0..1_000 {
            for key in 0..100 {
                wheel.arm(key, Instant::from_secs(second + u64::from(key % 7)));
            }
            due.clear();
            wheel.expire(Instant::from_secs(second), &mut due);
        }
        assert_eq!((wheel.entries.capacity(), due.capacity()), (capacity, 100));
    }
}
