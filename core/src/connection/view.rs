//! Looking into a connection: plain data for people, pages and metrics. Nothing here decides.

use super::beats::Unwritten;
use super::state::State;
use super::transport::{PINGS_MAX, known, payload_of};
use super::{Ctx, Phase};
use crate::event::Token;
use crate::policy::{Ask, Policy, TokenKind, Transport};
use crate::time::{Instant, Span};

/// How many pings, and how many heartbeats, a [`PlaneView`] shows at most.
pub const RECENT_MAX: usize = PINGS_MAX as usize;

/// What can be seen of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Where it stands.
    pub phase: Phase,
    /// When it opened (or was accepted, before that).
    pub opened: Instant,
    /// When its last byte came; the opening counts as one.
    pub last_byte: Instant,
    /// Pings; `None` where the plane is off.
    pub transport: Option<PlaneView>,
    /// Heartbeats; `None` where the plane is off.
    pub application: Option<PlaneView>,
}

/// What can be seen of one plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneView {
    /// How many of ours stand unanswered.
    pub unanswered: u32,
    /// How many we have sent; `None` where they are not counted (heartbeats whose tokens are timestamps).
    pub sent: Option<u64>,
    /// When the last answer that counts came.
    pub last_answer: Option<Instant>,
    /// The smoothed round trip (RFC 6298); transport only.
    pub srtt: Option<Span>,
    /// When the next one is due; `None` where none is.
    pub next_due: Option<Instant>,
    /// Those that are remembered, oldest first, at most [`RECENT_MAX`]; the places that are left over are `None`.
    pub recent: [Option<Asked>; RECENT_MAX],
}

/// A ping or heartbeat of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it carries; zero where it carries nothing.
    pub token: Token,
    /// When it was written to the transport, or where the plane's rules count from the queueing, when it was queued.
    /// `None` while it is unwritten, and where the time is not kept: its answer came, or a profile needs the newest one's only.
    pub written: Option<Instant>,
    /// Its answer, or that to a later one, has come.
    pub answered: bool,
}

impl State {
    pub(super) fn view(&self, policy: &Policy, cx: &Ctx) -> View {
        let is_open = self.phase() == Phase::Open;
        let due = |at: Instant| known(at).filter(|_| is_open);
        View {
            phase: self.phase(),
            opened: self.opened,
            last_byte: self.last_byte,
            transport: policy.transport.as_ref().map(|t| PlaneView {
                unanswered: self.unanswered(),
                sent: Some(self.sent()),
                last_answer: self.last_pong(),
                srtt: self.rtt().smoothed(),
                next_due: due(self.ping_due(t, cx)),
                recent: self.recent_pings(t, cx),
            }),
            application: policy.application.as_ref().map(|app| match &app.ask {
                Some(ask) => self.beats_view(ask, due(self.beat_due(ask, cx))),
                None => PlaneView::NOTHING_SENT,
            }),
        }
    }

    fn recent_pings(&self, t: &Transport, cx: &Ctx) -> [Option<Asked>; RECENT_MAX] {
        oldest_first(self.pings_known(), |age| {
            let answered = age >= self.unresolved();
            let is_written = age > 0 || !self.ping_unwritten();
            let written = known(self.ping_written(age)).filter(|_| is_written && !answered);
            Asked { token: payload_of(t.profile, cx, self.number(age)).token(), written, answered }
        })
    }

    fn beats_view(&self, ask: &Ask, next_due: Option<Instant>) -> PlaneView {
        let tokens = self.tokens();
        PlaneView {
            unanswered: u32::from(self.beats_unanswered),
            sent: (ask.token == TokenKind::Counter).then(|| self.last_token()),
            last_answer: self.last_answer(),
            next_due,
            recent: oldest_first(self.tokens_known(), |age| {
                let answered = age >= self.beats_unanswered;
                let is_written = age > 0 || self.beat_unwritten() != Unwritten::Counted;
                let written = known(self.beat_written(age)).filter(|_| is_written && !answered);
                Asked { token: Token(tokens[usize::from(age)]), written, answered }
            }),
            ..PlaneView::NOTHING_SENT
        }
    }
}

impl PlaneView {
    /// A plane that only answers or listens.
    const NOTHING_SENT: PlaneView =
        PlaneView { unanswered: 0, sent: None, last_answer: None, srtt: None, next_due: None, recent: [None; RECENT_MAX] };
}

/// The newest `known`, of which 0 is the newest, in the order of their sending.
fn oldest_first(known: u8, asked: impl Fn(u8) -> Asked) -> [Option<Asked>; RECENT_MAX] {
    let mut recent = [None; RECENT_MAX];
    for (place, age) in recent.iter_mut().zip((0..known).rev()) {
        *place = Some(asked(age));
    }
    recent
}
