//! The judge: outside the code under test, it sees what goes in and what comes out, and checks the laws.
//!
//! It knows the policy, the inputs, the times of ticks, the deadlines that were promised and the actions: nothing of the
//! world's plans, and nothing of the hub's inside.

mod beats;
mod closes;
mod flood;
mod pings;
mod rules;
mod step;
mod verdicts;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::connection::Phase;
use crate::event::{Action, ConnId, Input, Note, Plane, VerdictKind};
use crate::hub::Next;
use crate::policy::Policy;
use crate::time::{Instant, Span};
use beats::BeatWatch;
use flood::Flood;
use pings::PingWatch;
use step::Step;

/// Law 2: no step of one connection takes more actions.
const ACTIONS_MAX: u32 = 4;
const LATE: &str = "law 13: its time was over, and it was not given up";
const OWED: &str = "law 14: a ping or heartbeat that was due was not sent";
const OFF: &str = "something is sent on a plane that is off";
const IGNORED: &str = "an input that ends its connection did not";
/// How many breaches are told in full.
const BREACHES_MAX: usize = 16;

/// A law that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// When.
    pub at: Instant,
    /// By which connection: its number, from 1; 0 for the hub itself.
    pub conn: u64,
    /// What happened.
    pub what: &'static str,
}

/// What is known of one connection.
#[derive(Clone, Copy, Debug)]
struct Watched {
    generation: u32,
    phase: Phase,
    /// Since when it is in this phase.
    since: Instant,
    /// When that was last heard which is listened for.
    heard: Instant,
    /// Since when it has unread input; `NEVER` when it has none.
    unread_since: Instant,
    /// When the last byte came.
    last_byte: Instant,
    /// From when the feed counts as without data.
    fed_at: Instant,
    /// Heartbeats came since the last data.
    is_unfed: bool,
    /// The plane of pings gave it up for its silence.
    is_mute: bool,
    malformed: u32,
    pings: PingWatch,
    beats: BeatWatch,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Judge {
    policy: Policy,
    watched: Vec<Watched>,
    /// Of peers that ping, by their slots.
    floods: BTreeMap<u32, Flood>,
    /// No generation below was not given away.
    generation: u32,
    now: Instant,
    /// The deadline that the last tick returned.
    promised: Instant,
    /// When the last tick came that left nothing due.
    ticked: Instant,
    /// How late this tick is.
    late: Span,
    /// Nothing was put in since the deadline was returned.
    quiet: bool,
    step: Step,
    /// From then on nobody may be given up: the storm is over and everyone answers.
    calm_from: Instant,
    breaches: Vec<Breach>,
    breaches_count: u64,
}

impl Judge {
    pub(super) fn new(policy: Policy, calm_from: Instant) -> Self {
        Judge {
            policy,
            watched: Vec::new(),
            floods: BTreeMap::new(),
            generation: 0,
            now: Instant::ZERO,
            promised: Instant::NEVER,
            ticked: Instant::ZERO,
            late: Span::ZERO,
            quiet: true,
            step: Step::NONE,
            calm_from,
            breaches: Vec::new(),
            breaches_count: 0,
        }
    }

    pub(super) fn breaches(self) -> (Vec<Breach>, u64) {
        (self.breaches, self.breaches_count)
    }

    fn breach(&mut self, conn: u64, what: &'static str) {
        self.breaches_count += 1;
        if self.breaches.len() < BREACHES_MAX {
            self.breaches.push(Breach { at: self.now, conn, what });
        }
    }

    fn accuse(&mut self, id: ConnId, what: Option<&'static str>) {
        if let Some(what) = what {
            self.breach(number(id), what);
        }
    }

    /// Something that the world itself found.
    pub(super) fn found(&mut self, id: ConnId, what: &'static str) {
        self.breach(number(id), what);
    }

    /// The hub wakes without end.
    pub(super) fn is_restless(&mut self) {
        self.breach(0, "law 3: the hub wakes again and again, and nothing comes of it");
    }

    pub(super) fn accepted(&mut self, id: ConnId, at: Instant) {
        self.observe(at);
        self.quiet = false;
        let new = Watched {
            generation: id.generation,
            phase: Phase::Handshake,
            since: self.now,
            heard: self.now,
            unread_since: Instant::NEVER,
            last_byte: self.now,
            fed_at: self.now,
            is_unfed: false,
            is_mute: false,
            malformed: 0,
            pings: PingWatch::NEW,
            beats: BeatWatch::opened(self.now),
        };
        if id.generation < self.generation {
            self.breach(number(id), "R2: an id is used again");
        }
        self.generation = id.generation.saturating_add(1);
        self.floods.remove(&id.index);
        let next = self.watched.len();
        match self.watched.get_mut(id.index as usize) {
            None if id.index as usize == next => self.watched.push(new),
            Some(old) if old.phase == Phase::Ended => *old = new,
            _ => self.breach(number(id), "a slot was given away that was not free"),
        }
    }

