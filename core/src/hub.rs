//! Many connections over one timer wheel.

mod due;
mod member;
mod same;
mod sink;

pub use sink::HubSink;

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::connection::{ConnectionRef, Ctx, Phase, State, View};
use crate::event::{ConnId, Counter, Input};
use crate::policy::Policy;
use crate::stats::Stats;
use crate::time::{Guard, Instant, Now, Span};
use crate::wheel::{Wheel, make_room};
use due::Due;
use member::{Member, Shared, TOUCHED, deadline_of, touch};
use sink::Out;

/// A policy of a [`Hub`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(u32);

/// When to call [`Hub::advance`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: the budget ended before what was due.
    Again,
    /// When this instant has come.
    At(Instant),
    /// After the next input.
    Idle,
}

/// So many places are kept when nobody is left. Generations go on: an id of a place that was given back stays stale.
const PLACES_KEPT: usize = 1_024;

/// The hub has as many connections as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many it may have.
    pub connections_max: u32,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connections = {0}: at most {0}", self.connections_max)
    }
}

impl core::error::Error for Full {}

/// Many connections, visited in ascending id, over one timer wheel.
///
/// How to call it: [`register`](Hub::register) the policies; [`accept`](Hub::accept) each connection and give what happens
/// to it to [`input`](Hub::input), until that gives [`Phase::Ended`]. When the inputs at hand are in, call
/// [`advance`](Hub::advance), again and again while it says so, and then when the instant has come that it gave.
///
/// The present of all calls is one: a `now` lower than before is taken as before, and counted; [`Instant::NEVER`] is taken
/// as the instant before it.
///
/// Wake-ups are exact or early, never late: a deadline that moves later (as most do with every byte that arrives) is left
/// where it is in the wheel and asked for again when it fires, so that traffic costs no timer work. Nothing is allocated
/// while the number of connections stays below its maximum since there was none; when the last of a crowd of more than a
/// thousand has left, its memory is given back.
#[derive(Clone, Debug)]
pub struct Hub {
    seed: u64,
    connections_max: u32,
    /// The generation of the next connection.
    generation: u32,
    /// How far one generation is from the next.
    generation_step: u32,
    live: u32,
    /// A place without a connection holds one that has ended.
    slots: Vec<Member>,
    free: Vec<u32>,
    policies: Vec<Shared>,
    /// A key is a slot. A live connection is in the wheel, no later than its deadline, or among `due`, or it waits for nothing.
    wheel: Wheel,
    due: Due,
    /// What the wheel handed out last; kept for its space.
    fired: Vec<u32>,
    guard: Guard,
    stats: Stats,
}

impl Hub {
    /// What a connection costs: its place and its timer, in bytes. One whose peer pings, or leaves more than one ping or
    /// heartbeat unanswered, or that we listen to, or whose intervals are longer than a quarter of an hour, costs 56 more, and
    /// 24 to 88 for each of the latter three.
    pub const CONNECTION_BYTES: usize = size_of::<Member>() + Wheel::KEY_BYTES;

    /// A hub of at most `connections_max` connections, whose chance comes from `seed`.
    #[must_use]
    pub fn new(seed: u64, connections_max: u32) -> Self {
        Hub {
            seed,
            connections_max,
            generation: 0,
            generation_step: 1,
            live: 0,
            slots: Vec::new(),
            free: Vec::new(),
            policies: vec![Shared::new(Policy::off())],
            wheel: Wheel::default(),
            due: Due::default(),
            fired: Vec::new(),
            guard: Guard::default(),
            stats: Stats::default(),
        }
    }

    /// The hub, where it is one of several whose connections are numbered in turn: the first one has the generation `first`, each
    /// next one `step` more, so that hubs with the same `step` and a `first` below it of their own never give the same generation.
    ///
    /// After the last generation below 2^32 it begins anew with `first % step`. A `step` of 0 counts as 1.
    #[must_use]
    pub fn numbered(mut self, first: u32, step: u32) -> Self {
        (self.generation, self.generation_step) = (first, step.max(1));
        self
    }

    /// Registers a policy; an equal one is registered once.
    pub fn register(&mut self, policy: Policy) -> PolicyId {
        let known = self.policies.iter().position(|shared| shared.policy == policy);
        let index = known.unwrap_or(self.policies.len());
        if index == self.policies.len() {
            self.policies.push(Shared::new(policy));
        }
        PolicyId(u32::try_from(index).unwrap_or(0))
    }

    /// Replaces a policy under all connections that run under it (rule R9), in ascending id.
    ///
    /// Whoever registered an equal policy shares its id, and its replacement. An id of another hub replaces nothing.
    pub fn replace<S: HubSink>(&mut self, now: Now, id: PolicyId, policy: Policy, out: &mut S) {
        let Some(shared) = self.policies.get_mut(id.0 as usize) else {
            return;
        };
        shared.replace(policy);
        let now = self.observe(now);
        for slot in 0..self.live + self.vacant() {
            if self.member(slot).is_some_and(|member| member.policy == id) {
                self.step(now, slot, Input::Reconfigured, out);
            }
        }
    }

