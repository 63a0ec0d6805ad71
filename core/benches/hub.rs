//! What an input or action costs a hub whose connections run both planes, and what a connection takes.
//!
//! `WSBEAT_BENCH_CONNECTIONS=10000000` names other sizes than 100,000 and 1,000,000 (with commas); ten million want 2 GB.
//! Time is that on the processor, so that a busy machine says little wrong.
#![allow(missing_docs, clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement, not the core")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wsbeat_core::event::{Action, ConnId, Input};
use wsbeat_core::hub::{Hub, Next};
use wsbeat_core::policy::{Application, Ask, Death, Plan, Policy, PolicyConfig};
use wsbeat_core::time::{Instant, Now, Span};

/// A peer answers this long after it was asked.
const RTT: Span = Span::from_millis(20);

fn both_planes() -> Policy {
    let ask = Ask::every(Span::from_secs(20), Death::MissesBefore(2));
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    let plan = Plan { application: Some(application), ..Plan::default() };
    PolicyConfig { ping_interval: Some(Duration::from_secs(20)), ..PolicyConfig::default() }.check(plan).expect("in its limits")
}

/// A hub of healthy peers, in virtual time.
struct World {
    hub: Hub,
    now: Instant,
    asked: Vec<(ConnId, Action)>,
    coming: VecDeque<(Instant, ConnId, Input)>,
    /// Inputs and actions so far.
    done: u64,
}

impl World {
    fn new(connections: u32) -> Self {
        let mut hub = Hub::new(7, connections);
        let policy = hub.register(both_planes());
        for _ in 0..connections {
            let id = hub.accept(Now::default(), policy).expect("room");
            hub.input(Now::default(), id, Input::Opened, &mut |_, _| {});
        }
        let mut world = World { hub, now: Instant::ZERO, asked: vec![], coming: VecDeque::new(), done: 0 };
        while world.now < Instant::from_secs(45) {
            world.turn();
        }
        world
    }

    /// One wake-up of a shell: what arrived, then what is due.
    fn turn(&mut self) {
        let arrives = self.coming.front().map_or(Instant::NEVER, |(at, ..)| *at);
        let due = match self.hub.next_due() {
            Next::At(at) => at,
            Next::Again => self.now,
            Next::Idle => Instant::NEVER,
        };
        self.now = due.min(arrives).max(self.now);
        while self.coming.front().is_some_and(|(at, ..)| *at <= self.now) {
            let Some((_, id, answer)) = self.coming.pop_front() else { return };
            self.input(id, Input::Bytes(10));
            self.input(id, answer);
        }
        let (now, asked) = (present(self.now), &mut self.asked);
        let _ = self.hub.advance(now, 1_024, &mut |id, action| asked.push((id, action)));
        self.write();
    }

    fn write(&mut self) {
        let mut asked = std::mem::take(&mut self.asked);
        for (id, action) in asked.drain(..) {
            self.done += 1;
            let (flushed, answer) = match action {
                Action::Ping(payload) => (Input::PingFlushed(payload), Input::Pong(payload)),
                Action::Heartbeat(token) => (Input::HeartbeatFlushed(token), Input::Answer(token)),
                other => panic!("a healthy peer gets {other:?}"),
            };
            self.input(id, Input::Wrote(10));
            self.input(id, flushed);
            self.coming.push_back((self.now.after(RTT), id, answer));
        }
        self.asked = asked;
    }

    fn input(&mut self, id: ConnId, input: Input) {
        self.done += 1;
        black_box(self.hub.input(present(self.now), id, input, &mut |_, _| {}));
    }
}

fn present(at: Instant) -> Now {
    Now::new(at, at.as_nanos() / 1_000_000)
}

/// How long this thread has been on a processor.
fn on_processor() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).expect("not before it began")
}

fn sizes() -> Vec<u32> {
    let named = std::env::var("WSBEAT_BENCH_CONNECTIONS").unwrap_or_else(|_| "100000,1000000".into());
    named.split(',').map(|size| size.parse().expect("a number of connections")).collect()
}

fn hub(c: &mut Criterion) {
    println!("a connection in a hub, with its timer: {} bytes", Hub::CONNECTION_BYTES);
    for connections in sizes() {
        let mut world = World::new(connections);
        c.bench_function(&format!("hub, an input or action among {connections}"), |b| {
            b.iter_custom(|wanted| {
                let (begun, from) = (on_processor(), world.done);
                while world.done - from < wanted {
                    world.turn();
                }
                (on_processor() - begun).mul_f64(wanted as f64 / (world.done - from) as f64)
            });
        });
    }
}

criterion_group!(benches, hub);
criterion_main!(benches);