    /// A time lower than before is taken as before (SPEC §2).
    fn observe(&mut self, at: Instant) {
        self.now = self.now.max(at);
    }

    fn live(&self, id: ConnId) -> Option<&Watched> {
        self.watched.get(id.index as usize).filter(|w| w.generation == id.generation && w.phase != Phase::Ended)
    }

    /// An input is about to be put in.
    pub(super) fn input(&mut self, id: ConnId, at: Instant, input: Input) {
        self.observe(at);
        self.step = Step { input: Some(input), conn: Some(id), ..Step::NONE };
        let Some(phase) = self.live(id).map(|watched| watched.phase) else {
            return;
        };
        (self.quiet, self.step.phase) = (false, phase);
        let (now, policy) = (self.now, &self.policy);
        if phase == Phase::Open && input == Input::Ping {
            self.step.is_flood = self.floods.entry(id.index).or_insert(Flood::new(now)).ping(&policy.limits, now);
        }
        if let Some(watched) = self.watched.get_mut(id.index as usize) {
            watched.hears(policy, now, input);
        }
    }

    /// The input was put in, and this is the phase that was told.
    pub(super) fn settled(&mut self, id: ConnId, phase: Phase) {
        let known = self.live(id);
        let is_ignored = known.is_some_and(|watched| {
            watched.phase == self.step.phase
                && matches!(watched.phase, Phase::Handshake | Phase::Open)
                && closes::has_to_end(&self.policy, watched, &self.step)
        });
        if known.map_or(Phase::Ended, |w| w.phase) != phase {
            self.breach(number(id), "the phase is not what inputs and actions make it");
        }
        if is_ignored {
            self.breach(number(id), IGNORED);
        }
        if self.step.phase == Phase::Open {
            self.is_served(id);
        }
    }

    /// What the input asks for was done, once.
    fn is_served(&mut self, id: ConnId) {
        let Some(input) = self.step.input else {
            return;
        };
        let answers = self.policy.application.is_some_and(|app| app.answers_peer);
        if matches!(input, Input::Heartbeat(_)) && answers && self.step.answers == 0 {
            self.breach(number(id), "a heartbeat of the peer's was not answered in its step");
        }
        if self.step.delivered != u32::from(rules::is_delivered(&self.policy, input)) {
            self.breach(number(id), "a message is delivered once, and nothing else is");
        }
    }

    pub(super) fn tick_begins(&mut self, at: Instant) {
        self.observe(at);
        self.late = self.now.since(self.promised);
        self.step = Step::NONE;
    }

    pub(super) fn tick_ends(&mut self, next: Next) {
        self.step_ends();
        match next {
            Next::Again => return,
            Next::At(at) if at <= self.now => self.breach(0, "law 3: the deadline that a tick returned is not later than now"),
            Next::At(at) => self.promised = at,
            Next::Idle => self.promised = Instant::NEVER,
        }
        if self.late > rules::handshake_stall_after(&self.policy) {
            self.handshakes_begin_anew();
        }
        (self.quiet, self.late, self.ticked) = (true, Span::ZERO, self.now);
    }

    /// The hub was asked for its next deadline after inputs.
    pub(super) fn asked(&mut self, promised: Instant) {
        if promised < self.now && promised < self.promised {
            self.breach(0, "R5: an input brings a deadline about that has passed");
        }
        (self.promised, self.quiet) = (promised, true);
    }

