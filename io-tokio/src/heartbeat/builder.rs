//! How an adaptor is made.

use std::ops::ControlFlow;

use futures_util::Sink;
use tokio_tungstenite::tungstenite::{self, Message};
use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::{PolicyConfig, PolicyError};

use super::Heartbeat;
use super::codec::Spoken;
use super::faults::AnswerFaults;
use super::gate::GateHandle;
use super::machine::{Machine, Parts};
use super::meter::Meter;
use crate::clock::Clock;
use crate::tape::Tap;

/// In which dialect heartbeats are spoken.
#[derive(Clone, Debug, Default)]
#[allow(clippy::large_enum_variant, reason = "a setting: few exist, and none is moved often")]
pub enum DialectChoice {
    /// Watch the peer's messages and take the preset they show; of those that look alike `htx-spot-v1`. Until then
    /// everything is data, control pings are answered, and there is no verdict of the application plane. Messages of
    /// fewer than 8 bytes show nothing, and a dialect whose heartbeats are control frames cannot be told.
    #[default]
    Auto,
    /// This one.
    Named(Dialect),
    /// None: the application plane is off.
    None,
}

/// What an adaptor is made of. Every setter has a default.
#[derive(Clone, Debug)]
pub struct Builder {
    role: Role,
    dialect: DialectChoice,
    config: PolicyConfig,
    meter: Option<Meter>,
    seed: Option<u64>,
    clock: Option<Clock>,
    faults: AnswerFaults,
    gate: Option<GateHandle>,
    subscriptions: Vec<Message>,
}

impl Builder {
    /// For a connection on which we are `role`; no dialect, no transport plane.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Builder {
            role,
            dialect: DialectChoice::None,
            config: PolicyConfig::default(),
            meter: None,
            seed: None,
            clock: None,
            faults: AnswerFaults::default(),
            gate: None,
            subscriptions: Vec::new(),
        }
    }

    /// The dialect; default [`DialectChoice::None`].
    #[must_use]
    pub fn dialect(mut self, dialect: DialectChoice) -> Self {
        self.dialect = dialect;
        self
    }

    /// The wishes laid over the dialect's plan; default none. `ping_interval` or `profile` turn the transport plane on.
    #[must_use]
    pub fn policy(mut self, config: PolicyConfig) -> Self {
        self.config = config;
        self
    }

    /// The counts of the transport under the stream ([`Metered`](super::Metered)). Without them a message counts as its
    /// bytes once it is whole, and as written once all of it is.
    #[must_use]
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// The seed of chance: ping payloads, phases, jitter, dropped answers; default drawn at random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The clock; default one made when the adaptor is.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How answers to heartbeats are spoilt, a test aid; default not at all.
    #[must_use]
    pub fn answer_faults(mut self, faults: AnswerFaults) -> Self {
        self.faults = faults;
        self
    }

    /// Messages that are sent before all others, in this order: subscriptions. Where the dialect has a client wait for a
    /// message of the server's first, such as a welcome, they go out when it has come; default none.
    #[must_use]
    pub fn subscriptions(mut self, messages: Vec<Message>) -> Self {
        self.subscriptions = messages;
        self
    }

    /// Where the pongs of the library underneath are held up.
    pub(crate) fn gate(mut self, gate: Option<GateHandle>) -> Self {
        self.gate = gate;
        self
    }

    /// Whether the settings can be, before there is a stream.
    pub(crate) fn check(self) -> Result<(), PolicyError> {
        self.machine(None).map(drop)
    }

    /// The adaptor over `inner`, whose handshake has just been completed.
    ///
    /// # Errors
    /// A policy setting out of its limits.
    pub fn build<S>(self, inner: S) -> Result<Heartbeat<S>, PolicyError>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        let meter = self.meter.clone();
        Ok(Heartbeat::over(inner, self.machine(None)?, meter))
    }

    /// As [`build`](Builder::build), and records a [trace](wsbeat_core::trace) of all that the core is told and says.
    ///
    /// `tap` takes whole lines, several at once, within polls of the adaptor: it must not wait. What it breaks on ends the
    /// recording, as does a peer that negotiates intervals, which a trace without messages cannot say. The trace says what
    /// messages meant to the heartbeats; no message is in it.
    ///
    /// # Errors
    /// A policy setting out of its limits.
    pub fn build_recorded<S>(self, inner: S, tap: impl FnMut(&str) -> ControlFlow<()> + Send + 'static) -> Result<Heartbeat<S>, PolicyError>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        let meter = self.meter.clone();
        Ok(Heartbeat::over(inner, self.machine(Some(Box::new(tap)))?, meter))
    }

    fn machine(self, tap: Option<Tap>) -> Result<Machine, PolicyError> {
        let spoken = match self.dialect {
            DialectChoice::Auto => Spoken::Searching,
            DialectChoice::Named(dialect) => Spoken::This(Box::new(dialect)),
            DialectChoice::None => Spoken::Nothing,
        };
        Machine::open(Parts {
            role: self.role,
            spoken,
            config: self.config,
            seed: self.seed.unwrap_or_else(random_seed),
            clock: self.clock.unwrap_or_default(),
            faults: self.faults,
            gate: self.gate,
            tap,
            subscriptions: self.subscriptions,
        })
    }
}

/// A seed from the randomness that the standard library keys its hash maps with.
pub(crate) fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}
