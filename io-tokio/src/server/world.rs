//! Everything of a server but the user's handler.

use std::sync::Arc;

use wsbeat_core::dialect::Message;
use wsbeat_core::event::ConnId;

use super::control::{CloseReason, PingPayload};
use super::error::SendError;
use super::handle::{Handle, Shared};

/// Everything of a server but the user's handler.
#[derive(Debug)]
pub(super) struct World {
    shared: Arc<Shared>,
}

impl World {
    pub(super) fn send(&mut self, _id: ConnId, _message: Message<'_>) -> Result<(), SendError> {
        todo!()
    }
    pub(super) fn ping(&mut self, _id: ConnId, _payload: &PingPayload) -> Result<(), SendError> {
        todo!()
    }
    pub(super) fn close(&mut self, _id: ConnId, _reason: &CloseReason) {
        todo!()
    }
    pub(super) fn broadcast(&mut self, _message: Message<'_>) -> usize {
        todo!()
    }
    pub(super) fn count(&self) -> usize {
        todo!()
    }
    pub(super) fn queued_bytes(&self, _id: ConnId) -> usize {
        todo!()
    }
    pub(super) fn handle(&self) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
        }
    }
}
