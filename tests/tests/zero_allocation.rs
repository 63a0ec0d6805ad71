//! In the steady state the core allocates nothing: no step, no tick, no advance of a hub. And what it holds is counted.

use std::collections::VecDeque;
use std::time::Duration;

use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::event::{Action, ConnId, Input};
use wsbeat_core::hub::{Hub, Next};
use wsbeat_core::policy::{Application, Ask, Death, Plan, Policy, PolicyConfig};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_tests::counting::{Counting, count, held};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONNECTIONS: u32 = 1_000;
const MINUTE: Span = Span::from_secs(60);

/// Pings and heartbeats every 5 s.
fn both_planes() -> Policy {
    let ask = Ask::every(Span::from_secs(5), Death::MissesBefore(2));
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    let every = Some(Duration::from_secs(5));
    let config = PolicyConfig { ping_interval: every, ping_timeout: every, ..PolicyConfig::default() };
    config.check(Plan { application: Some(application), ..Plan::default() }).unwrap()
}

fn present(at: Instant) -> Now {
    Now::new(at, 1_492_420_468_027 + at.as_nanos() / 1_000_000)
}

/// What the shell and the peer say to an action; nothing, where it asks for no answer.
fn replies(action: Action) -> [Option<Input>; 4] {
    let bytes = |flushed, answer| [Some(Input::Wrote(10)), Some(flushed), Some(Input::Bytes(10)), Some(answer)];
    match action {
        Action::Ping(payload) => bytes(Input::PingFlushed(payload), Input::Pong(payload)),
        Action::Heartbeat(token) => bytes(Input::HeartbeatFlushed(token), Input::Answer(token)),
        other => panic!("a healthy peer gets {other:?}"),
    }
}

/// A hub whose peers answer everything at once.
struct World {
    hub: Hub,
    now: Instant,
    actions: VecDeque<(ConnId, Action)>,
    served: u64,
}

impl World {
    fn new() -> Self {
        let mut hub = Hub::new(7, CONNECTIONS);
        let policy = hub.register(both_planes());
        for _ in 0..CONNECTIONS {
            let id = hub.accept(present(Instant::ZERO), policy).unwrap();
            hub.input(present(Instant::ZERO), id, Input::Opened, &mut |_, action| panic!("{action:?}"));
        }
        World { hub, now: Instant::ZERO, actions: VecDeque::with_capacity(4 * CONNECTIONS as usize), served: 0 }
    }

    fn run(&mut self, length: Span) {
        let until = self.now.after(length);
        loop {
            let (now, actions) = (present(self.now), &mut self.actions);
            let next = self.hub.advance(now, 64, &mut |id, action| actions.push_back((id, action)));
            self.answer();
            match next {
                Next::Again => {}
                Next::At(_) | Next::Idle => match self.hub.next_due() {
                    Next::At(at) if at <= until => self.now = at.max(self.now),
                    Next::Again => {}
                    _ => return self.now = until,
                },
            }
        }
    }

    fn answer(&mut self) {
        while let Some((id, action)) = self.actions.pop_front() {
            self.served += 1;
            for input in replies(action).into_iter().flatten() {
                let phase = self.hub.input(present(self.now), id, input, &mut |_, action| panic!("{action:?}"));
                assert_eq!(phase, Phase::Open);
            }
        }
    }
}

#[test]
fn a_hub_of_a_thousand_connections_allocates_nothing_in_ten_minutes() {
    let mut world = World::new();
    world.run(MINUTE);
    world.served = 0;
    let (calls, _) = count(|| world.run(MINUTE.times(10)));
    // Two planes, 120 periods in ten minutes: the peers were busy meanwhile.
    assert!(world.served >= u64::from(CONNECTIONS) * 2 * 119, "{}", world.served);
    assert_eq!((calls, world.hub.len()), (0, CONNECTIONS as usize));
}

#[test]
fn a_healthy_connection_with_both_planes_holds_128_bytes_and_the_room_to_grow() {
    let (mut world, bytes) = held(World::new);
    let asked = world.actions.capacity() * size_of::<(ConnId, Action)>();
    let ((), later) = held(|| world.run(MINUTE.times(10)));
    let each = (bytes - asked + later) / CONNECTIONS as usize;
    // The room to grow is an eighth at most; a wheel and the statistics are some kilobytes, whatever the number of connections.
    assert!((Hub::CONNECTION_BYTES..=128 + 128 / 8 + 20).contains(&each), "{each}");
}

