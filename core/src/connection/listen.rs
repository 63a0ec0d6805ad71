//! The application plane: what we expect of the peer.

use alloc::boxed::Box;

use super::state::State;
use super::{Ctx, Outcome};
use crate::event::{Plane, Verdict, VerdictKind};
use crate::policy::{Application, Listen, ListenFor, Policy};
use crate::time::Instant;

/// What is known of what the peer sends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(super) struct Heard {
    /// When that came which we listen for.
    at: Instant,
    /// When the last heartbeat came.
    heartbeat_at: Instant,
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

    fn silence_at(&self, app: &Application) -> Instant {
        app.listen.map_or(Instant::NEVER, |Listen { limit, .. }| self.at.after(limit))
    }

    /// Heartbeats flow, data does not.
    fn feed_stalls_at(&self, app: &Application) -> Instant {
        match app.feed_timeout {
            Some(timeout) if self.flows => self.data_at.after(timeout),
            _ => Instant::NEVER,
        }
    }
}

impl State {
    /// Expects of the peer what `app` does, from now on, unless it does already.
    pub(super) fn listen(&mut self, app: &Application, now: Instant) {
        if app.listen.is_some() || app.feed_timeout.is_some() {
            self.rest.make().heard.get_or_insert_with(|| Box::new(Heard::from(now)));
        }
    }

    fn heard(&self) -> Option<&Heard> {
        self.rest.get()?.heard.as_deref()
    }

    pub(super) fn listening_deadline(&self, app: &Application) -> Instant {
        match self.heard() {
            Some(heard) if !self.unread() => heard.silence_at(app).min(heard.feed_stalls_at(app)),
            _ => Instant::NEVER,
        }
    }

    pub(super) fn judge_listening(&self, app: &Application, cx: &Ctx) -> Option<Outcome> {
        if self.unread() {
            return None;
        }
        let heard = self.heard()?;
        let (silence, feed) = (heard.silence_at(app), heard.feed_stalls_at(app));
        if cx.now.at >= silence {
            let kind = if self.last_byte > heard.at { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent };
            let reason = if app.close_code.is_some() { "heartbeat timeout" } else { "" };
            return Some(Outcome::Close(self.listening_verdict(heard, kind, app.close_code, reason, silence, cx)));
        }
        if cx.now.at >= feed {
            let (kind, code) = (VerdictKind::FeedStalled, Some(Policy::FEED_CODE));
            return Some(Outcome::Close(self.listening_verdict(heard, kind, code, "feed stalled", feed, cx)));
        }
        None
    }

    fn listening_verdict(
        &self,
        heard: &Heard,
        kind: VerdictKind,
        code: Option<u16>,
        reason: &'static str,
        deadline: Instant,
        cx: &Ctx,
    ) -> Verdict {
        let last_answer = Some(heard.heartbeat_at).filter(|at| *at > self.opened);
        Verdict { plane: Plane::Application, deadline, last_answer, ..Verdict::plain(kind, code, reason, cx.now.at, self.last_byte) }
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
