//! How late this machine runs what is due: the slack that a timed test may claim, and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(2);

/// A thread that sleeps in short steps and keeps the worst overshoot.
pub(super) struct LagSampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    worst_ns: AtomicU64,
    stop: AtomicBool,
}

impl LagSampler {
    pub(super) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        Self { shared, thread: Some(thread::spawn(move || sample(&seen))) }
    }

    /// The worst so far; from now on it is measured anew.
    pub(super) fn take_worst_s(&self) -> f64 {
        Duration::from_nanos(self.shared.worst_ns.swap(0, Ordering::Relaxed)).as_secs_f64()
    }

    pub(super) fn worst_s(&self) -> f64 {
        Duration::from_nanos(self.shared.worst_ns.load(Ordering::Relaxed)).as_secs_f64()
    }
}

impl Drop for LagSampler {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A sampler that panicked has nothing to add to what the test says.
            let _ = thread.join();
        }
    }
}

fn sample(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        let before = Instant::now();
        thread::sleep(STEP);
        let late = before.elapsed().saturating_sub(STEP);
        shared.worst_ns.fetch_max(u64::try_from(late.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