#[test]
fn a_connection_that_takes_the_place_of_another_allocates_nothing() {
    let mut world = World::new();
    world.run(MINUTE);
    let policy = world.hub.register(both_planes());
    let first = world.hub.ids().next().unwrap();
    let mut replace = |id| {
        world.hub.input(present(world.now), id, Input::Lost, &mut |_, action| panic!("{action:?}"));
        let id = world.hub.accept(present(world.now), policy).unwrap();
        world.hub.input(present(world.now), id, Input::Opened, &mut |_, action| panic!("{action:?}"));
        world.run(Span::from_secs(1));
        id
    };
    let second = replace(first);
    let (calls, _) = count(|| (0..60).fold(second, |id, _| replace(id)));
    assert_eq!(calls, 0);
}

#[test]
fn a_step_and_a_tick_of_a_connection_allocate_nothing() {
    let policy = both_planes();
    let mut connection = Connection::accepted(&policy, present(Instant::ZERO), Chance::new(7, 1));
    let (calls, _) = count(|| {
        let mut deadline = connection.step(&policy, present(Instant::ZERO), Input::Opened, &mut |_| {});
        for _ in 0..1_000 {
            let now = deadline;
            let mut actions = [None; 4];
            let mut places = actions.iter_mut();
            deadline = connection.step(&policy, present(now), Input::Tick, &mut |a| *places.next().unwrap() = Some(a));
            for input in actions.into_iter().flatten().flat_map(replies).flatten() {
                deadline = connection.step(&policy, present(now), input, &mut |a| panic!("{a:?}"));
            }
        }
    });
    assert_eq!((calls, connection.phase()), (0, Phase::Open));
}

#[test]
fn what_a_crowd_took_is_given_back_when_it_has_left_and_its_ids_stay_stale() {
    const CROWD: usize = 20_000;
    let mut hub = Hub::new(7, CROWD as u32);
    let policy = hub.register(both_planes());
    let now = present(Instant::ZERO);
    let crowd = |hub: &mut Hub| -> Vec<ConnId> { (0..CROWD).map(|_| hub.accept(now, policy).unwrap()).collect() };
    let ((), left) = held(|| {
        for _ in 0..3 {
            let ids = crowd(&mut hub);
            for id in &ids {
                assert_eq!(hub.input(now, *id, Input::Lost, &mut |_, action| panic!("{action:?}")), Phase::Ended);
            }
            assert!(hub.is_empty());
        }
    });
    // The set of the due keeps three eighths of a byte a place.
    assert!(left < CROWD, "{left} bytes stay");
    let old = crowd(&mut hub);
    for id in &old {
        hub.input(now, *id, Input::Lost, &mut |_, action| panic!("{action:?}"));
    }
    let new = crowd(&mut hub);
    assert_eq!((old[0].index, hub.connection(old[0]).is_none(), hub.connection(new[0]).is_some()), (new[0].index, true, true));
}

#[test]
fn a_crowd_of_1024_keeps_its_places_and_one_more_gives_them_back() {
    let kept = |crowd: u32| {
        let mut hub = Hub::new(7, crowd);
        let policy = hub.register(both_planes());
        let now = present(Instant::ZERO);
        let ((), bytes) = held(|| {
            let ids: Vec<ConnId> = (0..crowd).map(|_| hub.accept(now, policy).unwrap()).collect();
            for id in ids {
                hub.input(now, id, Input::Lost, &mut |_, action| panic!("{action:?}"));
            }
        });
        bytes / crowd as usize
    };
    assert!(kept(1_024) > size_of::<Connection>(), "{} bytes a place", kept(1_024));
    assert!(kept(1_025) < 8, "{} bytes a place", kept(1_025));
}

#[test]
fn places_grow_by_an_eighth_and_not_to_twice_as_many() {
    let bytes = |crowd: u32| {
        let (hub, bytes) = held(|| {
            let mut hub = Hub::new(7, crowd);
            let policy = hub.register(both_planes());
            assert!((0..crowd).all(|_| hub.accept(present(Instant::ZERO), policy).is_ok()));
            hub
        });
        assert_eq!(hub.len(), crowd as usize);
        bytes
    };
    let (fewer, more) = (bytes(2_000), bytes(2_100));
    assert!(4 * more < 5 * fewer, "{fewer} bytes for 2,000, {more} for 2,100");
}
