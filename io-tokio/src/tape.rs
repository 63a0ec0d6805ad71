//! A trace under way: what the recorder writes, kept until the driver has a moment to hand it on.

use std::fmt;
use std::ops::ControlFlow;

use wsbeat_core::event::{Action, ConnId, Input};
use wsbeat_core::time::Now;
use wsbeat_core::trace::{Header, Recorder};

/// Takes whole lines of a trace, several at once. Break ends the recording.
pub(crate) type Tap = Box<dyn FnMut(&str) -> ControlFlow<()> + Send>;

/// How much space is kept from one handing on to the next.
const SPACE_KEPT_BYTES: usize = 64 << 10;

/// Records what a driver tells its core, and what the core says.
pub(crate) struct Tape {
    recorder: Recorder,
    /// What was not handed on yet.
    lines: String,
    /// The present of the call of the core that is under way.
    now: Now,
    tap: Tap,
}

impl Tape {
    /// A recording from the beginning of a core.
    pub(crate) fn start(header: &Header, tap: Tap) -> Self {
        let mut lines = String::new();
        Tape { recorder: Recorder::start(header, &mut lines), lines, now: Now::default(), tap }
    }

    pub(crate) fn accept(&mut self, now: Now, id: ConnId) {
        self.recorder.accept(now, id, &mut self.lines);
    }

    /// The core is given an input next. Nothing for a connection that has ended.
    pub(crate) fn input(&mut self, now: Now, id: ConnId, input: Input) {
        self.now = now;
        self.recorder.input(now, id, input, &mut self.lines);
    }

    /// The core visits those that are due next.
    pub(crate) fn tick(&mut self, now: Now, budget: u32) {
        self.now = now;
        self.recorder.tick(now, budget, &mut self.lines);
    }

    /// The core is told the time next, and nothing is due.
    #[cfg(unix)]
    pub(crate) fn idle(&mut self, now: Now) {
        self.recorder.idle(now, &mut self.lines);
    }

    /// The policy changes next, to what follows from this.
    pub(crate) fn reconfigure(&mut self, now: Now, header: &Header) {
        self.now = now;
        self.recorder.reconfigure(now, header, &mut self.lines);
    }

    /// The core said this to what it was told last.
    pub(crate) fn action(&mut self, id: ConnId, action: Action) {
        self.recorder.action(self.now, id, action, &mut self.lines);
    }

    /// The payload of the ping of the user's that is put in next.
    pub(crate) fn user_ping(&mut self, payload: &[u8]) {
        self.recorder.user_ping(payload);
    }

    /// The reason of the user's close that is put in next.
    pub(crate) fn user_close(&mut self, reason: &str) {
        self.recorder.user_close(reason);
    }

    /// Hands on what there is.
    pub(crate) fn hand_on(&mut self) -> ControlFlow<()> {
        if self.lines.is_empty() {
            return ControlFlow::Continue(());
        }
        let flow = (self.tap)(&self.lines);
        self.lines.clear();
        self.lines.shrink_to(SPACE_KEPT_BYTES);
        flow
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").field("recorder", &self.recorder).field("waiting_bytes", &self.lines.len()).finish_non_exhaustive()
    }
}
