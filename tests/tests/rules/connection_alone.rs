//! A connection that stands alone has a clock of its own, and of those that share beats the caller says how late they are.

use std::time::Duration;

use wsbeat_core::connection::{Beats, Connection, Phase};
use wsbeat_core::event::{Action, Counter, Input, Note, Sink};
use wsbeat_core::policy::{Plan, Policy, PolicyConfig};
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now, Span};

/// What was done and counted.
#[derive(Default)]
struct Log {
    actions: Vec<Action>,
    counted: Vec<Counter>,
}

impl Sink for Log {
    fn action(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn count(&mut self, counter: Counter) {
        self.counted.push(counter);
    }
}

fn at(secs: u64) -> Now {
    Now::new(Instant::from_secs(secs), 0)
}

/// A ping at 10 s, given up at 30 s.
fn policy() -> Policy {
    let first_ping = Some(Duration::from_secs(10));
    PolicyConfig { ping_interval: Some(Duration::from_secs(20)), first_ping, ..PolicyConfig::default() }.check(Plan::default()).unwrap()
}

/// One whose ping of 10 s is written and unanswered.
fn waiting(policy: &Policy) -> Connection {
    let mut peer = Connection::accepted(policy, at(0), Chance::new(1, 0));
    let mut log = Log::default();
    let _ = peer.step(policy, at(0), Input::Opened, &mut log);
    let _ = peer.step(policy, at(10), Input::Tick, &mut log);
    let [Action::Ping(payload)] = log.actions[..] else { panic!("{:?}", log.actions) };
    let _ = peer.step(policy, at(10), Input::PingFlushed(payload), &mut log);
    peer
}

#[test]
fn a_late_tick_of_its_own_excuses_and_one_that_counts_as_not_late_judges() {
    let policy = policy();
    let mut own = Log::default();
    let _ = waiting(&policy).step(&policy, at(90), Input::Tick, &mut own);
    assert!(matches!(own.actions[..], [Action::Note(Note::Stalled { lateness }), Action::Ping(_)] if lateness == Span::from_secs(60)));
    assert!(own.counted.contains(&Counter::Stalls), "{:?}", own.counted);
    let mut shared = Log::default();
    let mut peer = waiting(&policy);
    let due = peer.step_shared(&policy, &mut Beats::default(), at(90), Input::Tick, &mut shared);
    assert!(matches!(shared.actions[..], [Action::Close(verdict)] if verdict.deadline == Instant::from_secs(30)));
    assert_eq!((peer.phase(), due), (Phase::Closing, Instant::from_secs(91)), "the short close handshake of a peer long silent");
}

#[test]
fn a_clock_that_runs_backwards_stands_still_and_is_counted() {
    let policy = policy();
    let mut peer = waiting(&policy);
    let mut log = Log::default();
    let _ = peer.step(&policy, at(20), Input::Bytes(9), &mut log);
    assert_eq!(log.counted, []);
    let _ = peer.step(&policy, at(15), Input::Bytes(9), &mut log);
    assert_eq!(log.counted, [Counter::ClockBackwards]);
    assert_eq!(peer.last_byte(), Instant::from_secs(20));
}

#[test]
fn it_tells_when_it_opened_and_when_its_last_byte_came() {
    let policy = policy();
    let mut peer = Connection::accepted(&policy, at(3), Chance::new(1, 0));
    assert_eq!((peer.opened_at(), peer.last_byte()), (Instant::from_secs(3), Instant::from_secs(3)));
    let _ = peer.step(&policy, at(4), Input::Opened, &mut Log::default());
    let _ = peer.step(&policy, at(6), Input::Bytes(9), &mut Log::default());
    assert_eq!((peer.opened_at(), peer.last_byte()), (Instant::from_secs(4), Instant::from_secs(6)));
    assert_eq!((peer.by_ref().opened_at(), peer.by_ref().last_byte()), (Instant::from_secs(4), Instant::from_secs(6)));
}