    /// Puts connection `id` under another policy of this hub's (rule R9). A stale id, or a policy of another hub, does nothing.
    pub fn assign<S: HubSink>(&mut self, now: Now, id: ConnId, policy: PolicyId, out: &mut S) {
        if self.named(id).is_none() || (policy.0 as usize) >= self.policies.len() {
            return;
        }
        self.slots[id.index as usize].policy = policy;
        let now = self.observe(now);
        self.step(now, id.index, Input::Reconfigured, out);
    }

    /// A connection whose upgrade is under way; its handshake deadline runs from `now`.
    ///
    /// With an id of another hub it runs under [`Policy::off`].
    ///
    /// # Errors
    /// [`Full`] at the limit of connections.
    pub fn accept(&mut self, now: Now, policy: PolicyId) -> Result<ConnId, Full> {
        if self.live >= self.connections_max {
            return Err(Full { connections_max: self.connections_max });
        }
        let now = self.observe(now);
        let policy = if (policy.0 as usize) < self.policies.len() { policy } else { PolicyId(0) };
        let rules = &self.policies[policy.0 as usize].policy;
        let generation = self.generation;
        let member = Member { state: State::new(rules, now.at), generation, policy };
        let deadline = member.state.deadline(rules, &member.cx(self.seed, now));
        let slot = self.take_slot();
        self.generation = generation.checked_add(self.generation_step).unwrap_or(generation % self.generation_step);
        self.slots[slot as usize] = member;
        self.wheel.arm(slot, deadline);
        Ok(ConnId { index: slot, generation })
    }

    /// Gives the next connection this generation, from which its chance comes, and counts on: for replays. A generation that
    /// is given twice may make a stale id name a later connection.
    pub const fn number_next(&mut self, generation: u32) {
        self.generation = generation;
    }

    /// Puts an input into connection `id`; every action goes to `out` before it returns. Gives the phase after it;
    /// a stale id does nothing and gives [`Phase::Ended`]. Call [`Hub::advance`] when the inputs at hand are in.
    ///
    /// Time is the hub's: [`Input::Tick`] does nothing here.
    pub fn input<S: HubSink>(&mut self, now: Now, id: ConnId, input: Input, out: &mut S) -> Phase {
        match self.named(id) {
            None => Phase::Ended,
            Some(member) if input == Input::Tick => member.state.phase(),
            Some(_) => {
                let now = self.observe(now);
                self.step(now, id.index, input, out)
            }
        }
    }

    /// Visits at most `budget` connections that are due at `now`, in ascending id; a budget of 0 counts as 1.
    ///
    /// All visits of one call share one lateness: `now` less the earliest deadline that has passed and was not served
    /// (rule R5). Those beyond the budget stay due; an input that reaches one of them first is applied first (R1), and may
    /// make its visit needless. [`Next::At`] is always later than `now`.
    #[must_use]
    pub fn advance<S: HubSink>(&mut self, now: Now, budget: u32, out: &mut S) -> Next {
        let now = self.observe(now);
        let left = self.earliest_left();
        let earliest = left.min(self.collect(now.at));
        let lateness = now.at.since(earliest);
        for _ in 0..budget.max(1) {
            let Some(slot) = self.due.take_first() else {
                break;
            };
            self.visit(now, slot, lateness, out);
        }
        self.next_due()
    }

    /// When to call [`advance`](Self::advance) again. Inputs move deadlines, `PingFlushed` after the very `advance` that asked for
    /// the ping: whoever fed some since then asks here, as what `advance` returned may be too late.
    #[must_use]
    pub fn next_due(&mut self) -> Next {
        if !self.due.is_empty() {
            return Next::Again;
        }
        match self.wheel.next() {
            Instant::NEVER => Next::Idle,
            at => Next::At(at),
        }
    }

    /// Whether [`advance`](Hub::advance) at `now` may have something to do: where this says no, it does nothing (law 4).
    #[must_use]
    pub fn is_due(&mut self, now: Instant) -> bool {
        !self.due.is_empty() || self.wheel.next() <= now
    }

