//! Anything that may happen to a connection, under any policy.

use proptest::strategy::{BoxedStrategy, Strategy};
use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Input, Plane};
use wsbeat_core::policy::{Death, Policy};
use wsbeat_core::time::{Instant, Now};

use super::drawn::Drawn;
use super::ends::Ends;
use crate::arbitrary::{self, Happening};
use crate::world::World;

thread_local! {
    static POLICY: BoxedStrategy<Policy> = arbitrary::policy();
    static START: BoxedStrategy<u64> = arbitrary::start_ns().boxed();
    static HAPPENING: BoxedStrategy<Happening> = arbitrary::happening();
}

const HAPPENINGS_MAX: usize = 300;

/// A connection under a policy, another policy to change to, and what happens to it.
///
/// After every step: laws 2, 3, 4, 6, 7 and 10 hold, no input leaves a deadline in the past that was in the future, and every
/// verdict can be sent.
pub fn connection(data: &[u8]) {
    run(&mut Drawn::new(data));
}

/// `None` where the input ends.
fn run(drawn: &mut Drawn<'_>) -> Option<()> {
    let policy = POLICY.with(|s| drawn.one(s))?;
    let mut other = POLICY.with(|s| drawn.one(s))?;
    let mut world = World::new(&policy, START.with(|s| drawn.one(s))?);
    let mut checks = Checks { ends: Ends::default(), seen: 0, unanswered_max: unanswered_max(&policy).max(unanswered_max(&other)) };
    checks.step(&world);
    for _ in 0..HAPPENINGS_MAX {
        let happening = HAPPENING.with(|s| drawn.one(s))?;
        let promised = world.deadline;
        if happening == Happening::Input(Input::Reconfigured) {
            std::mem::swap(&mut world.policy, &mut other);
        }
        // At most: a note, a ping, a heartbeat and the blog's close after it.
        assert!(world.happen(&happening) <= 4, "law 2: {happening:?}");
        checks.step(&world);
        deadlines(&world, &happening, promised);
    }
    Some(())
}

struct Checks {
    ends: Ends,
    /// How many actions were checked.
    seen: usize,
    unanswered_max: u32,
}

impl Checks {
    fn step(&mut self, world: &World) {
        for (at, action) in &world.actions[self.seen..] {
            assert!(*at <= world.now);
            self.ends.see(action);
        }
        self.seen = world.actions.len();
        self.ends.after(world.connection.phase());
        assert!(world.connection.phase() != Phase::Ended || world.deadline == Instant::NEVER, "law 6: a deadline after the end");
        let unanswered = world.connection.status(Plane::Application).unanswered;
        assert!(unanswered <= self.unanswered_max, "law 7: {unanswered} of {}", self.unanswered_max);
        idle(world);
    }
}

fn deadlines(world: &World, happening: &Happening, promised: Instant) {
    let is_tick = matches!(happening, Happening::Tick | Happening::Due);
    if is_tick && promised != Instant::NEVER && world.now != Instant::NEVER {
        assert!(world.deadline > world.now, "law 3: {:?} at {:?} after {happening:?}", world.deadline, world.now);
    }
    if promised > world.now && !matches!(happening, Happening::Wait(_)) {
        assert!(world.deadline >= world.now, "{happening:?} leaves {:?} at {:?}, promised {promised:?}", world.deadline, world.now);
    }
}

/// Law 4: a tick before the deadline does nothing.
fn idle(world: &World) {
    if world.now >= world.deadline {
        return;
    }
    let mut connection = world.connection.clone();
    let now = Now::new(world.now, world.now.as_nanos() / 1_000_000);
    let deadline = connection.step(&world.policy, now, Input::Tick, &mut |action| panic!("law 4: {action:?} at {now:?}"));
    assert_eq!(deadline, world.deadline, "law 4");
}

fn unanswered_max(policy: &Policy) -> u32 {
    match policy.application.and_then(|a| a.ask).map(|ask| ask.death) {
        None => 0,
        Some(Death::MissesBefore(l) | Death::MissesAfter(l)) => l.into(),
        Some(Death::Timeout(_) | Death::Never) => 255,
    }
}
