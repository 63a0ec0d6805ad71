//! The connections that are due and not visited yet: a set of slots in ascending order.

use alloc::vec::Vec;

use crate::time::Instant;

const WIDTH: usize = u64::BITS as usize;

/// A set of slots: a bit a slot, a bit a word of these, and a bit a word of those.
///
/// To add, to remove and to take the lowest cost the same however many there are, and nothing is sorted: a small budget
/// over a large crowd costs no more than a large one. Memory is three eighths of a byte times the highest slot.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Due {
    bits: [Vec<u64>; 3],
    words: Vec<Word>,
}

/// What is known of the slots of one word.
#[derive(Clone, Copy, Debug, Hash)]
struct Word {
    /// None of them is due since before this.
    since: Instant,
    /// One was removed: all may be due since later than `since`.
    removed: bool,
}

impl Word {
    const EMPTY: Word = Word { since: Instant::NEVER, removed: false };
}

impl Due {
    pub(super) fn is_empty(&self) -> bool {
        self.bits[2].iter().all(|word| *word == 0)
    }

    /// Adds `slot`, which is due since `since`.
    #[inline]
    pub(super) fn insert(&mut self, slot: u32, since: Instant) {
        let mut index = slot as usize;
        self.grow(index);
        let word = &mut self.words[index / WIDTH];
        word.since = word.since.min(since);
        for bits in &mut self.bits {
            bits[index / WIDTH] |= 1 << (index % WIDTH);
            index /= WIDTH;
        }
    }

    #[inline]
    pub(super) fn contains(&self, slot: u32) -> bool {
        let index = slot as usize;
        self.bits[0].get(index / WIDTH).is_some_and(|bits| bits >> (index % WIDTH) & 1 == 1)
    }

    /// Removes `slot`, if it is there.
    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        if !self.contains(slot) {
            return;
        }
        let mut index = slot as usize;
        let word = index / WIDTH;
        for bits in &mut self.bits {
            bits[index / WIDTH] &= !(1 << (index % WIDTH));
            if bits[index / WIDTH] != 0 {
                break;
            }
            index /= WIDTH;
        }
        self.words[word].removed = true;
        if self.bits[0][word] == 0 {
            self.words[word] = Word::EMPTY;
        }
    }

    /// Removes and gives the lowest slot.
    #[allow(clippy::cast_possible_truncation, reason = "what was put in was a u32")]
    pub(super) fn take_first(&mut self) -> Option<u32> {
        let mut index = self.bits[2].iter().position(|word| *word != 0)?;
        for bits in self.bits.iter().rev() {
            index = index * WIDTH + bits[index].trailing_zeros() as usize;
        }
        let slot = index as u32;
        self.remove(slot);
        Some(slot)
    }

    /// Since when the one that has waited longest is due; [`Instant::NEVER`] where there is none.
    ///
    /// `ask` tells since when a slot is due: it is asked of the neighbours of those that were removed, at most.
    pub(super) fn earliest(&mut self, ask: impl Fn(u32) -> Instant) -> Instant {
        let mut earliest = Instant::NEVER;
        for (base, group) in self.bits[1].iter().enumerate() {
            for word in ones(*group).map(|bit| base * WIDTH + bit) {
                let known = &mut self.words[word];
                if known.since >= earliest {
                    continue;
                }
                if known.removed {
                    let since = ones(self.bits[0][word]).map(|bit| ask(slot_at(word, bit))).min();
                    *known = Word { since: since.unwrap_or(Instant::NEVER), removed: false };
                }
                earliest = earliest.min(known.since);
            }
        }
        earliest
    }

    fn grow(&mut self, index: usize) {
        let mut words = index / WIDTH + 1;
        if words <= self.words.len() {
            return;
        }
        self.words.resize(words, Word::EMPTY);
        for bits in &mut self.bits {
            bits.resize(words, 0);
            words = words.div_ceil(WIDTH);
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "what was put in was a u32")]
const fn slot_at(word: usize, bit: usize) -> u32 {
    (word * WIDTH + bit) as u32
}

/// The places of the ones in a word, ascending.
fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = word.trailing_zeros() as usize;
        (word != 0).then(|| {
            word &= word - 1;
            place
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use alloc::collections::BTreeMap;

    #[test]
    fn it_is_a_sorted_set_that_knows_its_earliest() {
        let (mut due, mut model, mut rng) = (Due::default(), BTreeMap::new(), Rng::new(5));
        for round in 0..if cfg!(miri) { 200 } else { 20_000u64 } {
            let slot = rng.below(if round % 2 == 0 { 200 } else { 600_000 }) as u32;
            match rng.below(8) {
                0..4 => {
                    let since = *model.entry(slot).or_insert(Instant::from_nanos(rng.below(1_000)));
                    due.insert(slot, since);
                }
                4..6 => {
                    due.remove(slot);
                    model.remove(&slot);
                }
                6 => assert_eq!(due.take_first(), model.pop_first().map(|(slot, _)| slot)),
                _ => {
                    let earliest = due.earliest(|slot| model[&slot]);
                    assert_eq!(earliest, model.values().min().copied().unwrap_or(Instant::NEVER));
                }
            }
            assert_eq!(due.is_empty(), model.is_empty());
        }
        while let Some(slot) = due.take_first() {
            assert_eq!(model.pop_first().map(|(slot, _)| slot), Some(slot));
        }
        assert!(model.is_empty());
    }

    #[test]
    fn a_slot_it_never_held_is_not_removed() {
        let mut due = Due::default();
        due.remove(u32::MAX);
        assert!(due.is_empty());
        assert_eq!(due.take_first(), None);
    }
}
