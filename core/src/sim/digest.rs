//! One number for all that was done: the same world gives the same, on every machine.

use alloc::format;
use alloc::string::String;

use crate::event::{Action, Note, Payload, Plane, Verdict};
use crate::time::Instant;

/// The hash of every action with its time.
#[derive(Clone, Debug)]
pub struct Digest {
    words: [u64; 2],
}

impl Default for Digest {
    fn default() -> Self {
        Digest { words: [0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B] }
    }
}

impl Digest {
    /// The connection with the number `conn` did `action` at `at`.
    pub fn action(&mut self, at: Instant, conn: u64, action: &Action) {
        self.word(at.as_nanos());
        self.word(conn);
        match action {
            Action::Ping(payload) => self.payload(1, *payload),
            Action::Heartbeat(token) => self.tagged(2, token.0),
            Action::Answer(token) => self.tagged(3, token.0),
            Action::Deliver => self.word(4),
            Action::UserPing => self.word(5),
            Action::Close(verdict) => self.verdict(6, verdict),
            Action::Abort(verdict) => self.verdict(7, verdict),
            Action::Note(Note::Stalled { lateness }) => self.tagged(8, lateness.as_nanos()),
            Action::Note(Note::Clamped { from, .. }) => self.tagged(9, from.as_nanos()),
        }
    }

    /// The hash, in 32 hexadecimal digits.
    #[must_use]
    pub fn finish(&self) -> String {
        format!("{:016x}{:016x}", self.words[0], self.words[1])
    }

    fn payload(&mut self, tag: u64, payload: Payload) {
        let form = match payload {
            Payload::Empty => 0,
            Payload::Four(_) => 4,
            Payload::Eight(_) => 8,
            Payload::Other => 1,
        };
        self.tagged(tag << 8 | form, payload.token().0);
    }

    fn verdict(&mut self, tag: u64, verdict: &Verdict) {
        let plane = u64::from(verdict.plane == Plane::Application);
        self.tagged(tag << 8 | plane, u64::from(verdict.code.unwrap_or(0)));
        self.word(verdict.kind as u64);
        self.word(verdict.deadline.as_nanos());
        self.word(u64::from(verdict.unanswered));
    }

    fn tagged(&mut self, tag: u64, value: u64) {
        self.word(tag);
        self.word(value);
    }

    /// Two lanes of multiply and rotate, each stirred by the other.
    fn word(&mut self, word: u64) {
        let [a, b] = self.words;
        let a = (a ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        self.words = [a ^ b, b.wrapping_add(a).wrapping_mul(0xBF58_476D_1CE4_E5B9)];
    }
}
