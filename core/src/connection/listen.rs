//! The application plane: what we expect of the peer.

use alloc::boxed::Box;

use super::heard::Heard;
use super::state::State;
use super::{Ctx, Outcome};
use crate::event::{Plane, Verdict, VerdictKind};
use crate::policy::{Application, Policy};
use crate::time::Instant;

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
