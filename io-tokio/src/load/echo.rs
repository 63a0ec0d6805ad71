//! Messages that are sent to come back.

use std::cmp::Reverse;

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{ConnId, Input};
use wsbeat_core::time::{Instant, Span};

use super::driver::Driver;
use super::frame;
use super::report::record;
use super::settle::mask;
use super::slot::Stage;

/// A message begins with when it was due, in nanoseconds, as so many hexadecimal digits.
const DUE_DIGITS: usize = 16;

impl Driver {
    /// A connection that echoes begins at a point of chance within its first period.
    pub(super) fn schedule_echo(&mut self, id: ConnId) {
        let Some(echo) = self.config.echo.filter(|echo| id.index < echo.connections) else { return };
        let period = Span::from_secs(1).part(u64::from(echo.per_second));
        let phase = Span::from_nanos(self.rng.below(period.as_nanos().max(1)));
        self.echoes.push(Reverse((self.now.at.after(phase), id)));
    }

    pub(super) fn echo_due(&self) -> Instant {
        self.echoes.peek().map_or(Instant::NEVER, |Reverse((due, _))| *due)
    }

    /// Sends the messages that are due, each on time whether or not the one before came back.
    pub(super) fn send_echoes(&mut self) {
        let Some(echo) = self.config.echo else { return };
        let period = Span::from_secs(1).part(u64::from(echo.per_second));
        while let Some(Reverse((due, id))) = self.echoes.peek().copied() {
            if due > self.now.at {
                return;
            }
            self.echoes.pop();
            if self.slot(id).is_none_or(|slot| slot.stage != Stage::Open) {
                continue;
            }
            self.echoes.push(Reverse((due.after(period), id)));
            let text = format!("{:016x}{:.<2$}", due.since(Instant::ZERO).as_nanos(), "", echo.message_bytes as usize - DUE_DIGITS);
            let mut bytes = Vec::new();
            frame::write_message(Message::Text(&text), mask(self.rng.next_u64()), &mut bytes);
            self.report.echoes_sent += 1;
            self.write(id, &bytes, None);
            self.input(id, Input::Sent);
        }
    }

    /// A message that is no heartbeat came.
    pub(super) fn data(&mut self, id: ConnId, message: Message<'_>) {
        let bytes = match message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        };
        let echo = self.config.echo.filter(|echo| id.index < echo.connections && bytes.len() == echo.message_bytes as usize);
        let due =
            echo.and_then(|_| std::str::from_utf8(bytes.get(..DUE_DIGITS)?).ok()).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let Some(due) = due.map(Instant::from_nanos) else {
            self.report.messages += 1;
            return;
        };
        self.report.echoes += 1;
        record(&mut self.report.echo, self.clock.monotonic().since(due));
    }
}
