//! When the peer was heard, where something is expected of it.

use crate::policy::{Application, Listen, ListenFor};
use crate::time::Instant;

/// What is known of what the peer sends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(super) struct Heard {
    /// When that came which we listen for.
    pub(super) at: Instant,
    /// When the last heartbeat came.
    pub(super) heartbeat_at: Instant,
    /// From when the feed counts as without data: its last data, or later where its limit was lifted.
    data_at: Instant,
    /// Heartbeats have come since the last data.
    flows: bool,
}

/// Something of the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Bytes,
    Ping,
    /// An answer to a heartbeat of ours.
    Answer,
    Data,
    Heartbeat,
}

impl Heard {
    /// Everything begins at `now`.
    pub(super) const fn from(now: Instant) -> Self {
        Heard { at: now, heartbeat_at: now, data_at: now, flows: false }
    }

    /// The host slept: every limit runs anew from `now` (R5). When a heartbeat came stays what it was: verdicts tell it (R8).
    pub(super) fn stalled(&mut self, now: Instant) {
        (self.at, self.data_at, self.flows) = (now, now, false);
    }

    /// The peer gave a sign.
    pub(super) fn sign(&mut self, app: &Application, sign: Sign, now: Instant) {
        match sign {
            Sign::Heartbeat => self.heartbeat(app, now),
            Sign::Data => (self.data_at, self.flows) = (now, false),
            Sign::Bytes | Sign::Ping | Sign::Answer => {}
        }
        if app.listen.is_some_and(|l| counts(l.evidence, sign)) {
            self.at = now;
        }
    }

    /// Where heartbeats begin to flow without data, the limit of the feed begins to hold: it passes now at the earliest.
    fn heartbeat(&mut self, app: &Application, now: Instant) {
        self.heartbeat_at = now;
        if self.flows || now <= self.data_at {
            return;
        }
        self.flows = true;
        if let Some(timeout) = app.feed_timeout {
            self.data_at = self.data_at.max(now.before(timeout));
        }
    }

    /// A deadline that an input brought about passes now at the earliest.
    pub(super) fn lift(&mut self, app: &Application, now: Instant) {
        if let Some(listen) = app.listen {
            self.at = self.at.max(now.before(listen.limit));
        }
        if let Some(timeout) = app.feed_timeout {
            self.data_at = self.data_at.max(now.before(timeout));
        }
    }

    /// When the peer has been silent for too long.
    pub(super) fn silence_at(&self, app: &Application) -> Instant {
        app.listen.map_or(Instant::NEVER, |Listen { limit, .. }| self.at.after(limit))
    }

    /// When heartbeats have flowed for too long without data.
    pub(super) fn feed_stalls_at(&self, app: &Application) -> Instant {
        match app.feed_timeout {
            Some(timeout) if self.flows => self.data_at.after(timeout),
            _ => Instant::NEVER,
        }
    }
}

/// Whether `sign` is what we listen for.
fn counts(evidence: ListenFor, sign: Sign) -> bool {
    match evidence {
        ListenFor::Bytes => true,
        ListenFor::Messages => matches!(sign, Sign::Answer | Sign::Data | Sign::Heartbeat),
        ListenFor::Heartbeats => sign == Sign::Heartbeat,
        ListenFor::Pings => sign == Sign::Ping,
    }
}
