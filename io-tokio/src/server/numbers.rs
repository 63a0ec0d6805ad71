//! The numbers of a worker's connections.

use super::config::Numbering;

/// Which number comes next. Those of all workers of a process lie interleaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    first: u32,
    step: u32,
    pub(super) next: u32,
}

impl Numbers {
    /// Those of worker `place` of a server.
    pub(super) fn of(numbering: Numbering, place: u32) -> Self {
        let first = numbering.first + place;
        Numbers { first, step: numbering.step, next: first }
    }

    /// One was given away. After 2^32 they begin anew, so that each keeps naming its worker.
    pub(super) fn advance(&mut self) {
        self.next = self.next.checked_add(self.step).unwrap_or(self.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_their_worker_for_ever() {
        let mut numbers = Numbers::of(Numbering { first: 2, step: 7 }, 1);
        let given: Vec<u32> = (0..3)
            .map(|_| {
                std::mem::replace(&mut numbers.next, {
                    let mut n = numbers;
                    n.advance();
                    n.next
                })
            })
            .collect();
        assert_eq!(given, [3, 10, 17]);
        numbers.next = u32::MAX - 5;
        numbers.advance();
        assert_eq!(numbers.next, 3);
    }
}
