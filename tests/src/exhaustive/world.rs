//! The hub, the two connections alone, and all that may happen to them.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use wsbeat_core::connection::{Beats, Connection, Phase};
use wsbeat_core::event::{Action, ConnId, Input, Plane, Token};
use wsbeat_core::hub::{Hub, Next, PolicyId};
use wsbeat_core::policy::{Cadence, Policy};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now, Span};

use super::Domain;
use super::event::{Event, Mutation};
use super::judge::{Again, Judge, Moment};
use super::terms::Terms;

const SEED: u64 = 11;
/// Sleeps: one that is late, one that is a stall on both planes.
const SLEEPS_S: [u8; 2] = [2, 6];

/// Everything that decides what may follow.
#[derive(Clone)]
pub struct World {
    pub(super) shared: Rc<Shared>,
    pub(super) hub: Hub,
    /// The same two connections without a hub.
    pub(super) alone: [Connection; 2],
    /// What those alone share, by the place of the policy that they run under.
    pub(super) beats: Vec<Beats>,
    pub(super) judges: [Judge; 2],
    /// The places of the policies that they run under.
    pub(super) under: [u8; 2],
    /// The policy that stands in the place of the first one.
    pub(super) first: u8,
    pub(super) now: Instant,
    /// When the hub was asked before.
    since: Instant,
    ticked: bool,
    faults: u8,
    pub(super) changes: u8,
}

pub(super) struct Shared {
    pub(super) domain: Domain,
    pub(super) policies: Vec<Promised>,
    pub(super) ids: [ConnId; 2],
}

/// A policy as the hub has it, and what it promises: a mutation makes them differ.
pub(super) struct Promised {
    pub(super) id: PolicyId,
    pub(super) policy: Policy,
    pub(super) terms: Terms,
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The connections alone are as those in the hub: law 8 holds them to it.
        (&self.hub, &self.judges, self.under, self.first, self.now, self.since).hash(state);
        (self.ticked, self.faults, self.changes).hash(state);
    }
}

pub(super) type Law = Result<(), String>;

impl World {
    /// Both connections open, the second a second after the first.
    pub fn new(domain: &Domain) -> Self {
        let mut hub = Hub::new(SEED, 2);
        let promised = |policy: &Policy| {
            let broken = broken(policy.clone(), domain.mutation);
            Promised { id: hub.register(broken.clone()), policy: broken, terms: Terms::of(policy) }
        };
        let policies: Vec<Promised> = std::iter::once(&domain.policy).chain(&domain.others).map(promised).collect();
        let Promised { id, policy, .. } = &policies[0];
        let ids = [(); 2].map(|()| hub.accept(Now::default(), *id).expect("room"));
        let alone = [0, 1].map(|n| Connection::accepted(policy, Now::default(), Chance::new(SEED, n)));
        let opens = [0, 1].map(Instant::from_secs);
        let mut world = World {
            hub,
            alone,
            beats: vec![Beats::default(); policies.len()],
            judges: opens.map(Judge::new),
            under: [0; 2],
            first: 0,
            now: Instant::ZERO,
            since: Instant::ZERO,
            ticked: false,
            faults: 0,
            changes: 0,
            shared: Rc::new(Shared { domain: domain.clone(), policies, ids }),
        };
        for (c, at) in opens.into_iter().enumerate() {
            world.now = at;
            world.feed(c, Input::Opened).expect("an opening breaks no law");
        }
        world
    }

    /// All that may happen next: what the network and the transport do before a tick, what the host and the transport do after it.
    pub fn events(&self) -> Vec<Event> {
        let may_fail = self.faults < self.shared.domain.faults_max;
        let open = (0..).zip(&self.judges).filter(|(_, judge)| !judge.ended);
        if self.ticked {
            return if self.now >= self.end() { vec![] } else { Self::after_tick(open, may_fail) };
        }
        let mut events = vec![];
        if self.judges.iter().all(|judge| judge.coming.iter().all(|m| m.arrives_by > self.now)) {
            events.push(Event::Tick);
        }
        open.for_each(|(c, judge)| Self::before_tick(c, judge, may_fail, &mut events));
        self.may_change(&mut events);
        events
    }

