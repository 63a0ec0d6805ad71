//! Settings of the transport plane: pings and pongs.

use core::time::Duration;

use super::{Policy, PolicyError, STALL_AFTER_MAX, Shown, checked};
use crate::time::Span;

/// A named transport policy; all but `strict` reproduce a known system exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum Profile {
    /// All the rules: what wsbeat recommends.
    #[default]
    Strict,
    /// Tornado 4.5 to 6.4.
    Tornado64,
    /// Tornado 6.5.2 and later.
    Tornado65,
    /// Python `websockets`.
    Websockets,
    /// The heartbeat recipe in the readme of Node `ws`.
    WsRecipe,
    /// uWebSockets with `sendPingsAutomatically`.
    UWebSockets,
    /// The chat example of gorilla/websocket.
    GorillaChat,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 7] = [
        Profile::Strict,
        Profile::Tornado64,
        Profile::Tornado65,
        Profile::Websockets,
        Profile::WsRecipe,
        Profile::UWebSockets,
        Profile::GorillaChat,
    ];

    /// The name on command lines and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Strict => "strict",
            Profile::Tornado64 => "tornado-6.4",
            Profile::Tornado65 => "tornado-6.5",
            Profile::Websockets => "websockets",
            Profile::WsRecipe => "ws-recipe",
            Profile::UWebSockets => "uwebsockets",
            Profile::GorillaChat => "gorilla-chat",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Profile::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// What counts as a sign of life on the transport plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Evidence {
    /// A pong that matches a ping of ours.
    PongOnly,
    /// Any whole frame.
    AnyFrame,
    /// Any byte.
    #[default]
    AnyBytes,
}

impl Evidence {
    /// The name on command lines and in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Evidence::PongOnly => "pong",
            Evidence::AnyFrame => "frame",
            Evidence::AnyBytes => "bytes",
        }
    }
}

/// Which answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Answers {
    /// Those that bring back a token of ours.
    #[default]
    Matching,
    /// Any well-formed answer.
    Any,
}

/// The checked settings of the transport plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Whose rules hold.
    pub profile: Profile,
    /// The time between pings (`uwebsockets`: the idleness before one).
    pub interval: Span,
    /// The time a ping may stay unanswered (`gorilla-chat`: the wait since the last pong).
    pub timeout: Span,
    /// What counts as life; `strict` only.
    pub evidence: Evidence,
    /// Which pongs count; `strict` only.
    pub answers: Answers,
    /// How long a ping may stay unwritten while the transport takes no byte; default 2 · timeout.
    pub write_stall: Span,
    /// How late a tick may be before nobody is judged in it.
    pub stall_after: Span,
    /// How far a grid point may move either way, in millionths of the interval; default 0.
    pub jitter_ppm: u32,
    /// The time from the opening to the first ping; `None` draws it from [interval/2, interval).
    pub first: Option<Span>,
    /// Skip pings while bytes arrive within the interval; default off.
    pub only_when_idle: bool,
    /// Adapt the timeout to the round trip (RFC 6298), at most `timeout`; default off.
    pub adaptive: bool,
    /// An empty pong resolves the oldest ping; default off.
    pub tolerate_empty: bool,
    /// The close code for silence; default 4408. Profiles keep their own.
    pub close_code: u16,
    /// `tornado-6.5`: the timeout that was asked for, where it was cut to the interval.
    pub clamped_from: Option<Span>,
}

impl Transport {
    /// The defaults of `strict`.
    #[must_use]
    pub const fn strict() -> Self {
        Transport {
            profile: Profile::Strict,
            interval: Span::from_secs(20),
            timeout: Span::from_secs(20),
            evidence: Evidence::AnyBytes,
            answers: Answers::Matching,
            write_stall: Span::from_secs(40),
            stall_after: STALL_AFTER_MAX,
            jitter_ppm: 0,
            first: None,
            only_when_idle: false,
            adaptive: false,
            tolerate_empty: false,
            close_code: Policy::SILENCE_CODE,
            clamped_from: None,
        }
    }

    /// The profile with this interval and timeout, or its own defaults; `Ok(None)` where the interval is zero: plane off.
    pub(crate) fn check(profile: Profile, interval: Option<Duration>, timeout: Option<Duration>) -> Result<Option<Self>, PolicyError> {
        if interval == Some(Duration::ZERO) {
            return Ok(None);
        }
        let Some(interval) = interval.or(default_interval(profile)) else {
            return Err(PolicyError::new("ping_interval", "absent", "this profile has no default interval: name one"));
        };
        let interval = checked("ping_interval", interval)?;
        let wished = match timeout {
            None => default_timeout(profile, interval),
            Some(Duration::ZERO) if takes_zero(profile) => Span::ZERO,
            Some(d) => checked("ping_timeout", d)?,
        };
        if profile == Profile::WsRecipe && wished != interval {
            let limit = "ws-recipe judges at its next ping: leave it out, or set it equal to ping_interval";
            return Err(PolicyError::new("ping_timeout", Shown(wished.into()), limit));
        }
        let clamps = profile == Profile::Tornado65 && wished > interval;
        let timeout = if clamps { interval } else { wished };
        Ok(Some(Transport {
            profile,
            interval,
            timeout,
            write_stall: timeout.times(2),
            stall_after: STALL_AFTER_MAX.min(timeout).min(interval),
            clamped_from: clamps.then_some(wished),
            ..Transport::strict()
        }))
    }
}

impl Policy {
    /// The close code for silence where nothing else was asked for: 4408.
    pub const SILENCE_CODE: u16 = 4408;
    /// The close code of a feed without data: 4409.
    pub const FEED_CODE: u16 = 4409;
}

const fn default_interval(profile: Profile) -> Option<Duration> {
    match profile {
        Profile::Strict | Profile::Websockets => Some(Duration::from_secs(20)),
        Profile::Tornado64 | Profile::Tornado65 => None,
        Profile::WsRecipe => Some(Duration::from_secs(30)),
        Profile::UWebSockets => Some(Duration::from_secs(112)),
        Profile::GorillaChat => Some(Duration::from_secs(54)),
    }
}

fn default_timeout(profile: Profile, interval: Span) -> Span {
    match profile {
        Profile::Strict | Profile::Websockets => Span::from_secs(20),
        Profile::Tornado64 => interval.times(3).max(Span::from_secs(30)),
        Profile::Tornado65 | Profile::WsRecipe => interval,
        Profile::UWebSockets => Span::from_secs(8),
        Profile::GorillaChat => Span::from_secs(60),
    }
}

const fn takes_zero(profile: Profile) -> bool {
    matches!(profile, Profile::Tornado64 | Profile::Tornado65)
}
