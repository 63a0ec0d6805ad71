//! Values of strategies, drawn from the bytes of an input.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wsbeat_core::rng::Rng;

thread_local! {
    /// Made once: the default asks the environment.
    static CONFIG: Config = Config { failure_persistence: None, ..Config::default() };
}

/// So many bytes name a value.
const VALUE_BYTES: usize = 4;

/// Bytes that decide: each four of them name one value. So the values of an input can be changed, left out, moved and spliced
/// one by one, and none changes the meaning of the next.
#[derive(Debug)]
pub(super) struct Drawn<'d> {
    rest: &'d [u8],
}

impl<'d> Drawn<'d> {
    pub(super) fn new(bytes: &'d [u8]) -> Self {
        Drawn { rest: bytes }
    }

    /// The next value; `None` where the bytes end.
    pub(super) fn one<S: Strategy>(&mut self, strategy: &S) -> Option<S::Value> {
        let (name, rest) = self.rest.split_first_chunk::<VALUE_BYTES>()?;
        self.rest = rest;
        let mut chance = Rng::new(u32::from_le_bytes(*name).into());
        let mut seed = [1; 16];
        seed[..8].copy_from_slice(&chance.next_u64().to_le_bytes());
        seed[8..].copy_from_slice(&chance.next_u64().to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::XorShift, &seed);
        let mut runner = TestRunner::new_with_rng(CONFIG.with(Config::clone), rng);
        Some(strategy.new_tree(&mut runner).expect("no strategy here refuses a value").current())
    }
}

/// The bytes of `values` values, drawn by chance.
pub(super) fn noise(seed: u64, values: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    std::iter::repeat_with(|| rng.next_u64() as u32).take(values).flat_map(u32::to_le_bytes).collect()
}
