//! Whom to wake: an adaptor may be polled as a stream by one task and as a sink by another.

use std::sync::Arc;
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

/// One waker for the stream underneath and the timer, which wakes whoever polls the adaptor on either side.
///
/// Without it the side that polled last would be the only one to hear of readiness, and a flush begun by the other
/// would never be finished.
#[derive(Debug)]
pub(super) struct Wakers {
    sides: Arc<Sides>,
    both: Waker,
}

#[derive(Debug, Default)]
struct Sides {
    stream: AtomicWaker,
    sink: AtomicWaker,
}

impl Wake for Sides {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.stream.wake();
        self.sink.wake();
    }
}

impl Wakers {
    pub(super) fn new() -> Self {
        let sides = Arc::<Sides>::default();
        Wakers { both: Waker::from(sides.clone()), sides }
    }

    /// The task that polls the stream side.
    pub(super) fn register_stream(&self, waker: &Waker) {
        self.sides.stream.register(waker);
    }

    /// The task that polls the sink side.
    pub(super) fn register_sink(&self, waker: &Waker) {
        self.sides.sink.register(waker);
    }

    /// Wakes both sides.
    pub(super) fn both(&self) -> Waker {
        self.both.clone()
    }

    /// Something changed that the stream side has to see to.
    pub(super) fn wake_stream(&self) {
        self.sides.stream.wake();
    }

    /// Something changed that the sink side may be waiting for.
    pub(super) fn wake_sink(&self) {
        self.sides.sink.wake();
    }
}
