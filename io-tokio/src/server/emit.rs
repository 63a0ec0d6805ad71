//! What goes out: to the kernel at once where nothing waits, else into the connection's queue.

use std::io::{ErrorKind, Write};

use bytes::Bytes;
use wsbeat_core::event::{ConnId, Input};

use super::error::SendError;
use super::output::Kind;
use super::slot::{Busy, Slot, Stage};
use super::world::World;
use crate::dense::socket::Socket;

/// How the records of TLS that wait fared.
enum Records {
    /// The kernel has all of them.
    Taken,
    /// It has not.
    Wait,
}

/// Over this the cork is written before more is put in.
const CORK_BYTES_MAX: usize = 64 << 10;

impl World {
    /// From now on what goes to `id` is kept together.
    pub(super) fn cork(&mut self, id: ConnId) {
        self.uncork();
        self.cork.id = Some(id);
    }

    /// Writes what was kept together.
    pub(super) fn uncork(&mut self) {
        let Some(id) = self.cork.id.take() else { return };
        self.write_cork(id);
    }

    fn write_cork(&mut self, id: ConnId) {
        let bytes = std::mem::take(&mut self.cork.bytes);
        let mut frames = std::mem::take(&mut self.cork.frames);
        if !bytes.is_empty() {
            let taken = self.write(id, &bytes);
            let mut start = 0;
            for (end, kind) in frames.drain(..) {
                self.settle_frame(id, &bytes[start..end], taken.saturating_sub(start), kind);
                start = end;
            }
        }
        (self.cork.bytes, self.cork.frames) = (bytes, frames);
        self.cork.bytes.clear();
        self.cork.bytes.shrink_to(CORK_BYTES_MAX);
    }

    /// Sends a frame, or queues it where others wait.
    pub(super) fn emit(&mut self, id: ConnId, frame: &[u8], kind: Kind) {
        let Some(slot) = self.slot(id) else { return };
        if slot.broken {
            return;
        }
        if slot.queued_bytes() > 0 {
            return slot.busy().output().push(Bytes::copy_from_slice(frame), kind);
        }
        if self.cork.id == Some(id) {
            self.cork.bytes.extend_from_slice(frame);
            self.cork.frames.push((self.cork.bytes.len(), kind));
            return;
        }
        let taken = self.write(id, frame);
        self.settle_frame(id, frame, taken, kind);
    }

    /// Of this frame the kernel took `taken` bytes: the core is told, or the rest is queued.
    fn settle_frame(&mut self, id: ConnId, frame: &[u8], taken: usize, kind: Kind) {
        if taken >= frame.len() {
            return self.whole(id, kind);
        }
        let Some(slot) = self.slot(id).filter(|slot| !slot.broken) else { return };
        let output = slot.busy().output();
        if taken > 0 {
            output.begin(Bytes::copy_from_slice(&frame[taken..]), kind);
        } else {
            output.push(Bytes::copy_from_slice(frame), kind);
        }
    }

    /// The last byte of a frame was taken: by the kernel, or by TLS, whose records the kernel may not have yet.
    fn whole(&mut self, id: ConnId, kind: Kind) {
        if !matches!(kind, Kind::Ping(_) | Kind::Heartbeat(_)) {
            return;
        }
        match self.slot(id).and_then(|slot| slot.busy.as_mut()) {
            Some(busy) if busy.encrypted_bytes() > 0 => busy.unwritten.push(kind),
            _ => self.flushed(id, kind),
        }
    }

    /// The kernel has the last byte of a ping or heartbeat.
    fn flushed(&mut self, id: ConnId, kind: Kind) {
        match kind {
            Kind::Ping(payload) => self.input(id, Input::PingFlushed(payload)),
            Kind::Heartbeat(token) => self.input(id, Input::HeartbeatFlushed(token)),
            _ => {}
        }
    }

