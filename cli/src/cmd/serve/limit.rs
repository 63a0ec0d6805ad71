//! How many lines about connections are logged in a second: a thousand peers that die together shall not fill a disk. What
//! is left out is counted and told, never lost without a word.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::json::Object;
use crate::logging::{Level, Logger};

/// The time over which lines are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// What has a budget of its own: chatter never takes the place of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Why a peer was given up.
    Verdict = 0,
    /// Everything else.
    Other = 1,
}

/// Counts lines, for all drivers together.
#[derive(Debug)]
pub(super) struct Limit(Mutex<State>);

#[derive(Debug)]
struct State {
    lines_per_s: u32,
    window_began: Instant,
    logged: [u32; 2],
    /// How many lines of each kind were left out.
    left_out: BTreeMap<&'static str, u64>,
}

impl Limit {
    /// A limit of so many lines in a second for each class; 0 is none.
    pub(super) fn new(lines_per_s: u32) -> Self {
        Limit(Mutex::new(State { lines_per_s, window_began: Instant::now(), logged: [0; 2], left_out: BTreeMap::new() }))
    }

    /// Another limit from now on.
    pub(super) fn set(&self, lines_per_s: u32) {
        self.state(|state| state.lines_per_s = lines_per_s);
    }

    /// Whether one more line of this class and kind is logged now; where not, it is counted.
    pub(super) fn admits(&self, class: Class, kind: &'static str) -> bool {
        self.admits_at(Instant::now(), class, kind)
    }

    fn admits_at(&self, now: Instant, class: Class, kind: &'static str) -> bool {
        self.state(|state| {
            if state.lines_per_s == 0 {
                return true;
            }
            if now.saturating_duration_since(state.window_began) >= WINDOW {
                (state.window_began, state.logged) = (now, [0; 2]);
            }
            let logged = &mut state.logged[class as usize];
            if *logged < state.lines_per_s {
                *logged += 1;
                return true;
            }
            *state.left_out.entry(kind).or_default() += 1;
            false
        })
    }

    /// Tells what was left out since it was last told. Called about once a second, and at the end.
    pub(super) fn tell(&self, log: &Logger) {
        let (left_out, lines_per_s) = self.state(|state| (std::mem::take(&mut state.left_out), state.lines_per_s));
        if left_out.is_empty() {
            return;
        }
        let message = told(&left_out, lines_per_s);
        log.log(Level::Warn, &message, || {
            Object::default().with("event", "left-out").with("lines", left_out.values().sum::<u64>()).with("kinds", &left_out)
        });
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn told(left_out: &BTreeMap<&'static str, u64>, lines_per_s: u32) -> String {
    let kinds: Vec<String> = left_out.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let lines: u64 = left_out.values().sum();
    format!("{lines} lines left out: {} (log_lines_per_s = {lines_per_s})", kinds.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_counted_by_kind_until_it_is_told() {
        let limit = Limit::new(2);
        let now = Instant::now();
        let admitted = (0..5).filter(|_| limit.admits_at(now, Class::Verdict, "peer-silent")).count();
        assert_eq!(admitted, 2);
        assert!(limit.admits_at(now, Class::Other, "open"), "chatter has a budget of its own");
        assert!(!limit.admits_at(now + WINDOW / 2, Class::Verdict, "peer-slow"));
        assert!(limit.admits_at(now + WINDOW, Class::Verdict, "peer-slow"), "the next second is a new one");
        let left_out = limit.state(|state| state.left_out.clone());
        assert_eq!(told(&left_out, 2), "4 lines left out: peer-silent 3, peer-slow 1 (log_lines_per_s = 2)");
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = Limit::new(0);
        assert!((0..1_000).all(|_| limit.admits(Class::Verdict, "peer-silent")));
        limit.set(1);
        assert!(limit.admits(Class::Verdict, "peer-silent"));
        assert!(!limit.admits(Class::Verdict, "peer-silent"));
    }
}
