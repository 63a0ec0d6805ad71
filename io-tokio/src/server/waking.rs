//! What wakes a driver: the tokens of its poll, and what a turn says to wait for.

use wsbeat_core::time::Instant;

use super::Ending;

/// Tokens below are connections, by their index.
pub(super) const LISTENER_TOKENS: usize = 1 << 30;
/// Tokens from here on are lingering sockets.
pub(super) const LINGER_TOKENS: usize = 1 << 31;

/// The waker of the handles.
pub(super) const WAKE_TOKEN: usize = usize::MAX - 1;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing: there is more to do.
    Again,
    /// A socket, a command, or this instant.
    Until(Instant),
    /// It is over.
    Ended(Ending),
}
