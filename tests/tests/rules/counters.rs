//! What is counted: each thing once, as what it is, by the hub of the connection.

use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Action, ConnId, Counter, Input, Payload, Plane, Token};
use wsbeat_core::hub::{Hub, Next};
use wsbeat_core::policy::{Answers, Application, Ask, Death, Matching, Policy, Start, TokenKind, Transport};
use wsbeat_core::time::{Instant, Now, Span};

const PERIOD: Span = Span::from_secs(5);

/// A hub with one open connection; what it sends is written at once.
struct One {
    hub: Hub,
    id: ConnId,
    actions: Vec<Action>,
}

impl One {
    fn open(policy: Policy) -> Self {
        let mut hub = Hub::new(3, 1);
        let policy = hub.register(policy);
        let id = hub.accept(Now::default(), policy).unwrap();
        let mut one = One { hub, id, actions: vec![] };
        one.at(0, Input::Opened);
        one
    }

    /// Time goes on to `ms`, and `input` happens there.
    fn at(&mut self, ms: u64, input: Input) -> &mut Self {
        self.run(ms);
        let now = Now::new(Instant::from_millis(ms), 0);
        self.hub.input(now, self.id, input, &mut |_, action| self.actions.push(action));
        self
    }

    fn run(&mut self, until_ms: u64) {
        let until = Instant::from_millis(until_ms);
        while let Next::At(at) = self.hub.next_due() {
            if at > until {
                break;
            }
            let (now, sent) = (Now::new(at, 0), self.actions.len());
            let _ = self.hub.advance(now, 9, &mut |_, action| self.actions.push(action));
            for action in self.actions[sent..].iter().copied() {
                let written = match action {
                    Action::Ping(payload) => Input::PingFlushed(payload),
                    Action::Heartbeat(token) => Input::HeartbeatFlushed(token),
                    _ => continue,
                };
                self.hub.input(now, self.id, written, &mut |_, action| panic!("{action:?}"));
            }
        }
    }

    fn counted<const N: usize>(&self, counters: [Counter; N]) -> [u64; N] {
        counters.map(|counter| self.hub.stats().get(counter))
    }

    /// How many round trips of a plane there were, and how long all together, ms.
    fn rtt(&self, plane: Plane) -> (u64, u64) {
        let rtt = self.hub.stats().rtt(plane);
        (rtt.count(), rtt.sum().as_nanos() / 1_000_000)
    }

    fn pings(&self) -> Vec<Payload> {
        self.actions.iter().filter_map(|action| if let Action::Ping(payload) = action { Some(*payload) } else { None }).collect()
    }
}

/// Heartbeats 1, 2, 3, … at 5, 10, 15 s.
fn asks(ask: Ask) -> Policy {
    let ask = Ask { start: Start::Interval, token: TokenKind::Counter, ..ask };
    let application = Application { ask: Some(ask), listen: None, answers_peer: true, feed_timeout: None, close_code: Some(4408) };
    Policy { application: Some(application), ..Policy::off() }
}

#[test]
fn an_answer_that_does_not_count_is_counted_as_what_it_is() {
    let refused = |one: &One| {
        one.counted([
            Counter::AnswersUnsolicited,
            Counter::AnswersMismatched,
            Counter::AnswersStale,
            Counter::AnswersDuplicate,
            Counter::AnswersMatched,
        ])
    };
    let answer = |token| Input::Answer(Token(token));
    let mut one = One::open(asks(Ask::every(PERIOD, Death::MissesBefore(3))));
    one.at(1_000, answer(9));
    assert_eq!(refused(&one), [1, 0, 0, 0, 0], "before any heartbeat");
    one.at(6_000, answer(99));
    assert_eq!(refused(&one), [1, 1, 0, 0, 0], "one that we never sent");
    one.at(6_000, answer(0));
    assert_eq!(refused(&one), [1, 1, 1, 0, 0], "one that is older than all that are known");
    one.at(6_500, answer(1));
    assert_eq!(refused(&one), [1, 1, 1, 0, 1]);
    one.at(7_000, answer(1));
    assert_eq!(refused(&one), [1, 1, 1, 1, 1], "one that had come before");
    one.at(8_000, answer(99));
    assert_eq!(refused(&one), [2, 1, 1, 1, 1], "nothing is open");
    one.at(11_000, answer(2)).at(11_000, answer(1));
    assert_eq!(refused(&one), [2, 1, 2, 1, 2], "one before the newest answered");
    assert_eq!(one.rtt(Plane::Application), (2, 2_500));
    assert_eq!(one.counted([Counter::HeartbeatsSent]), [2]);
}

