//! What the hub is told: policies, inputs, steps of time.

use proptest::prelude::*;
use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Fault, Input, Payload, Token};
use wsbeat_core::policy::{
    Answers, Application, Ask, Cadence, Counts, Death, Listen, ListenFor, Matching, Policy, Profile, Start, Timing, TokenKind, Transport,
    Unsolicited,
};
use wsbeat_core::time::Span;

/// How many policies a hub has.
pub const POLICIES: usize = 4;
/// How many different ones there are.
pub const VARIANTS: u8 = 12;

/// The policies under test: both planes, alone and together, every profile.
pub fn variant(n: u8) -> Policy {
    let ms = Span::from_millis;
    let transport = |profile| Transport {
        profile,
        interval: ms(5_000),
        timeout: ms(3_000),
        write_stall: ms(6_000),
        stall_after: ms(3_000),
        ..Transport::strict()
    };
    let with = |transport, application| Policy { transport, application, ..Policy::off() };
    match n % VARIANTS {
        0 => Policy::strict(),
        1 => with(Some(transport(Profile::Strict)), Some(beats(Cadence::Together, Timing::Beat, Death::MissesBefore(2)))),
        2 => with(None, Some(beats(Cadence::Together, Timing::Beat, Death::MissesAfter(2)))),
        3 => with(None, Some(beats(Cadence::Spread, Timing::AfterIdle, Death::Timeout(ms(7_000))))),
        4 => with(
            Some(Transport { jitter_ppm: 300_000, adaptive: true, only_when_idle: true, ..transport(Profile::Strict) }),
            Some(beats(Cadence::Spread, Timing::AfterSilence, Death::Never)),
        ),
        5 => {
            let mut policy = with(Some(transport(Profile::Strict)), None);
            policy.limits.max_lifetime = Some(Span::from_secs(60));
            policy
        }
        n => with(Some(transport(Profile::ALL[n as usize % Profile::ALL.len()])), None),
    }
}

fn beats(cadence: Cadence, timing: Timing, death: Death) -> Application {
    let period = Span::from_secs(5);
    Application {
        ask: Some(Ask {
            period,
            cadence,
            start: Start::Jitter,
            timing,
            jitter_ppm: 0,
            death,
            counts: Counts::Written,
            matching: Matching::Window(2),
            answers: Answers::Matching,
            unsolicited: Unsolicited::Ignored,
            token: TokenKind::Timestamp,
            write_stall: period.times(2),
            stall_after: period,
        }),
        listen: (cadence == Cadence::Spread).then_some(Listen { limit: Span::from_secs(30), evidence: ListenFor::Bytes }),
        answers_peer: true,
        feed_timeout: None,
        close_code: Some(4408),
    }
}

/// An input, as far as it can be said before the run.
#[derive(Clone, Copy, Debug)]
pub enum Say {
    /// This input.
    Plain(Input),
    /// The pong to the last ping.
    PongLast,
    /// The last ping is written.
    PingFlushedLast,
    /// The answer to the last heartbeat.
    AnswerLast,
    /// The last heartbeat is written.
    HeartbeatFlushedLast,
}

/// How the present moves, in ns.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Not at all.
    Stay,
    /// On.
    On(u64),
    /// To the instant that the hub gave last.
    ToNext,
    /// Back.
    Back(u64),
}

/// What is done. Connections are named by a number, modulo how many there are.
#[derive(Clone, Debug)]
pub enum Op {
    /// A connection comes under the policy of this place, and opens at once or not.
    Accept(usize, Phase),
    /// A live connection is told something.
    Input(usize, Say),
    /// A connection that has ended is told something.
    Stale(usize, Input),
    /// Time is advanced by a call of this budget.
    Advance(u32),
    /// The policy of this place becomes this variant.
    Replace(usize, u8),
}

/// An input of which everything is known.
pub fn plain() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => Just(Input::Bytes(10)),
        2 => Just(Input::Ping),
        1 => any::<u64>().prop_map(|n| Input::Pong(Payload::Eight(n))),
        1 => Just(Input::Pong(Payload::Empty)),
        1 => any::<u64>().prop_map(|n| Input::Heartbeat(Token(n))),
        1 => any::<u64>().prop_map(|n| Input::Answer(Token(n))),
        2 => Just(Input::Data),
        1 => Just(Input::Ready),
        2 => Just(Input::Wrote(7)),
        1 => Just(Input::Sent),
        1 => Just(Input::Unread),
        1 => Just(Input::UserPing),
        1 => Just(Input::Reconfigured),
        1 => Just(Input::Tick),
        1 => prop_oneof![
            Just(Input::Fault(Fault::Malformed)),
            Just(Input::Fault(Fault::Protocol)),
            Just(Input::PeerClose(1000)),
            Just(Input::Lost),
            Just(Input::UserClose(1000)),
            Just(Input::Drain),
        ],
    ]
}

/// Any input.
pub fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        6 => plain().prop_map(Say::Plain),
        1 => Just(Say::Plain(Input::Opened)),
        4 => Just(Say::PingFlushedLast),
        3 => Just(Say::PongLast),
        4 => Just(Say::HeartbeatFlushedLast),
        3 => Just(Say::AnswerLast),
    ]
}

/// Any step.
pub fn step() -> impl Strategy<Value = Step> {
    let second = 1_000_000_000u64;
    prop_oneof![
        8 => Just(Step::Stay),
        4 => (0..3_000_000u64).prop_map(Step::On),
        4 => (0..5 * second).prop_map(Step::On),
        10 => Just(Step::ToNext),
        1 => (0..100 * second).prop_map(Step::On),
        1 => (0..3 * second).prop_map(Step::Back),
    ]
}

/// Anything that may be done.
pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => (0..POLICIES).prop_map(|policy| Op::Accept(policy, Phase::Handshake)),
        4 => (0..POLICIES).prop_map(|policy| Op::Accept(policy, Phase::Open)),
        20 => (any::<usize>(), say()).prop_map(|(who, say)| Op::Input(who, say)),
        1 => (any::<usize>(), plain()).prop_map(|(who, input)| Op::Stale(who, input)),
        12 => (0..4u32).prop_map(Op::Advance),
        4 => Just(Op::Advance(u32::MAX)),
        1 => (0..POLICIES, any::<u8>()).prop_map(|(policy, variant)| Op::Replace(policy, variant)),
    ]
}
