//! The end of a connection.

use wsbeat_core::event::Verdict;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct End {
    /// What was decided; `None` where the stream just ended.
    pub verdict: Option<Verdict>,
    /// The code of the peer's close frame: 1005 for an empty one, 1006 where none came.
    pub peer_code: u16,
    /// The reason in the peer's close frame. The text is the peer's: escape it before it is shown or logged.
    pub peer_reason: Box<str>,
}