    /// Something came out.
    pub(super) fn action(&mut self, id: ConnId, action: &Action) {
        self.count_action(id);
        let Some(watched) = self.live(id) else {
            return self.breach(number(id), "law 6: an action of a connection that had ended");
        };
        let (phase, ends_by, owed_by) = (watched.phase, rules::ends_by(&self.policy, watched), rules::owed_by(&self.policy, watched));
        if self.step.input.is_none() && self.quiet && self.now < self.promised {
            self.breach(number(id), "law 4: a tick before the deadline did something");
        }
        if self.step.input.is_none() && self.now > ends_by.after(self.late) {
            self.breach(number(id), LATE);
        }
        if self.step.input.is_none() && self.now > owed_by.after(self.late) {
            self.breach(number(id), OWED);
        }
        if phase != Phase::Open && !matches!(action, Action::Abort(_)) {
            return self.breach(number(id), "R3: something is sent on a connection that is not open");
        }
        match action {
            Action::Ping(payload) => {
                self.watch(id, |w, step, seen| seen.ping(w, step, *payload));
                self.step.owes_ping = false;
            }
            Action::Heartbeat(token) => self.watch(id, |w, step, seen| seen.heartbeat(w, step, *token)),
            Action::Answer(token) => {
                self.step.answers += 1;
                if self.step.answers > 1 || self.step.input != Some(Input::Heartbeat(*token)) {
                    self.breach(number(id), "an answer to what was not asked");
                }
            }
            Action::Deliver => self.step.delivered += 1,
            Action::UserPing if self.step.input != Some(Input::UserPing) => self.breach(number(id), "a ping of nobody's"),
            Action::Close(verdict) => {
                self.accuse(id, self.live(id).and_then(|watched| self.wrong_verdict(watched, verdict)));
                let echo = verdict.kind == VerdictKind::PeerClosed;
                let is_mute = verdict.kind.is_silence() && verdict.plane == Plane::Transport;
                self.watch(id, |watched, _, _| {
                    watched.is_mute = is_mute;
                    None
                });
                self.goes(id, if echo { Phase::Echoed } else { Phase::Closing });
            }
            Action::Abort(verdict) => {
                self.accuse(id, self.live(id).and_then(|watched| self.wrong_abort(watched, verdict)));
                self.goes(id, Phase::Ended);
            }
            Action::Note(Note::Stalled { lateness }) => self.stalled(id, *lateness),
            Action::Note(_) | Action::UserPing => {}
        }
    }

    fn count_action(&mut self, id: ConnId) {
        if self.step.conn != Some(id) {
            if self.step.input.is_some() {
                self.breach(number(id), "law 8: another connection than the one of the input acts");
            }
            if self.step.conn.is_some_and(|last| last.index > id.index) {
                self.breach(number(id), "R2: connections are not visited in ascending id");
            }
            self.step_ends();
            self.step = Step { input: self.step.input, conn: Some(id), ..Step::NONE };
        }
        self.step.actions += 1;
        if self.step.actions == ACTIONS_MAX + 1 {
            self.breach(number(id), "law 2: more actions in one step than any rule allows");
        }
    }

    /// All that a connection does in this step is done.
    fn step_ends(&mut self) {
        let owing = self.step.conn.filter(|_| core::mem::take(&mut self.step.owes_ping));
        if let Some(id) = owing.filter(|id| self.live(*id).is_some_and(|watched| watched.phase == Phase::Open)) {
            self.breach(number(id), "R5: the host had slept, and no ping went out");
        }
    }

    fn watch(&mut self, id: ConnId, f: impl FnOnce(&mut Watched, &Step, Seen<'_>) -> Option<&'static str>) {
        let seen = Seen { policy: &self.policy, now: self.now, late: self.late };
        let Some(watched) = self.watched.get_mut(id.index as usize) else {
            return;
        };
        let wrong = f(watched, &self.step, seen);
        self.accuse(id, wrong);
    }

    fn goes(&mut self, id: ConnId, phase: Phase) {
        let now = self.now;
        if let Some(watched) = self.watched.get_mut(id.index as usize) {
            (watched.phase, watched.since) = (phase, now);
        }
    }

    /// Looks at every connection: who had to be given up by the last tick, and was not?
    pub(super) fn sweep(&mut self) {
        for index in 0..self.watched.len() {
            let watched = &self.watched[index];
            let id = ConnId { index: u32::try_from(index).unwrap_or(u32::MAX), generation: watched.generation };
            if let Some(what) = self.overdue(watched) {
                self.breach(number(id), what);
            }
        }
    }
}

/// The number of a connection in reports: the first that was opened is 1.
pub(super) const fn number(id: ConnId) -> u64 {
    id.generation as u64 + 1
}

/// What every rule may look at.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    policy: &'a Policy,
    now: Instant,
    late: Span,
}

impl Seen<'_> {
    fn ping(self, watched: &mut Watched, step: &Step, payload: crate::event::Payload) -> Option<&'static str> {
        if self.policy.transport.is_none() {
            return Some(OFF);
        }
        let t = rules::strict(self.policy)?;
        let in_time = (self.late == Span::ZERO && step.stalled == Span::ZERO).then_some(self.now);
        watched.pings.sent(t, payload, self.now, in_time)
    }

    fn heartbeat(self, watched: &mut Watched, step: &Step, token: crate::event::Token) -> Option<&'static str> {
        let Some(ask) = self.policy.application.as_ref().and_then(|app| app.ask.as_ref()) else {
            return Some(OFF);
        };
        let rebased = step.stalled > rules::application_stall_after(self.policy);
        watched.beats.sent(ask, token, self.now, self.late, rebased)
    }
}

#[cfg(test)]
mod tests;
