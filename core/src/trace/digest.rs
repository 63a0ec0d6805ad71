//! The hash of everything that was done.

use alloc::format;
use alloc::string::String;

use xxhash_rust::xxh3::Xxh3;

use crate::event::{Action, Note, Verdict};
use crate::time::Instant;

/// A hash of actions, each with its time: the same actions give the same digest, on every machine and build.
///
/// It is XXH3 in 128 bits, which is fixed for good, over a form of the actions that has no padding, no pointer and no
/// order of a map in it. It tells two runs apart; it is no seal against who forges one.
///
/// ```
/// use wsbeat_core::{event::Action, time::Instant, trace::Digest};
///
/// let mut digest = Digest::default();
/// digest.action(Instant::from_secs(5), 1, &Action::Deliver);
/// assert_eq!(digest.finish(), "1fc30ae479754e2cfb47227066132645");
/// ```
#[derive(Clone, Default)]
pub struct Digest(Xxh3);

impl Digest {
    /// Takes in that `action` was asked for on connection number `conn` at `at`.
    pub fn action(&mut self, at: Instant, conn: u64, action: &Action) {
        self.number(at.as_nanos());
        self.number(conn);
        match action {
            Action::Ping(payload) => {
                let mut space = [0; 8];
                self.text(b"ping");
                self.text(payload.bytes(&mut space));
            }
            Action::Heartbeat(token) => self.tagged(b"heartbeat", token.0),
            Action::Answer(token) => self.tagged(b"answer", token.0),
            Action::Deliver => self.text(b"deliver"),
            Action::UserPing => self.text(b"user-ping"),
            Action::Close(verdict) => self.verdict(b"close", verdict),
            Action::Abort(verdict) => self.verdict(b"abort", verdict),
            Action::Note(Note::Stalled { lateness }) => self.tagged(b"stalled", lateness.as_nanos()),
            Action::Note(Note::Clamped { from, to }) => {
                self.tagged(b"clamped", from.as_nanos());
                self.number(to.as_nanos());
            }
        }
    }

    /// The digest so far: 32 hexadecimal digits.
    #[must_use]
    pub fn finish(&self) -> String {
        format!("{:032x}", self.0.digest128())
    }

    fn verdict(&mut self, tag: &[u8], verdict: &Verdict) {
        self.text(tag);
        self.text(verdict.kind.name().as_bytes());
        self.text(verdict.plane.name().as_bytes());
        self.text(verdict.reason.as_bytes());
        self.number(verdict.code.map_or(0, u64::from));
        self.number(u64::from(verdict.token.is_some()));
        self.number(verdict.token.unwrap_or_default().0);
        self.number(verdict.unanswered.into());
        for at in [verdict.written, verdict.last_answer, Some(verdict.last_byte), Some(verdict.deadline), Some(verdict.now)] {
            self.number(at.unwrap_or(Instant::NEVER).as_nanos());
        }
    }

    fn tagged(&mut self, tag: &[u8], n: u64) {
        self.text(tag);
        self.number(n);
    }

    /// Bytes behind their length, so that no two sequences of them read alike.
    fn text(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn number(&mut self, n: u64) {
        self.0.update(&n.to_le_bytes());
    }
}

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Digest({})", self.finish())
    }
}