    /// Offers bytes to the kernel; returns how many it took. A failure ends the connection.
    fn write(&mut self, id: ConnId, bytes: &[u8]) -> usize {
        let Some(slot) = self.slot(id).filter(|slot| !slot.broken) else { return 0 };
        let mut taken = 0;
        while taken < bytes.len() {
            match slot.socket().write(&bytes[taken..]) {
                Ok(n) => taken += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    slot.broken = true;
                    break;
                }
            }
        }
        let (broken, sent) = (slot.broken, slot.socket().sent(taken));
        self.shared.stats.bytes_out.add(sent as u64);
        if broken {
            self.input(id, Input::Lost);
        }
        taken
    }

    /// The kernel takes bytes again: what waits goes out.
    pub(super) fn flush(&mut self, id: ConnId) {
        loop {
            let Some(slot) = self.slot(id).filter(|slot| !slot.broken) else { return };
            if slot.tls().is_some_and(|tls| tls.waiting_bytes() > 0) {
                match self.flush_records(id) {
                    Records::Taken => continue,
                    Records::Wait => return,
                }
            }
            let Some(slot) = self.slot(id) else { return };
            let Slot { stream, busy, .. } = slot;
            let Some(Busy { output: Some(output), tls, .. }) = busy.as_deref_mut().filter(|busy| busy.queued_bytes() > 0) else {
                return slot.settle();
            };
            let mut flushed = Vec::new();
            let mut socket = Socket { stream, tls: tls.as_deref_mut() };
            let wrote = output.write_to(&mut socket, |kind| match kind {
                Kind::Ping(_) | Kind::Heartbeat(_) => flushed.push(kind),
                _ => {}
            });
            match wrote.map(|n| socket.sent(n)) {
                Ok(n) => self.wrote(id, n, &flushed),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    slot.broken = true;
                    return self.input(id, Input::Lost);
                }
            }
        }
    }

    /// Offers the kernel the records that wait.
    fn flush_records(&mut self, id: ConnId) -> Records {
        let Some(slot) = self.slot(id) else { return Records::Wait };
        let result = slot.socket().flush_records();
        let sent = slot.socket().sent(0);
        let unwritten = match &result {
            Ok(true) => std::mem::take(&mut slot.busy().unwritten),
            _ => Vec::new(),
        };
        slot.broken |= result.is_err();
        self.wrote(id, sent, &unwritten);
        match result {
            Ok(true) => Records::Taken,
            Ok(false) => Records::Wait,
            Err(_) => {
                self.input(id, Input::Lost);
                Records::Wait
            }
        }
    }

    fn wrote(&mut self, id: ConnId, n: usize, flushed: &[Kind]) {
        self.shared.stats.bytes_out.add(n as u64);
        if n > 0 {
            self.input(id, Input::Wrote(u32::try_from(n).unwrap_or(u32::MAX)));
        }
        for kind in flushed {
            self.whole(id, *kind);
        }
        let done = self.slot(id).is_some_and(|slot| slot.shut_after && slot.queued_bytes() == 0);
        if done {
            self.shut(id);
        }
    }

    /// Shuts down writing once everything is written: the peer sees the end behind our close frame.
    pub(super) fn shut_when_written(&mut self, id: ConnId) {
        if self.cork.id == Some(id) {
            self.write_cork(id);
        }
        let Some(slot) = self.slot(id) else { return };
        slot.shut_after = true;
        if slot.queued_bytes() == 0 {
            self.shut(id);
        }
    }

    fn shut(&mut self, id: ConnId) {
        if let Some(slot) = self.slot(id) {
            slot.shut_after = !slot.socket().finish();
        }
    }

    // What the user sends.

    /// Whether `bytes` more may wait for this peer. Where nothing waits a message of any size may be sent.
    pub(super) fn room(&mut self, id: ConnId, bytes: usize) -> Result<(), SendError> {
        if self.cork.id == Some(id) && self.cork.bytes.len() + bytes > CORK_BYTES_MAX {
            self.write_cork(id);
        }
        let write_bytes_max = self.limits.write_bytes_max;
        let Some(slot) = self.slot(id).filter(|slot| slot.stage == Stage::Open && !slot.broken) else {
            return Err(SendError::Closed(id));
        };
        let queued_bytes =
            slot.busy.as_ref().map_or(0, |busy| busy.output.as_ref().map_or(0, |output| output.cost_bytes()) + busy.encrypted_bytes());
        if queued_bytes > 0 && queued_bytes + bytes > write_bytes_max as usize {
            self.shared.stats.messages_refused.add(1);
            return Err(SendError::Full { queued_bytes, bytes, write_bytes_max });
        }
        Ok(())
    }

    /// Sends a message that is a frame already.
    pub(super) fn send_frame(&mut self, id: ConnId, frame: &[u8]) -> Result<(), SendError> {
        self.room(id, frame.len())?;
        self.emit(id, frame, Kind::Data);
        self.shared.stats.messages_out.add(1);
        if self.counts_sent {
            self.input(id, Input::Sent);
        }
        Ok(())
    }

    /// Sends a message that is a frame already to all that are open; returns how many took it.
    pub(super) fn broadcast_frame(&mut self, frame: &Bytes) -> usize {
        let mut count = 0;
        for index in 0..self.slots.len() {
            let Some(id) = self.id_at(index) else { continue };
            count += usize::from(self.send_shared(id, frame));
        }
        count
    }

    /// As [`send_frame`](World::send_frame), but what has to wait is shared and not copied.
    fn send_shared(&mut self, id: ConnId, frame: &Bytes) -> bool {
        let waits = self.slot(id).is_some_and(|slot| slot.queued_bytes() > 0);
        if !waits {
            return self.send_frame(id, frame).is_ok();
        }
        if self.room(id, frame.len()).is_err() {
            return false;
        }
        if let Some(slot) = self.slot(id) {
            slot.busy().output().push(frame.clone(), Kind::Data);
        }
        self.shared.stats.messages_out.add(1);
        if self.counts_sent {
            self.input(id, Input::Sent);
        }
        true
    }
}
