//! How late this machine runs what is due: the slack that a timed test may claim, and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(2);

/// A thread on each processor that sleeps in short steps; the worst overshoot of all is kept.
pub struct LagSampler {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    worst_ns: AtomicU64,
    stop: AtomicBool,
}

impl LagSampler {
    /// Measures from now on.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let threads = processors().into_iter().map(|processor| {
            let seen = Arc::clone(&shared);
            thread::spawn(move || {
                stay_on(processor);
                sample(&seen);
            })
        });
        Self { threads: threads.collect(), shared }
    }

    /// The worst so far; from now on it is measured anew.
    pub fn take_worst(&self) -> Duration {
        Duration::from_nanos(self.shared.worst_ns.swap(0, Ordering::Relaxed))
    }

    /// The worst so far.
    pub fn worst(&self) -> Duration {
        Duration::from_nanos(self.shared.worst_ns.load(Ordering::Relaxed))
    }
}

impl Drop for LagSampler {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A sampler that panicked has nothing to add to what the test says.
            let _ = thread.join();
        }
    }
}

/// The processors that this process may run on.
#[cfg(target_os = "linux")]
fn processors() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let set = sched_getaffinity(None).expect("a thread may ask where it runs");
    (0..CpuSet::MAX_CPU).filter(|processor| set.is_set(*processor)).collect()
}

#[cfg(target_os = "linux")]
fn stay_on(processor: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut only = CpuSet::new();
    only.set(processor);
    // Where it may not stay there, it measures elsewhere.
    let _ = sched_setaffinity(None, &only);
}

/// Elsewhere one thread measures, wherever it is let run.
#[cfg(not(target_os = "linux"))]
fn processors() -> Vec<usize> {
    vec![0]
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_: usize) {}

fn sample(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        let before = Instant::now();
        thread::sleep(STEP);
        let late = before.elapsed().saturating_sub(STEP);
        shared.worst_ns.fetch_max(u64::try_from(late.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
