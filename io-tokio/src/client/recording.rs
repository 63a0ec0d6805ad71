//! Traces of a client's connections.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::tape::Tap;

/// Gives what takes the trace of one connection after another. Clones of a client share it.
#[derive(Clone)]
pub(super) struct Recording(Arc<Mutex<Next>>);

type Next = dyn FnMut() -> Option<Tap> + Send;

impl Recording {
    pub(super) fn new<T>(mut next: impl FnMut() -> Option<T> + Send + 'static) -> Self
    where
        T: FnMut(&str) -> ControlFlow<()> + Send + 'static,
    {
        Recording(Arc::new(Mutex::new(move || next().map(|tap| Box::new(tap) as Tap))))
    }

    /// What takes the trace of the next connection, if one is wanted.
    pub(super) fn next(&self) -> Option<Tap> {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))()
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recording")
    }
}
