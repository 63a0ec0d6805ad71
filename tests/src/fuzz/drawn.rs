//! Values of strategies, drawn from the bytes of an input instead of from chance.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

thread_local! {
    /// Made once: the default asks the environment.
    static CONFIG: Config = Config { failure_persistence: None, ..Config::default() };
}

/// Bytes that decide. Behind their end come zeros.
pub(super) struct Drawn(TestRunner);

impl Drawn {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Drawn::of(TestRng::from_seed(RngAlgorithm::PassThrough, bytes))
    }

    /// Draws by chance, and remembers the bytes.
    pub(super) fn recorded(seed: u8) -> Self {
        Drawn::of(TestRng::from_seed(RngAlgorithm::Recorder, &[seed; 32]))
    }

    fn of(rng: TestRng) -> Self {
        Drawn(TestRunner::new_with_rng(CONFIG.with(Config::clone), rng))
    }

    pub(super) fn one<S: Strategy>(&mut self, strategy: &S) -> S::Value {
        strategy.new_tree(&mut self.0).expect("no strategy here refuses a value").current()
    }

    /// The bytes that were drawn.
    pub(super) fn bytes(mut self) -> Vec<u8> {
        self.0.rng().bytes_used()
    }
}
