//! The hub, the two connections alone, and all that may happen to them.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use wsbeat_core::connection::{Beats, Connection, Phase};
use wsbeat_core::event::{Action, ConnId, Input, Plane};
use wsbeat_core::hub::{Hub, Next};
use wsbeat_core::policy::Policy;
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now, Span};

use super::Domain;
use super::judge::{Again, Judge, Terms};

const SEED: u64 = 11;
/// Sleeps: one that is late, one that is a stall on both planes.
const SLEEPS_S: [u64; 2] = [2, 6];

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// None: the code as it is.
    None,
    /// The shell reports as written what it only queued (R6).
    FlushedWhenQueued,
    /// The shell forgets to report what was written (R6).
    FlushForgotten,
    /// Ticks go before what arrived by then (R1).
    TicksFirst,
    /// The timeout is half of what was promised.
    TimeoutHalved,
    /// The timeout is twice what was promised.
    TimeoutDoubled,
    /// Bytes of one connection count for the other too (R2).
    Crosstalk,
}

/// Something that happens; connections are 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An answer arrives: the one at this place among those on their way.
    Arrives(u8, u8),
    /// The same, and it will arrive once more.
    Repeats(u8, u8),
    /// It never will.
    IsLost(u8, u8),
    /// The oldest unwritten ping or heartbeat is written.
    Written(u8),
    /// The transport takes a byte, and no more.
    Drips(u8),
    /// The peer answers our close.
    PeerCloses(u8),
    /// The stream ends.
    Reset(u8),
    /// The hub is advanced.
    Tick,
    /// A second passes.
    Pass,
    /// The host sleeps for so many seconds.
    Sleeps(u8),
}

/// Everything that decides what may follow.
#[derive(Clone)]
pub struct World {
    shared: Rc<Shared>,
    hub: Hub,
    alone: [(Connection, Beats); 2],
    judges: [Judge; 2],
    now: Instant,
    ticked: bool,
    faults: u8,
}

struct Shared {
    domain: Domain,
    terms: Terms,
    policy: Policy,
    ids: [ConnId; 2],
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The connections alone are as those in the hub: law 8 holds them to it.
        (&self.hub, &self.judges, self.now, self.ticked, self.faults).hash(state);
    }
}

type Law = Result<(), String>;

impl World {
    /// Both connections open, the second a second after the first.
    pub fn new(domain: &Domain) -> Self {
        let mut policy = domain.policy.clone();
        if let Some(t) = &mut policy.transport {
            match domain.mutation {
                Mutation::TimeoutHalved => t.timeout = t.timeout.part(2),
                Mutation::TimeoutDoubled => t.timeout = t.timeout.times(2),
                _ => {}
            }
        }
        let mut hub = Hub::new(SEED, 2);
        let under = hub.register(policy.clone());
        let ids = [(); 2].map(|()| hub.accept(Now::default(), under).expect("room"));
        let alone = [0, 1].map(|n| (Connection::accepted(&policy, Now::default(), Chance::new(SEED, n)), Beats::default()));
        let shared = Shared { domain: domain.clone(), terms: Terms::of(&domain.policy), policy, ids };
        let opens = [0, 1].map(Instant::from_secs);
        let judges = opens.map(Judge::new);
        let mut world = World { shared: Rc::new(shared), hub, alone, judges, now: Instant::ZERO, ticked: false, faults: 0 };
        for (c, at) in opens.into_iter().enumerate() {
            world.now = at;
            world.feed(c, Input::Opened).expect("an opening breaks no law");
        }
        world
    }

    /// All that may happen next.
    pub fn events(&self) -> Vec<Event> {
        let mut events = vec![if self.ticked { Event::Pass } else { Event::Tick }];
        let (over, may_fail) = (self.now.as_nanos() >= self.end().as_nanos(), self.faults < self.shared.domain.faults_max);
        if over && self.ticked {
            return vec![];
        }
        if self.ticked && may_fail {
            events.extend(SLEEPS_S.map(|s| Event::Sleeps(s as u8)));
        }
        for (c, judge) in (0..).zip(&self.judges).filter(|(_, judge)| !judge.ended) {
            let coming = 0..u8::try_from(judge.coming.len()).expect("few");
            events.extend(coming.clone().map(|i| Event::Arrives(c, i)));
            if !judge.unwritten.is_empty() {
                events.push(Event::Written(c));
            }
            if judge.closed.is_some() {
                events.push(Event::PeerCloses(c));
            } else if may_fail {
                events.extend(coming.flat_map(|i| [Event::Repeats(c, i), Event::IsLost(c, i)]));
                events.push(Event::Reset(c));
                if !judge.unwritten.is_empty() {
                    events.push(Event::Drips(c));
                }
            }
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
            Event::Written(c) => self.written(c.into()),
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
            Event::Tick => self.tick(),
            Event::Pass => self.pass(1, false),
            Event::Sleeps(secs) => {
                self.faults += 1;
                self.pass(secs.into(), true)
            }
        }
    }

