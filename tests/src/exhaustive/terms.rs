//! The settings that the laws speak of.

use wsbeat_core::policy::{Cadence, Death, Evidence, Matching, Policy, Profile};
use wsbeat_core::time::Span;

/// What a connection was promised. A plane that is off promises nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) pings: Option<Pings>,
    pub(super) beats: Option<Beats>,
    pub(super) close_timeout: Span,
}

/// The transport plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pings {
    pub(super) rules: Rules,
    pub(super) interval: Span,
    pub(super) timeout: Span,
    pub(super) write_stall: Span,
    pub(super) stall_after: Span,
    pub(super) any_bytes: bool,
}

/// Whose rules hold for pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// All of ours.
    Strict,
    /// Tornado's since 6.5: neither R5 nor R6, and any pong counts.
    Tornado65,
}

/// The application plane: the rule of `htx`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beats {
    pub(super) cadence: Cadence,
    pub(super) period: Span,
    pub(super) misses: u64,
    pub(super) window: u64,
    pub(super) write_stall: Span,
    pub(super) stall_after: Span,
}

impl Terms {
    pub(super) fn of(policy: &Policy) -> Self {
        let pings = policy.transport.map(|t| Pings {
            rules: match t.profile {
                Profile::Strict => Rules::Strict,
                Profile::Tornado65 => Rules::Tornado65,
                other => panic!("{other:?}: the judge does not know its rules"),
            },
            interval: t.interval,
            timeout: t.timeout,
            write_stall: t.write_stall,
            stall_after: t.stall_after,
            any_bytes: t.profile == Profile::Strict && t.evidence == Evidence::AnyBytes,
        });
        let beats = policy.application.and_then(|app| app.ask).map(|ask| {
            let (Death::MissesBefore(misses), Matching::Window(window)) = (ask.death, ask.matching) else { panic!("not the htx rule") };
            Beats {
                cadence: ask.cadence,
                period: ask.period,
                misses: misses.into(),
                window: window.into(),
                write_stall: ask.write_stall,
                stall_after: ask.stall_after,
            }
        });
        Terms { pings, beats, close_timeout: policy.limits.close_timeout }
    }

    /// How late a tick may be before nobody is judged in it, where rule R5 holds.
    pub(super) fn stall_after(&self) -> [Option<Span>; 2] {
        let pings = self.pings.filter(|pings| pings.rules == Rules::Strict);
        [pings.map(|pings| pings.stall_after), self.beats.map(|beats| beats.stall_after)]
    }

    /// How long something may stay unwritten, where rule R6 holds.
    pub(super) fn write_stall(&self) -> [Option<Span>; 2] {
        let pings = self.pings.filter(|pings| pings.rules == Rules::Strict);
        [pings.map(|pings| pings.write_stall), self.beats.map(|beats| beats.write_stall)]
    }
}
