//! What reading gives.

/// What one read gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// The bytes for the user's side.
    pub(crate) bytes: usize,
    /// The bytes on the wire.
    pub(crate) wire_bytes: usize,
    /// It was all that had arrived.
    pub(crate) is_drained: bool,
    /// No more will come.
    pub(crate) is_over: bool,
}
