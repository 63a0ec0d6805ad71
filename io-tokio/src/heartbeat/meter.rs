//! Counting bytes where they pass.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A byte stream that counts what passes through it. Wrap the transport in one before the handshake, and give the
/// [`Meter`] to the adaptor.
#[derive(Debug)]
pub struct Metered<T> {
    inner: T,
    meter: Meter,
}

/// The counts of a [`Metered`]; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    read: AtomicU64,
    written: AtomicU64,
}
