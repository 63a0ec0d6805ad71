//! The application plane where we wait for something of the peer's.

use wsbeat_core::event::{Input, Plane, Verdict, VerdictKind};
use wsbeat_core::policy::{ListenFor, Policy};

use super::{End, Model, Ns, at, span};

impl Model {
    /// When the peer's own heartbeats have stayed away for too long.
    pub(super) fn listen_at(&self) -> Option<Ns> {
        let listen = self.application()?.listen?;
        let heard = self.last(|i| match listen.evidence {
            ListenFor::Heartbeats => matches!(i, Input::Heartbeat(_)),
            ListenFor::Pings => *i == Input::Ping,
            ListenFor::Messages => matches!(i, Input::Heartbeat(_) | Input::Answer(_) | Input::Data | Input::Ready),
            ListenFor::Bytes => super::is_frame(i) || matches!(i, Input::Bytes(_)),
        });
        let heard = self.not_before_rebase(heard.map(|(at, _)| at));
        Some(self.lifted(heard + span(listen.limit), heard))
    }

    /// When the feed has been without data for too long.
    pub(super) fn feed_at(&self) -> Option<Ns> {
        let limit = self.application()?.feed_timeout?;
        let asks = self.application()?.ask.is_some();
        let data = self.last(|i| matches!(i, Input::Data | Input::Ready) || matches!(i, Input::Answer(_)) && !asks);
        let data = self.not_before_rebase(data.map(|(at, _)| at));
        // Heartbeats flow from the first after the data.
        let flows = self.inputs.iter().find(|(at, _, i)| *at > data && matches!(i, Input::Heartbeat(_)))?.0;
        Some(self.lifted((data + span(limit)).max(flows), data))
    }

    fn not_before_rebase(&self, heard: Option<Ns>) -> Ns {
        let rebased = self.rebased[1].iter().copied().max().unwrap_or(0);
        heard.unwrap_or(self.opened).max(rebased)
    }

    pub(super) fn listen_end(&self) -> Option<End> {
        let deadline = self.listen_at().filter(|at| *at <= self.now)?;
        let code = self.application()?.close_code;
        let reason = if code.is_some() { "heartbeat timeout" } else { "" };
        let heard = deadline - span(self.application()?.listen?.limit);
        let kind = if self.last_byte() > heard { VerdictKind::PeerSlow } else { VerdictKind::PeerSilent };
        Some(self.listener_verdict(kind, code, reason, deadline))
    }

    pub(super) fn feed_end(&self) -> Option<End> {
        let deadline = self.feed_at().filter(|at| *at <= self.now)?;
        Some(self.listener_verdict(VerdictKind::FeedStalled, Some(Policy::FEED_CODE), "feed stalled", deadline))
    }

    fn listener_verdict(&self, kind: VerdictKind, code: Option<u16>, reason: &'static str, deadline: Ns) -> End {
        let last_answer = self.last(|i| matches!(i, Input::Heartbeat(_))).map(|(ns, _)| at(ns)).filter(|heard| *heard > at(self.opened));
        End::Close(Verdict { last_answer, plane: Plane::Application, deadline: at(deadline), ..self.plain(kind, code, reason) })
    }
}
