//! Row 22 of the threats: what 10,000 clients do to a server that comes back. The delays are the client's own
//! (`Attempts::decide`), time is simulated, and the server takes so many connections a second.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use wsbeat_core::rng::Rng;
use wsbeat_tokio::client::{Attempts, Backoff, Decision, Why};

const CLIENTS: usize = 10_000;
/// Twice the even spread over 30 s.
const PER_SECOND_MAX: usize = 2 * CLIENTS / 30;

/// A client that has lost its connection for the reason `why`.
struct Client {
    attempts: Attempts,
    rng: Rng,
    why: Why,
}

/// What came of a storm.
#[derive(Debug)]
struct Storm {
    /// The most connects within any one second.
    peak: usize,
    /// When the last client was back.
    all_back: Duration,
    connects: usize,
}

/// All lose their connection at 0. The server takes `taken_max` connects in each second and refuses the others with 503.
fn storm(why: &Why, taken_max: usize, retry_after: Duration) -> Storm {
    let backoff = Backoff::default();
    let new = |n| Client { attempts: Attempts::default(), rng: Rng::new(n), why: why.clone() };
    let mut clients: Vec<_> = (1..=CLIENTS as u64).map(new).collect();
    let mut comes_back = BinaryHeap::new();
    let come = |n: usize, client: &mut Client, now: Duration, queue: &mut BinaryHeap<_>| {
        // A connection that lasted long before the loss, or none at all.
        let lasted = if now.is_zero() { Duration::from_secs(3600) } else { Duration::ZERO };
        match client.attempts.decide(&backoff, &client.why, lasted, &mut client.rng) {
            Decision::After(delay) => queue.push(Reverse((now + delay, n))),
            Decision::Stop => panic!("client {n} stays away"),
        }
    };
    for (n, client) in clients.iter_mut().enumerate() {
        come(n, client, Duration::ZERO, &mut comes_back);
    }
    let (mut times, mut all_back) = (vec![], Duration::ZERO);
    let (mut second, mut taken) = (0, 0);
    while let Some(Reverse((now, n))) = comes_back.pop() {
        times.push(now);
        if now.as_secs() != second {
            (second, taken) = (now.as_secs(), 0);
        }
        if taken < taken_max {
            taken += 1;
            all_back = now;
            continue;
        }
        clients[n].why = Why::Refused { status: 503, retry_after: Some(retry_after) };
        come(n, &mut clients[n], now, &mut comes_back);
    }
    let within = |from: usize| times[from..].iter().take_while(|t| **t < times[from] + Duration::from_secs(1)).count();
    Storm { peak: (0..times.len()).map(within).max().unwrap_or(0), all_back, connects: times.len() }
}

fn closed(code: u16) -> Why {
    Why::Closed { code: Some(code), reason: "please reconnect".to_owned() }
}

#[test]
fn threat_22_a_restart_that_was_announced_brings_no_second_with_more_than_twice_the_even_spread() {
    for code in [1012, 1013] {
        let storm = storm(&closed(code), usize::MAX, Duration::ZERO);
        assert!(storm.peak <= PER_SECOND_MAX, "{storm:?}: at most {PER_SECOND_MAX}");
        assert!(storm.all_back <= Duration::from_secs(30), "{storm:?}");
        assert_eq!(storm.connects, CLIENTS, "each comes once");
    }
}

#[test]
fn threat_22_after_a_crash_the_server_sheds_and_all_are_back_within_twice_the_cap() {
    let limit = 2 * Backoff::default().cap;
    for (code, retry_after) in [(1006, 1), (1001, 5), (1006, 30)] {
        let storm = storm(&closed(code), PER_SECOND_MAX, Duration::from_secs(retry_after));
        assert!(storm.all_back <= limit, "{storm:?}: at most {limit:?}");
        // Without backing off each refused client would come again every second.
        assert!(storm.connects <= 6 * CLIENTS, "{storm:?}");
    }
}
