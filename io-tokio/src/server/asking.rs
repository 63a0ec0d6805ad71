//! What the user asks of a worker, from its callbacks or through a handle.

use std::sync::Arc;
use std::time::Instant as StdInstant;

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{ConnId, Input};

use super::control::{CloseReason, PingPayload};
use super::error::{HandleError, SendError};
use super::frame;
use super::handle::Handle;
use super::slot::{Slot, Stage};
use super::world::World;

impl World {
    pub(super) fn send(&mut self, id: ConnId, message: Message<'_>) -> Result<(), SendError> {
        let mut frame = std::mem::take(&mut self.scratch);
        frame.clear();
        frame::write_message(message, &mut frame);
        let sent = self.send_frame(id, &frame);
        self.scratch = frame;
        sent
    }

    /// Does for a callback what takes the longer the more there is of it. The time is ours, not the callback's.
    pub(super) fn at_length<T>(&mut self, work: impl FnOnce(&mut World) -> T) -> T {
        let began = StdInstant::now();
        let done = work(self);
        self.callback_own += began.elapsed();
        done
    }

    pub(super) fn ping(&mut self, id: ConnId, payload: &PingPayload) -> Result<(), SendError> {
        self.user_ping.clear();
        frame::write_ping(payload.as_bytes(), &mut self.user_ping);
        self.room(id, self.user_ping.len())?;
        if let Some(tape) = &mut self.pending.tape {
            tape.user_ping(payload.as_bytes());
        }
        self.input(id, Input::UserPing);
        self.apply_all();
        Ok(())
    }

    pub(super) fn close(&mut self, id: ConnId, reason: &CloseReason) {
        if self.stage(id) != Some(Stage::Open) {
            return;
        }
        self.user_close = reason.clone();
        if let Some(tape) = &mut self.pending.tape {
            tape.user_close(reason.reason());
        }
        self.input(id, Input::UserClose(reason.code()));
        self.apply_all();
    }

    /// Sends to a connection of whichever worker.
    pub(super) fn send_to(&mut self, id: ConnId, message: Message<'_>) -> Result<(), SendError> {
        if self.workers.of(id).is_none_or(|shared| std::ptr::eq(shared, &*self.shared)) {
            return self.send(id, message);
        }
        self.handle().send(id, message).map_err(|error| match error {
            HandleError::Full { commands_max } => SendError::Behind { commands_max },
            HandleError::Unknown(_) | HandleError::Stopped => SendError::Closed(id),
        })
    }

    /// Sends to all connections of all workers; returns how many of this one took it.
    pub(super) fn broadcast(&mut self, message: Message<'_>) -> usize {
        let frame = frame::message(message);
        self.workers.relay(&self.shared, &frame);
        self.broadcast_frame(&frame)
    }

    pub(super) fn queued_bytes(&self, id: ConnId) -> usize {
        let slot = self.slots.get(id.index as usize).and_then(Option::as_ref);
        slot.filter(|slot| slot.generation == id.generation).map_or(0, Slot::queued_bytes)
    }

    pub(super) fn handle(&self) -> Handle {
        Handle { workers: Arc::clone(&self.workers) }
    }
}