    fn before_tick(c: u8, judge: &Judge, may_fail: bool, events: &mut Vec<Event>) {
        let coming = 0..u8::try_from(judge.coming.len()).expect("few");
        events.extend(coming.clone().map(|i| Event::Arrives(c, i)));
        if judge.blocked {
            events.push(Event::Unblocks(c));
        }
        if judge.closed.is_some() {
            return events.push(Event::PeerCloses(c));
        }
        if may_fail {
            events.extend(coming.clone().flat_map(|i| [Event::Repeats(c, i), Event::IsLost(c, i)]));
            let quick = |i: &u8| judge.coming[usize::from(*i)].arrives_by != Instant::NEVER;
            events.extend(coming.filter(quick).map(|i| Event::IsHeld(c, i)));
            if !judge.unwritten.is_empty() {
                events.push(Event::Drips(c));
            }
        }
    }

    fn after_tick<'a>(open: impl Iterator<Item = (u8, &'a Judge)>, may_fail: bool) -> Vec<Event> {
        let mut events = vec![Event::Pass];
        if may_fail {
            events.extend(SLEEPS_S.map(Event::Sleeps));
            events.extend(
                open.filter(|(_, j)| j.closed.is_none())
                    .flat_map(|(c, j)| [Some(Event::Reset(c)), (!j.blocked).then_some(Event::Blocks(c))])
                    .flatten(),
            );
        }
        events
    }

    fn end(&self) -> Instant {
        Instant::from_secs(self.shared.domain.ends_s)
    }

    /// Lets it happen.
    ///
    /// # Errors
    /// The law that it broke.
    pub fn apply(&mut self, event: Event) -> Law {
        match event {
            Event::Arrives(c, i) => self.arrives(c.into(), i.into(), Again::No),
            Event::Repeats(c, i) => {
                self.faults += 1;
                self.arrives(c.into(), i.into(), Again::Yes)
            }
            Event::IsLost(c, i) => {
                self.faults += 1;
                self.judges[usize::from(c)].lost(i.into());
                Ok(())
            }
            Event::IsHeld(c, i) => {
                self.faults += 1;
                self.judges[usize::from(c)].coming[usize::from(i)].arrives_by = Instant::NEVER;
                Ok(())
            }
            Event::Blocks(c) => {
                self.faults += 1;
                self.judges[usize::from(c)].blocked = true;
                Ok(())
            }
            Event::Unblocks(c) => {
                self.judges[usize::from(c)].blocked = false;
                self.write(c.into())
            }
            Event::Drips(c) => {
                self.faults += 1;
                self.judges[usize::from(c)].wrote(self.now);
                self.feed(c.into(), Input::Wrote(1))
            }
            Event::PeerCloses(c) => self.ends(c.into(), Input::PeerClose(1000)),
            Event::Reset(c) => {
                self.faults += 1;
                self.ends(c.into(), Input::Lost)
            }
            Event::IsAssigned(c, to) => self.assign(c.into(), to),
            Event::IsReplaced(by) => self.replace(by),
            Event::Tick => self.tick(),
            Event::Pass => self.pass(1, false),
            Event::Sleeps(secs) => {
                self.faults += 1;
                self.pass(secs.into(), true)
            }
        }
    }

    pub(super) fn mutation(&self) -> Mutation {
        self.shared.domain.mutation
    }

    fn arrives(&mut self, c: usize, index: usize, again: Again) -> Law {
        let terms = self.terms(c);
        let answer = self.judges[c].arrived(&terms, self.now, index, again);
        self.feed(c, Input::Bytes(10))?;
        if self.mutation() == Mutation::Crosstalk {
            let _ = self.hub.input(self.present(), self.shared.ids[1 - c], Input::Bytes(10), &mut |_, _| {});
        }
        self.feed(c, answer)
    }

    /// All that is unwritten is written, if the transport takes it.
    fn write(&mut self, c: usize) -> Law {
        let terms = self.terms(c);
        while !self.judges[c].blocked && !self.judges[c].unwritten.is_empty() {
            let message = self.judges[c].written(&terms, self.now, self.shared.domain.delay_max);
            self.feed(c, Input::Wrote(10))?;
            if !matches!(self.mutation(), Mutation::FlushForgotten | Mutation::FlushedWhenQueued) {
                self.feed(c, message.input)?;
            }
        }
        Ok(())
    }

    /// The end of a connection; and nothing that comes after it does anything (law 6).
    fn ends(&mut self, c: usize, input: Input) -> Law {
        self.feed(c, input)?;
        self.judges[c].ended = true;
        self.is_over(c)
    }

    fn is_over(&mut self, c: usize) -> Law {
        let mut late: Vec<Input> = self.judges[c].coming.iter().map(|m| m.answer).collect();
        late.extend([Input::Wrote(1), Input::Bytes(1), Input::Drain, Input::Lost]);
        for input in late {
            let mut acted = false;
            let phase = self.hub.input(self.present(), self.shared.ids[c], input, &mut |_, _| acted = true);
            if acted || phase != Phase::Ended {
                return Err(format!("law 6: {input:?} after the end: {phase:?}"));
            }
        }
        (self.judges[c].coming, self.judges[c].unwritten) = (vec![], vec![]);
        Ok(())
    }

    fn pass(&mut self, secs: u64, asleep: bool) -> Law {
        let span = Span::from_secs(secs);
        (self.now, self.ticked) = (self.now.after(span), false);
        for judge in &mut self.judges {
            judge.pass(span, asleep);
        }
        if self.mutation() == Mutation::TicksFirst { self.advance() } else { Ok(()) }
    }

    fn tick(&mut self) -> Law {
        self.ticked = true;
        self.judges.iter_mut().for_each(|judge| judge.owed(self.now));
        self.advance()?;
        self.since = self.now;
        (0..2).try_for_each(|c| self.judges[c].dead_are_closed(&self.terms(c), self.now))
    }

    pub(super) fn present(&self) -> Now {
        Now::new(self.now, self.now.as_nanos() / 1_000_000)
    }

    /// The hub does all that is due; each connection alone does the same, equally late.
    fn advance(&mut self) -> Law {
        let now = self.present();
        let promised = self.hub.next_due();
        let mut done = vec![];
        let mut next = Next::Again;
        while next == Next::Again {
            next = self.hub.advance(now, 1_000, &mut |id, action| done.push((id, action)));
        }
        if let Next::At(at) = next {
            law(at > now.at, || format!("law 3: next at {at:?}, now {:?}", now.at))?;
        }
        let early = match promised {
            Next::Again => false,
            Next::At(at) => at > now.at,
            Next::Idle => true,
        };
        law(!early || done.is_empty(), || format!("law 4: before {promised:?}: {done:?}"))?;
        self.one_token_a_beat(&done)?;
        let deadlines = [0, 1].map(|c| self.alone[c].deadline(self.policy(c)));
        let lateness = now.at.since(deadlines[0].min(deadlines[1]));
        for (c, deadline) in deadlines.into_iter().enumerate() {
            let (shared, mut actions) = (Rc::clone(&self.shared), vec![]);
            if deadline <= now.at {
                let policy = &shared.policies[self.real(c)].policy;
                let beats = &mut self.beats[usize::from(self.under[c])];
                let after = self.alone[c].tick(policy, beats, now, lateness, &mut |action| actions.push(action));
                law(after > now.at, || format!("law 3: deadline {after:?}, now {:?}", now.at))?;
            }
            let together = self.of(c, &done);
            law(together == actions, || format!("law 8: alone {actions:?}, together {together:?}"))?;
        }
        (0..2).try_for_each(|c| self.acted(c, &done))
    }

    /// What was done with this connection.
    pub(super) fn of(&self, c: usize, done: &[(ConnId, Action)]) -> Vec<Action> {
        done.iter().filter(|(of, _)| *of == self.shared.ids[c]).map(|(_, action)| *action).collect()
    }

    /// Under one policy all that beat `together` have the same token; one that came from another policy may have had it already.
    fn one_token_a_beat(&self, done: &[(ConnId, Action)]) -> Law {
        let is_together = self.terms(0).beats.is_some_and(|beats| beats.cadence == Cadence::Together);
        if !is_together || self.changes > 0 {
            return Ok(());
        }
        let tokens: Vec<Token> = done.iter().filter_map(|(_, a)| if let Action::Heartbeat(t) = a { Some(*t) } else { None }).collect();
        law(tokens.windows(2).all(|pair| pair[0] == pair[1]), || format!("rule §9: in one beat {tokens:?}"))
    }

    fn acted(&mut self, c: usize, done: &[(ConnId, Action)]) -> Law {
        let actions = self.of(c, done);
        self.judges[c].acted(&self.terms(c), self.moment(), &actions)?;
        if self.mutation() == Mutation::FlushedWhenQueued {
            for flushed in self.judges[c].unwritten.clone() {
                self.feed(c, flushed.input)?;
            }
        }
        if actions.iter().any(|a| matches!(a, Action::Abort(_))) {
            self.is_over(c)?;
        }
        self.write(c)?;
        self.within_limits(c)
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, since: self.since }
    }

    pub(super) fn within_limits(&self, c: usize) -> Law {
        let open = self.hub.connection(self.shared.ids[c]).filter(|connection| connection.phase() == Phase::Open);
        let Some(connection) = open else { return Ok(()) };
        let unanswered = connection.status(Plane::Application).unanswered;
        let limit = self.terms(c).beats.map_or(0, |beats| beats.misses);
        law(u64::from(unanswered) <= limit, || format!("law 7: {unanswered} unanswered"))
    }

    /// An input, to the connection in the hub and to the one alone.
    fn feed(&mut self, c: usize, input: Input) -> Law {
        let (now, id) = (self.present(), self.shared.ids[c]);
        let mut done = vec![];
        let phase = self.hub.input(now, id, input, &mut |id, action| done.push((id, action)));
        self.step_alone(c, input, &done, phase)
    }

    /// The connection without a hub takes an input too, and does what the hub has done.
    pub(super) fn step_alone(&mut self, c: usize, input: Input, done: &[(ConnId, Action)], phase: Phase) -> Law {
        let (now, shared, mut actions) = (self.present(), Rc::clone(&self.shared), vec![]);
        let policy = &shared.policies[self.real(c)].policy;
        let (alone, beats) = (&mut self.alone[c], &mut self.beats[usize::from(self.under[c])]);
        let _ = alone.step_shared(policy, beats, now, input, &mut |action| actions.push(action));
        let same = done.iter().all(|(of, _)| *of == shared.ids[c]) && done.iter().map(|(_, action)| action).eq(&actions);
        law(same && phase == alone.phase(), || format!("law 8: {input:?}: alone {actions:?}, together {done:?}"))?;
        self.judges[c].acted(&self.terms(c), self.moment(), &actions)?;
        self.within_limits(c)
    }
}

/// The policy that a mutation gives the hub in place of the one that is promised.
fn broken(mut policy: Policy, mutation: Mutation) -> Policy {
    if let Some(t) = &mut policy.transport {
        match mutation {
            Mutation::TimeoutHalved => t.timeout = t.timeout.part(2),
            Mutation::TimeoutDoubled => t.timeout = t.timeout.times(2),
            _ => {}
        }
    }
    let ask = policy.application.as_mut().and_then(|app| app.ask.as_mut());
    if let (Some(ask), Mutation::BeatsApart) = (ask, mutation) {
        ask.cadence = Cadence::Spread;
    }
    policy
}

pub(super) fn law(holds: bool, text: impl FnOnce() -> String) -> Law {
    if holds { Ok(()) } else { Err(text()) }
}
