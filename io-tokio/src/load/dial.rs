//! When to connect: as fast as the ramp asks.

use std::io;

use mio::{Interest, Token};
use wsbeat_core::event::{ConnId, Input};
use wsbeat_core::time::{Instant, Span};

use super::connect::connect;
use super::driver::Driver;
use super::report::Failure;
use super::slot::{Slot, Stage};

/// How many connections are on their way at once: a listener's backlog holds them.
const UNDER_WAY_MAX: u32 = 512;
/// How long a turn connects: answers do not wait for connections, and where ports are few each takes the kernel milliseconds.
const DIALING_MAX: Span = Span::from_millis(5);

impl Driver {
    /// Begins the connections that the ramp asks for by now.
    pub(super) fn dial(&mut self) {
        let ends = self.clock.monotonic().after(DIALING_MAX);
        while self.dialed < self.config.connections && self.under_way < UNDER_WAY_MAX && self.dial_due() <= self.now.at {
            let number = self.dialed;
            self.dialed += 1;
            if let Err(error) = self.dial_one(number) {
                self.report.fail(Failure::Tcp, || format!("TCP: {error}"));
            }
            if self.clock.monotonic() >= ends {
                break;
            }
        }
    }

    fn dial_one(&mut self, number: u32) -> io::Result<()> {
        let mut stream = connect(self.way.address, number)?;
        let id = self.hub.accept(self.now, self.policy).map_err(io::Error::other)?;
        let index = id.index as usize;
        let registered = self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = registered {
            self.input(id, Input::Lost);
            return Err(error);
        }
        let is_silent = self.rng.below(1_000_000) < u64::from(self.config.silent_ppm);
        let tls = self.way.tls.as_ref().and_then(|tls| tls.begin());
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(Slot::new(stream, id.generation, is_silent, tls));
        self.under_way += 1;
        Ok(())
    }

    /// When the next connection is due: the k-th of n after k/n of the ramp.
    pub(super) fn dial_due(&self) -> Instant {
        if self.dialed == self.config.connections {
            return Instant::NEVER;
        }
        let ramp = Span::from(self.config.ramp());
        self.began.after(ramp.part(u64::from(self.config.connections)).times(u64::from(self.dialed)))
    }

    /// Whether connections wait for others to get through.
    pub(super) fn is_crowded(&self) -> bool {
        self.under_way >= UNDER_WAY_MAX
    }

    /// TCP has come to something.
    pub(super) fn connected(&mut self, id: ConnId) {
        let Some(slot) = self.slot(id) else { return };
        let failed = slot.stream.take_error().ok().flatten().or_else(|| slot.stream.peer_addr().err());
        match failed {
            Some(error) if error.kind() == io::ErrorKind::NotConnected => {}
            Some(error) => self.failed(id, Failure::Tcp, &error.to_string()),
            None => {
                slot.stage = Stage::Upgrading;
                let request = std::mem::take(&mut self.request);
                self.write(id, &request, None);
                self.request = request;
            }
        }
    }

    /// A connection did not come to be.
    pub(super) fn failed(&mut self, id: ConnId, failure: Failure, why: &str) {
        if let Some(slot) = self.remove(id) {
            self.under_way -= 1;
            self.report.fail(failure, || format!("{}: {why}", slot.step().label()));
            self.input(id, Input::Lost);
        }
    }

    /// Those whose turn was due and never came, as too many were on their way.
    pub(super) fn never_begun(&mut self) {
        while self.dial_due() <= self.now.at {
            self.dialed += 1;
            self.report.fail(Failure::Pending, || "TCP: not begun when the load ended".into());
        }
    }
}