    /// The connection of this id, unless it has ended.
    #[must_use]
    pub fn connection(&self, id: ConnId) -> Option<ConnectionRef<'_>> {
        let member = self.named(id)?;
        Some(ConnectionRef::new(&member.state, member.chance(self.seed)))
    }

    /// What can be seen of the connection of this id, unless it has ended.
    #[must_use]
    pub fn view(&self, id: ConnId) -> Option<View> {
        let shared = self.policies.get(self.named(id)?.policy.0 as usize)?;
        Some(self.connection(id)?.view(&shared.policy))
    }

    /// The ids of all connections, ascending.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> + '_ {
        let members = (0..).zip(&self.slots).filter(|(_, member)| member.state.phase() != Phase::Ended);
        members.map(|(index, member)| ConnId { index, generation: member.generation })
    }

    /// How many connections there are, handshakes included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// What was counted since the hub began.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn observe(&mut self, now: Now) -> Now {
        let (now, backwards) = self.guard.observe(now);
        if backwards {
            self.stats.add(Counter::ClockBackwards);
        }
        now
    }

    fn step<S: HubSink>(&mut self, now: Now, slot: u32, input: Input, out: &mut S) -> Phase {
        let Some((member, shared, cx, mut out)) = self.at(now, slot, out) else {
            return Phase::Ended;
        };
        let postpones = shared.is_steady && member.state.only_postpones(&input);
        member.state.apply(&shared.policy, &cx, input, &mut out);
        let phase = member.state.phase();
        // A sign of life that closed has brought the end of the close handshake about.
        if postpones && phase == Phase::Open && !self.due.contains(slot) {
            debug_assert!(deadline_of(self.seed, &self.slots, &self.policies, slot) >= self.wheel.armed(slot), "{input:?}");
            return phase;
        }
        // Due or not, its deadline is another now; the wheel hands it out again if that has passed.
        self.due.remove(slot);
        self.settle(slot, phase, deadline_of(self.seed, &self.slots, &self.policies, slot));
        phase
    }

    fn visit<S: HubSink>(&mut self, now: Now, slot: u32, lateness: Span, out: &mut S) {
        let Some((member, shared, cx, mut out)) = self.at(now, slot, out) else {
            return;
        };
        let deadline = member.state.tick_due(&shared.policy, &mut shared.beats, &cx, lateness, &mut out);
        let phase = member.state.phase();
        // Law 3: later than now. A rule that broke it must cost a wake-up, not a loop that never sleeps.
        self.settle(slot, phase, deadline.max(now.at.after(Span::from_nanos(1))));
    }

    /// What a step of the connection in `slot`, which there is, needs.
    fn at<'a, S>(&'a mut self, now: Now, slot: u32, out: &'a mut S) -> Option<(&'a mut Member, &'a mut Shared, Ctx, Out<'a, S>)> {
        let member = self.slots.get_mut(slot as usize)?;
        let shared = self.policies.get_mut(member.policy.0 as usize)?;
        let cx = member.cx(self.seed, now);
        let id = ConnId { index: slot, generation: member.generation };
        let stats = &mut self.stats;
        Some((member, shared, cx, Out { id, stats, out }))
    }

    /// Arms what has to fire earlier than it would; what may fire later is asked again when it fires.
    fn settle(&mut self, slot: u32, phase: Phase, deadline: Instant) {
        if phase == Phase::Ended {
            return self.vacate(slot);
        }
        if deadline < self.wheel.armed(slot) {
            self.wheel.arm(slot, deadline);
        }
    }

    /// The earliest deadline of those that the budget of earlier calls left over. No input has reached them since.
    fn earliest_left(&mut self) -> Instant {
        let (seed, slots, policies) = (self.seed, &self.slots, &self.policies);
        self.due.earliest(|slot| deadline_of(seed, slots, policies, slot))
    }

    /// Moves what has become due from the wheel to `due`, and gives the earliest deadline of it.
    fn collect(&mut self, now: Instant) -> Instant {
        let mut earliest = Instant::NEVER;
        self.fired.clear();
        self.wheel.expire(now, &mut self.fired);
        for some in self.fired.chunks(TOUCHED) {
            touch(&self.slots, some);
            for slot in some.iter().copied() {
                let deadline = deadline_of(self.seed, &self.slots, &self.policies, slot);
                if deadline > now {
                    self.wheel.arm(slot, deadline);
                    continue;
                }
                self.due.insert(slot, deadline);
                earliest = earliest.min(deadline);
            }
        }
        earliest
    }

    fn member(&self, slot: u32) -> Option<&Member> {
        self.slots.get(slot as usize).filter(|member| member.state.phase() != Phase::Ended)
    }

    fn named(&self, id: ConnId) -> Option<&Member> {
        self.member(id.index).filter(|member| member.generation == id.generation)
    }

    fn vacant(&self) -> u32 {
        u32::try_from(self.free.len()).unwrap_or(u32::MAX)
    }

    fn take_slot(&mut self) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            make_room(&mut self.slots, self.live as usize + 1);
            self.slots.push(Member::vacant());
            self.live
        });
        self.live += 1;
        slot
    }

    fn vacate(&mut self, slot: u32) {
        self.slots[slot as usize] = Member::vacant();
        self.live -= 1;
        self.free.push(slot);
        self.wheel.disarm(slot);
        if self.live == 0 && self.slots.len() > PLACES_KEPT {
            (self.slots, self.free, self.fired) = Default::default();
            self.wheel.release();
        }
    }
}
