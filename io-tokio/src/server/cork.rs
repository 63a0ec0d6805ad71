//! Answers kept together.

use wsbeat_core::event::ConnId;

use super::output::Kind;

/// What one connection is answered with while its received bytes are worked off: written in one go at the end.
#[derive(Debug, Default)]
pub(super) struct Cork {
    pub(super) id: Option<ConnId>,
    pub(super) bytes: Vec<u8>,
    /// Where each frame ends, and what it is.
    pub(super) frames: Vec<(usize, Kind)>,
}

impl Cork {
    /// The connection is no more.
    pub(super) fn forget(&mut self, id: ConnId) {
        if self.id == Some(id) {
            self.id = None;
            self.bytes.clear();
            self.frames.clear();
        }
    }
}