    fn mutation(&self) -> Mutation {
        self.shared.domain.mutation
    }

    fn arrives(&mut self, c: usize, index: usize, again: Again) -> Law {
        let terms = self.shared.terms;
        let answer = self.judges[c].arrived(&terms, self.now, index, again);
        self.feed(c, Input::Bytes(10))?;
        if self.mutation() == Mutation::Crosstalk {
            let _ = self.hub.input(self.present(), self.shared.ids[1 - c], Input::Bytes(10), &mut |_, _| {});
        }
        self.feed(c, answer)
    }

    fn written(&mut self, c: usize) -> Law {
        let terms = self.shared.terms;
        let message = self.judges[c].written(&terms, self.now);
        self.feed(c, Input::Wrote(10))?;
        if matches!(self.mutation(), Mutation::FlushForgotten | Mutation::FlushedWhenQueued) {
            return Ok(());
        }
        self.feed(c, message.input)
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
            // The second that a wake-up would have come at anyhow is none of sleep.
            judge.pass(span, asleep);
        }
        if self.mutation() == Mutation::TicksFirst { self.advance() } else { Ok(()) }
    }

    fn tick(&mut self) -> Law {
        self.ticked = true;
        self.judges.iter_mut().for_each(|judge| judge.owed(self.now));
        self.advance()?;
        let terms = self.shared.terms;
        self.judges.iter().try_for_each(|judge| judge.dead_are_closed(&terms, self.now))
    }

    fn present(&self) -> Now {
        Now::new(self.now, self.now.as_nanos() / 1_000_000)
    }

    /// The hub does all that is due; each connection alone does the same, equally late.
    fn advance(&mut self) -> Law {
        let (now, policy) = (self.present(), &self.shared.policy);
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
        let earliest = self.alone.iter().map(|(alone, _)| alone.deadline(policy)).min().expect("two");
        let lateness = now.at.since(earliest);
        for c in 0..2 {
            let mut actions = vec![];
            let (alone, beats) = &mut self.alone[c];
            if alone.deadline(policy) <= now.at {
                let after = alone.tick(policy, beats, now, lateness, &mut |action| actions.push(action));
                law(after > now.at, || format!("law 3: deadline {after:?}, now {:?}", now.at))?;
            }
            let id = self.shared.ids[c];
            let together: Vec<Action> = done.iter().filter(|(of, _)| *of == id).map(|(_, action)| *action).collect();
            law(together == actions, || format!("law 8: alone {actions:?}, together {together:?}"))?;
        }
        (0..2).try_for_each(|c| self.acted(c, &done))
    }

    fn acted(&mut self, c: usize, done: &[(ConnId, Action)]) -> Law {
        let id = self.shared.ids[c];
        let actions: Vec<Action> = done.iter().filter(|(of, _)| *of == id).map(|(_, action)| *action).collect();
        let terms = self.shared.terms;
        self.judges[c].acted(&terms, self.now, &actions)?;
        if self.mutation() == Mutation::FlushedWhenQueued {
            for flushed in self.judges[c].unwritten.clone() {
                self.feed(c, flushed.input)?;
            }
        }
        if actions.iter().any(|a| matches!(a, Action::Abort(_))) {
            self.is_over(c)?;
        }
        self.within_limits(c)
    }

    fn within_limits(&self, c: usize) -> Law {
        let Some(connection) = self.hub.connection(self.shared.ids[c]) else {
            return Ok(());
        };
        let unanswered = connection.status(Plane::Application).unanswered;
        law(u64::from(unanswered) <= self.shared.terms.misses, || format!("law 7: {unanswered} unanswered"))
    }

    /// An input, to the connection in the hub and to the one alone.
    fn feed(&mut self, c: usize, input: Input) -> Law {
        let (now, id) = (self.present(), self.shared.ids[c]);
        let (mut done, mut actions) = (vec![], vec![]);
        let phase = self.hub.input(now, id, input, &mut |id, action| done.push((id, action)));
        let (alone, beats) = &mut self.alone[c];
        let _ = alone.step_shared(&self.shared.policy, beats, now, input, &mut |action| actions.push(action));
        let same = done.iter().all(|(of, _)| *of == id) && done.iter().map(|(_, action)| action).eq(&actions);
        law(same && phase == alone.phase(), || format!("law 8: {input:?}: alone {actions:?}, together {done:?}"))?;
        let terms = self.shared.terms;
        self.judges[c].acted(&terms, self.now, &actions)?;
        self.within_limits(c)
    }
}

fn law(holds: bool, text: impl FnOnce() -> String) -> Law {
    if holds { Ok(()) } else { Err(text()) }
}