#[test]
fn where_any_answer_counts_the_round_trip_is_that_of_the_heartbeat_which_it_names() {
    let ask = Ask { matching: Matching::Any, ..Ask::every(PERIOD, Death::Timeout(PERIOD.times(9))) };
    let mut one = One::open(asks(ask));
    one.at(11_000, Input::Answer(Token(2)));
    assert_eq!((one.rtt(Plane::Application), one.counted([Counter::AnswersMatched])), ((1, 1_000), [1]));
    one.at(16_000, Input::Answer(Token(77)));
    assert_eq!((one.rtt(Plane::Application), one.counted([Counter::AnswersMatched])), ((2, 2_000), [2]), "one that names none");
    one.at(17_000, Input::Answer(Token(77)));
    assert_eq!(one.counted([Counter::AnswersMatched, Counter::AnswersUnsolicited]), [2, 1]);
    one.at(21_000, Input::Answer(Token(3)));
    assert_eq!((one.rtt(Plane::Application), one.counted([Counter::AnswersMatched])), ((3, 3_000), [3]), "one that was answered before");
}

#[test]
fn pongs_are_counted_as_what_they_are() {
    let strict = Transport { first: Some(PERIOD), interval: PERIOD, timeout: PERIOD.times(9), ..Transport::strict() };
    let mut one = One::open(Policy { transport: Some(strict), ..Policy::off() });
    let all = |one: &One| {
        one.counted([
            Counter::PongsMatched,
            Counter::PongsStale,
            Counter::PongsUnsolicited,
            Counter::PongsEmpty,
            Counter::PongsUser,
            Counter::PingsSent,
        ])
    };
    one.run(11_000);
    let pings = one.pings();
    one.at(11_000, Input::Pong(pings[1])).at(11_500, Input::Pong(pings[0]));
    assert_eq!(all(&one), [1, 1, 0, 0, 0, 2]);
    one.at(12_000, Input::Pong(Payload::Other)).at(12_000, Input::Pong(Payload::Empty));
    assert_eq!(all(&one), [1, 1, 1, 1, 0, 2]);
    one.at(12_000, Input::UserPing).at(12_100, Input::Pong(Payload::Other)).at(12_200, Input::Pong(Payload::Other));
    assert_eq!(all(&one), [1, 1, 2, 1, 1, 2]);
    assert_eq!(one.rtt(Plane::Transport), (1, 1_000));
}

#[test]
fn time_is_the_hubs_and_a_tick_put_into_it_is_none() {
    let mut one = One::open(asks(Ask { answers: Answers::Any, ..Ask::every(PERIOD, Death::Never) }));
    let now = |secs| Now::new(Instant::from_secs(secs), 0);
    assert_eq!(one.hub.input(now(90), one.id, Input::Tick, &mut |_, action| panic!("{action:?}")), Phase::Open);
    one.hub.input(now(4), one.id, Input::Bytes(1), &mut |_, action| panic!("{action:?}"));
    assert_eq!(one.hub.connection(one.id).unwrap().last_byte(), Instant::from_secs(4));
    assert_eq!(one.counted([Counter::ClockBackwards]), [0]);
    one.hub.input(now(3), one.id, Input::Bytes(1), &mut |_, action| panic!("{action:?}"));
    assert_eq!(one.counted([Counter::ClockBackwards]), [1]);
}

#[test]
fn a_ping_without_a_pong_is_counted_when_its_place_is_needed() {
    let strict = Transport { first: Some(PERIOD), interval: PERIOD, ..Transport::strict() };
    let mut one = One::open(Policy { transport: Some(strict), ..Policy::off() });
    let counted: Vec<u64> = (1..=7)
        .map(|k| {
            one.at(5_000 * k, Input::Bytes(1)).run(5_000 * k);
            one.counted([Counter::PingsUnanswered])[0]
        })
        .collect();
    assert_eq!(counted, [0, 0, 0, 0, 1, 2, 3]);
}
