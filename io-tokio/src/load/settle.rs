//! What the hub says, done; and how connections end.

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::event::{Action, ConnId, Input, Verdict, VerdictKind};

use super::driver::Driver;
use super::frame;
use super::report::Failure;
use super::slot::{Slot, Stage};

/// A peer that ended without a close frame (RFC 6455 §7.1.5).
const ABNORMAL: u16 = 1006;

impl Driver {
    /// Puts an input in, and does what the hub wants done for it.
    pub(super) fn input(&mut self, id: ConnId, input: Input) {
        let actions = &mut self.actions;
        self.hub.input(self.now, id, input, &mut |id, action| actions.push_back((id, action)));
        self.settle();
    }

    /// Does everything that the hub said. What that brings about is done by the outermost call, in order.
    pub(super) fn settle(&mut self) {
        if std::mem::replace(&mut self.is_settling, true) {
            return;
        }
        while let Some((id, action)) = self.actions.pop_front() {
            self.apply(id, action);
        }
        self.is_settling = false;
    }

    fn apply(&mut self, id: ConnId, action: Action) {
        match action {
            Action::Answer(_) => {
                let frame = std::mem::take(&mut self.prepared);
                self.answer(id, &frame);
                self.prepared = frame;
            }
            Action::Heartbeat(token) => {
                let (Some(dialect), mut encoder) = (&self.dialect, std::mem::take(&mut self.encoder)) else { return };
                let mut frame = Vec::new();
                frame::write_message(dialect.heartbeat_from(Role::Client, token, &mut encoder), mask(self.rng.next_u64()), &mut frame);
                self.encoder = encoder;
                self.write(id, &frame, None);
                self.input(id, Input::HeartbeatFlushed(token));
            }
            Action::Close(verdict) => self.close(id, &verdict),
            Action::Abort(verdict) => self.abort(id, &verdict),
            // No plane of these clients sends pings, what is delivered was counted where it was read, and notes are the server's worry.
            Action::Ping(_) | Action::UserPing | Action::Deliver | Action::Note(_) => {}
        }
    }

    fn close(&mut self, id: ConnId, verdict: &Verdict) {
        if matches!(verdict.kind, VerdictKind::PeerSilent | VerdictKind::PeerSlow) {
            self.report.silent_servers += 1;
        }
        let mut frame = Vec::new();
        frame::write_close(verdict.code, verdict.reason, mask(self.rng.next_u64()), &mut frame);
        self.write(id, &frame, None);
        self.leave_open(id);
        if let Some(slot) = self.slot(id) {
            slot.stage = Stage::Closing;
        }
    }

    fn abort(&mut self, id: ConnId, verdict: &Verdict) {
        match verdict.kind {
            VerdictKind::Handshake => {
                self.failed(id, Failure::Timeout, &format!("no connection after {:?}", self.config.connect_timeout));
            }
            _ => self.lost(id),
        }
    }

    /// The server's close frame came.
    pub(super) fn closed(&mut self, id: ConnId, code: u16) {
        if !self.is_finishing && self.slot(id).is_some_and(|slot| slot.stage == Stage::Open) {
            *self.report.closes.entry(code).or_default() += 1;
        }
    }

    /// The stream of an upgraded connection ended, or it is of no more use.
    pub(super) fn lost(&mut self, id: ConnId) {
        self.closed(id, ABNORMAL);
        self.leave_open(id);
        if self.remove(id).is_some() {
            self.input(id, Input::Lost);
        }
    }

    /// The connection is no longer open: before the end it counts as lost.
    fn leave_open(&mut self, id: ConnId) {
        if self.slot(id).is_none_or(|slot| slot.stage != Stage::Open) {
            return;
        }
        self.open -= 1;
        self.cut_off(id);
        let is_silent = self.slot(id).is_some_and(|slot| slot.is_silent);
        if !self.is_finishing && !is_silent {
            self.report.lost += 1;
        }
        // What only a closing connection is must not be counted twice.
        if let Some(slot) = self.slot(id) {
            slot.stage = Stage::Closing;
        }
    }

    pub(super) fn slot(&mut self, id: ConnId) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(id.index as usize)?.as_mut()?;
        (slot.generation == id.generation).then_some(slot)
    }

    pub(super) fn remove(&mut self, id: ConnId) -> Option<Slot> {
        self.slot(id)?;
        self.slots.get_mut(id.index as usize)?.take()
    }

    /// The first message that shows a dialect: from now on all connections speak it.
    pub(super) fn recognised(&mut self, dialect: &Dialect) {
        self.is_recognising = false;
        let Ok(policy) = super::driver::policy(Some(dialect), self.config.connect_timeout) else { return };
        self.dialect = Some(dialect.clone());
        let actions = &mut self.actions;
        self.hub.replace(self.now, self.policy, policy, &mut |id, action| actions.push_back((id, action)));
        self.settle();
    }
}

/// The mask of a frame. It need not be secret here: no web page chooses what is sent (RFC 6455 §10.3).
pub(super) fn mask(draw: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = draw.to_be_bytes();
    [a, b, c, d]
}
