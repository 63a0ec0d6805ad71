//! What goes out: to the kernel at once where nothing waits, else into the connection's queue.

use std::io::{ErrorKind, Write};

use wsbeat_core::event::{ConnId, Input};
use wsbeat_core::time::{Instant, Span};

use super::driver::Driver;
use super::report::record;
use super::slot::{Delayed, Stage};

/// The most that may wait for one server that does not read; what is beyond it is not sent.
const WAITING_BYTES_MAX: usize = 256 << 10;

impl Driver {
    /// Answers what was just read: now, later, or never.
    pub(super) fn answer(&mut self, id: ConnId, frame: &[u8]) {
        if self.slot(id).is_none_or(|slot| slot.is_silent) {
            return;
        }
        let asked = self.held.asked(self.now.at);
        let delay = Span::from(self.config.answer_delay);
        if delay == Span::ZERO {
            return self.write(id, frame, Some(asked));
        }
        self.delayed.push_back(Delayed { due: asked.after(delay), id, asked, frame: frame.into() });
    }

    /// Sends the answers that were held back long enough.
    pub(super) fn release(&mut self) {
        while self.delayed.front().is_some_and(|delayed| delayed.due <= self.now.at) {
            let Some(Delayed { id, asked, frame, .. }) = self.delayed.pop_front() else { return };
            if self.slot(id).is_some_and(|slot| slot.stage == Stage::Open) {
                self.write(id, &frame, Some(asked));
            }
        }
    }

    /// Writes a frame or queues it. `asked` is when the question came that it answers.
    pub(super) fn write(&mut self, id: ConnId, frame: &[u8], asked: Option<Instant>) {
        let Some(slot) = self.slot(id) else { return };
        let waiting_bytes = slot.busy.as_ref().map_or(0, |busy| busy.output.len());
        if waiting_bytes > 0 {
            if waiting_bytes + frame.len() <= WAITING_BYTES_MAX {
                let busy = slot.busy();
                busy.output.extend_from_slice(frame);
                busy.answers.extend(asked.map(|asked| (busy.output.len(), asked)));
            }
            return;
        }
        let taken = self.offer(id, frame);
        if taken == frame.len() {
            return asked.into_iter().for_each(|asked| self.answered(asked));
        }
        if let Some(slot) = self.slot(id) {
            let busy = slot.busy();
            busy.output.extend_from_slice(&frame[taken..]);
            busy.answers.extend(asked.map(|asked| (busy.output.len(), asked)));
        }
    }

    /// The kernel takes bytes again.
    pub(super) fn flush(&mut self, id: ConnId) {
        let Some(slot) = self.slot(id) else { return };
        if slot.socket().flush_records().is_err() {
            return self.lost(id);
        }
        let Some(mut busy) = slot.busy.take() else { return };
        let taken = self.offer(id, &busy.output);
        busy.output.drain(..taken);
        while busy.answers.front().is_some_and(|(end, _)| *end <= taken) {
            if let Some((_, asked)) = busy.answers.pop_front() {
                self.answered(asked);
            }
        }
        busy.answers.iter_mut().for_each(|(end, _)| *end -= taken);
        if let Some(slot) = self.slot(id) {
            slot.busy = Some(busy);
            slot.settle();
        }
    }

    fn answered(&mut self, asked: Instant) {
        self.report.answered += 1;
        record(&mut self.report.answer, self.clock.monotonic().since(asked));
    }

    /// Offers bytes to the kernel; returns how many it took. A failure ends the connection when it is read next.
    fn offer(&mut self, id: ConnId, bytes: &[u8]) -> usize {
        let Some(slot) = self.slot(id) else { return 0 };
        let mut socket = slot.socket();
        let mut taken = 0;
        let mut is_broken = false;
        while taken < bytes.len() {
            match socket.write(&bytes[taken..]) {
                Ok(n) => taken += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    is_broken = e.kind() != ErrorKind::WouldBlock;
                    break;
                }
            }
        }
        let sent = socket.sent(taken);
        self.report.bytes_out += sent as u64;
        if is_broken {
            self.lost(id);
        } else if taken > 0 {
            self.input(id, Input::Wrote(u32::try_from(taken).unwrap_or(u32::MAX)));
        }
        taken
    }
}
