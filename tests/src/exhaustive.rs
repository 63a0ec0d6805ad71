//! A search over every interleaving of a small world: the real hub, two connections, and a network that may
//! lose, repeat, reorder and delay; a writer that may block; a host that may sleep; an operator who may change the policy.

mod change;
mod event;
mod judge;
mod side;
mod terms;
mod world;

pub use event::{Event, Mutation};
pub use world::World;

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use wsbeat_core::policy::Policy;
use wsbeat_core::time::Span;

/// What is searched.
#[derive(Clone, Debug)]
pub struct Domain {
    /// What the judge holds the hub to; the hub runs under it, unless a mutation gives it another.
    pub policy: Policy,
    /// The policies that may take its place, under both connections or one.
    pub others: Vec<Policy>,
    /// How many such changes there may be in one history.
    pub changes_max: u8,
    /// The last second.
    pub ends_s: u64,
    /// How long an answer takes at most, unless it is lost or held.
    pub delay_max: Span,
    /// How many faults there may be in one history: losses, holds, repetitions, blocks, drips, resets, sleeps.
    pub faults_max: u8,
    /// What is broken on purpose between the world and the hub.
    pub mutation: Mutation,
}

/// What came of a search.
#[derive(Debug)]
pub struct Found {
    /// How many different states were visited.
    pub states: usize,
    /// How many steps were taken from one state to another.
    pub steps: usize,
    /// The first broken law, and the history that breaks it.
    pub violation: Option<(String, Vec<Event>)>,
}

/// How a state was reached: from which, by what.
#[derive(Clone, Copy)]
struct Way {
    from: u32,
    event: Event,
}

/// Visits every state once, until a law breaks or there are no more.
///
/// Depth first: time is part of a state and only goes on, so every order visits the same states and ends, and in this one
/// no more than a few hundred worlds are held at once.
pub fn search(domain: &Domain) -> Found {
    let mut ways: Vec<Way> = vec![];
    let mut seen = HashSet::new();
    let mut open = vec![(u32::MAX, World::new(domain))];
    let mut steps = 0;
    while let Some((from, before)) = open.pop() {
        for event in before.events().into_iter().rev() {
            let mut world = before.clone();
            steps += 1;
            let broken = world.apply(event).err();
            if broken.is_none() && !seen.insert(fingerprint(&world)) {
                continue;
            }
            let index = u32::try_from(ways.len()).expect("fewer states");
            ways.push(Way { from, event });
            if let Some(law) = broken {
                return Found { states: seen.len(), steps, violation: Some((law, history(&ways, index))) };
            }
            open.push((index, world));
        }
    }
    Found { states: seen.len(), steps, violation: None }
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

fn history(ways: &[Way], mut index: u32) -> Vec<Event> {
    let mut events = vec![];
    while let Some(way) = ways.get(index as usize) {
        events.push(way.event);
        index = way.from;
    }
    events.reverse();
    events
}
