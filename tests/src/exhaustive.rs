//! Breadth-first search over every interleaving of a small world: the real hub, two connections, and a network that may
//! lose, repeat, reorder and delay; a writer that may block; a host that may sleep.

mod judge;
mod world;

pub use world::{Event, Mutation, World};

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use wsbeat_core::policy::Policy;

/// What is searched.
#[derive(Clone, Debug)]
pub struct Domain {
    /// What the judge holds the hub to; the hub runs under it, unless a mutation gives it another.
    pub policy: Policy,
    /// The last second.
    pub ends_s: u64,
    /// How many losses, repetitions, sleeps, resets and drips there may be in one history.
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
    /// The first broken law, and the shortest history that breaks it.
    pub violation: Option<(String, Vec<Event>)>,
}

/// How a state was reached: from which, by what.
#[derive(Clone, Copy)]
struct Way {
    from: u32,
    event: Event,
}

/// Visits every state, nearest first, until a law breaks or there are no more.
pub fn search(domain: &Domain) -> Found {
    let mut ways: Vec<Way> = vec![];
    let mut seen = HashSet::new();
    let mut frontier = vec![(u32::MAX, World::new(domain))];
    let mut steps = 0;
    while !frontier.is_empty() {
        let mut next = vec![];
        for (from, world) in frontier {
            for event in world.events() {
                let mut world = world.clone();
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
                next.push((index, world));
            }
        }
        frontier = next;
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
