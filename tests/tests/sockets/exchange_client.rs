//! Our client against an exchange written from the documents: every row of the table, and what exchanges do wrong.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use wsbeat_core::event::{Plane, VerdictKind};
use wsbeat_tests::exchange::{Drops, Exchange, Log, Part, ROWS, Row, Seen, Side, Voice};
use wsbeat_tests::scaled::scaled;
use wsbeat_tokio::client::{Client, Connection};
use wsbeat_tokio::heartbeat::{AnswerFaults, DialectChoice, Event, Voice as AnswerVoice};

const SOON: Duration = Duration::from_secs(30);
/// How many heartbeats an honest connection has to see.
const PERIODS: usize = 5;

fn period(row: &Row) -> Duration {
    Duration::from_millis(match row.id {
        // Thirty periods until somebody is given up.
        "bybit-v5" => 120,
        // Intervals are told in whole seconds.
        "deribit" | "centrifugo" => 1_000,
        // Ten or fewer hundredths of a period between an honest client and its end.
        "okx" | "cryptocom" | "engineio-4" => 1_000,
        _ => 500,
    })
}

/// What a client and the exchange saw of each other.
struct Meeting {
    row: &'static Row,
    connection: Connection,
    log: Log,
    events: Vec<(Duration, Event)>,
    begun: Instant,
}

impl Meeting {
    async fn open(exchange: &Exchange, row: &'static Row, query: &str, client: impl FnOnce(Client) -> Client) -> Self {
        let name = format!("{}-{}", row.id, query.replace(['&', '='], "-"));
        let target = format!("{}?period_ms={}&name={name}&{query}", row.id, period(row).as_millis());
        let dialect = DialectChoice::Named(scaled(row.id, period(row)));
        let client = client(Client::new(exchange.url(&target)).dialect(dialect));
        let begun = Instant::now();
        let connection = tokio::time::timeout(SOON, client.connect()).await.expect("in time").unwrap_or_else(|e| panic!("{}: {e}", row.id));
        Meeting { row, connection, log: exchange.log(&name), events: vec![], begun }
    }

    /// Polls the connection until `enough`, or its end.
    async fn until(&mut self, enough: impl Fn(&[(Duration, Event)], &Log) -> bool) {
        let end = self.begun + SOON;
        while !enough(&self.events, &self.log) {
            assert!(Instant::now() < end, "{}: not in time: {:?}\nthe exchange saw\n{}", self.row.id, self.events, self.log);
            let step = Instant::now() + Duration::from_millis(20);
            match timeout_at(step, self.connection.next_event()).await {
                Err(_) => {}
                Ok(Some(event)) => self.events.push((self.begun.elapsed(), event)),
                Ok(None) => return,
            }
        }
    }

    fn verdicts(&self) -> Vec<(Duration, wsbeat_core::event::Verdict)> {
        let verdict = |(t, event): &(Duration, Event)| if let Event::Verdict(v) = event { Some((*t, *v)) } else { None };
        self.events.iter().filter_map(verdict).collect()
    }

    #[track_caller]
    fn assert_alive(&self) {
        let told = || format!("{}: {:?}\nthe exchange saw\n{}", self.row.id, self.events, self.log);
        assert!(self.verdicts().is_empty() && self.connection.ending().is_none(), "{}", told());
        assert_eq!(self.log.count(|s| matches!(s, Seen::Dropped | Seen::Closed(..) | Seen::End | Seen::WrongAnswer(_))), 0, "{}", told());
    }
}

fn answered(events: &[(Duration, Event)]) -> usize {
    events.iter().filter(|(_, e)| matches!(e, Event::Answered { plane: Plane::Application, .. })).count()
}

/// Whether both sides have seen enough heartbeats of an honest connection.
fn lived(row: &Row, events: &[(Duration, Event)], log: &Log) -> bool {
    let asked = match row.server {
        Part::Asks => log.count(|s| *s == Seen::Answered),
        Part::Beats => log.count(|s| matches!(s, Seen::Asked(_))),
        Part::Listens => PERIODS,
    };
    let asks = match row.client {
        Part::Asks => answered(events),
        Part::Beats => log.count(|s| *s == Seen::HeardAsk),
        Part::Listens => PERIODS,
    };
    asked >= PERIODS && asks >= PERIODS
}

async fn exchange() -> Exchange {
    Exchange::start("127.0.0.1:0", Voice::Silent).await.unwrap()
}

/// Runs `test` for all `rows` at once: most of it is waiting.
async fn for_rows<F: Future<Output = ()>>(rows: impl IntoIterator<Item = &'static Row>, test: impl Fn(&'static Row) -> F) {
    futures_util::future::join_all(rows.into_iter().map(test)).await;
}

#[tokio::test]
async fn in_every_dialect_it_stays_connected_over_several_periods() {
    let exchange = exchange().await;
    for_rows(&ROWS, async |row| {
        let mut seen = Meeting::open(&exchange, row, "", |c| c).await;
        seen.until(|events, log| lived(row, events, log)).await;
        seen.assert_alive();
        if row.id == "kucoin" {
            assert!(seen.events.iter().any(|(_, e)| matches!(e, Event::Message(m) if m.to_string().contains("welcome"))));
        }
    })
    .await;
}

#[tokio::test]
async fn who_answers_nothing_is_dropped_by_every_exchange_that_asks() {
    let exchange = exchange().await;
    let mute = AnswerFaults { voice: AnswerVoice::Mute, ..AnswerFaults::default() };
    for_rows(ROWS.iter().filter(|row| row.server == Part::Asks), async |row| {
        let mut seen = Meeting::open(&exchange, row, "", |c| c.answer_faults(mute)).await;
        seen.until(|_, _| false).await;
        let Some(dropped) = seen.log.last(|s| *s == Seen::Dropped) else {
            panic!("{}: {:?}\nthe exchange saw\n{}", row.id, seen.events, seen.log)
        };
        let asked = seen.log.count(|s| matches!(s, Seen::Asked(_)));
        if let Drops::Misses(misses) = row.drops {
            assert_eq!(asked, misses, "{}: {}", row.id, seen.log);
        }
        let first = seen.log.all().iter().find(|(_, s)| matches!(s, Seen::Asked(_))).unwrap().0;
        assert!(dropped >= first + Duration::from_millis(300), "{}: {}", row.id, seen.log);
        assert_eq!(seen.log.count(|s| *s == Seen::Answered), 0, "{}", seen.log);
        let ending = seen.connection.ending().expect("an end");
        let code = ending.peer_close.as_ref().and_then(|close| close.code);
        assert_eq!(code, row.closes.map(|(code, _)| code), "{}: {ending:?}", row.id);
        assert!(seen.verdicts().is_empty(), "{}: the exchange closed, not we: {:?}", row.id, seen.events);
        let unanswered = |e: &Event| matches!(e, Event::Asked { answered_in: None, .. });
        assert!(seen.events.iter().any(|(_, e)| unanswered(e)), "{}: {:?}", row.id, seen.events);
    })
    .await;
}

#[tokio::test]
async fn who_asks_nothing_is_dropped_by_every_exchange_that_listens() {
    let exchange = exchange().await;
    let listens = ROWS.iter().filter(|row| matches!(row.drops, Drops::Unasked(_) | Drops::Idle(_)));
    for_rows(listens, async |row| {
        let silent = |client: Client| client.dialect(DialectChoice::None);
        let mut seen = Meeting::open(&exchange, row, "", silent).await;
        seen.until(|_, _| false).await;
        assert_eq!(seen.log.count(|s| *s == Seen::Dropped), 1, "{}", seen.log);
        let ending = seen.connection.ending().expect("an end");
        assert!(ending.peer_close.is_some() && ending.verdict.is_none(), "{}: {ending:?}", row.id);
    })
    .await;
}

/// How long our client waits for a sign of an exchange that is mute, in periods; SPEC §5 and the row.
fn patience(row: &Row) -> f64 {
    let interval = row.interval_ms as f64;
    let told = |ms: f64| 1.0 + (ms / interval).max(400.0 / period(row).as_millis() as f64);
    match (row.client, row.drops) {
        (_, Drops::Misses(misses)) => misses as f64 + 1.0,
        (_, Drops::Unanswered(ms)) => told(ms as f64),
        // It gives the exchange its timeout from the asking.
        (Part::Asks, _) => match row.id {
            "kucoin" => told(10_000.0) - 1.0,
            "okx" => told(30_000.0) - 1.0,
            "bybit-v5" => told(600_000.0) - 1.0,
            "mexc-futures" => told(60_000.0) - 1.0,
            _ => 1.0,
        },
        _ => match row.id {
            "kraken-v2" | "coinbase" => 10.0,
            _ => 2.0,
        },
    }
}

#[tokio::test]
async fn an_exchange_that_goes_mute_is_given_up_at_its_time_and_not_before() {
    let exchange = exchange().await;
    for_rows(&ROWS, async |row| {
        let mut seen = Meeting::open(&exchange, row, "fault=mute&after=2", |c| c).await;
        seen.until(|_, _| false).await;
        let verdicts = seen.verdicts();
        let told = || format!("{}: {:?}\nthe exchange saw\n{}", row.id, seen.events, seen.log);
        let [(_, verdict), ..] = verdicts.as_slice() else { panic!("{}", told()) };
        assert_eq!(verdict.kind, VerdictKind::PeerSilent, "{}", told());
        let expected = match row.id {
            "blog" => None,
            "centrifugo" => Some(3012),
            _ => Some(4408),
        };
        assert_eq!((verdict.code, verdict.plane), (expected, Plane::Application), "{}", told());
        let last = verdict.written.unwrap_or(verdict.last_byte);
        let waited = Duration::from(verdict.now.since(last));
        let patience = period(row).mul_f64(patience(row));
        assert!(waited + Duration::from_millis(50) >= patience, "{}: {waited:?} of {patience:?}\n{}", row.id, told());
        assert!(waited < patience + Duration::from_secs(3), "{}: {waited:?} of {patience:?}\n{}", row.id, told());
    })
    .await;
}

fn row(id: &str) -> &'static Row {
    wsbeat_tests::exchange::find(id).unwrap()
}

#[tokio::test]
async fn what_comes_twice_changes_nothing() {
    let exchange = exchange().await;
    let ids = ["htx-spot-v1", "htx-contract-order", "okx", "bybit-v5", "kucoin", "phoenix", "cryptocom", "coinbase"];
    for_rows(ids.map(row), async |row| {
        let mut seen = Meeting::open(&exchange, row, "fault=duplicate", |c| c).await;
        seen.until(|events, log| lived(row, events, log)).await;
        let endings = seen.log.count(|s| matches!(s, Seen::Dropped | Seen::Closed(..) | Seen::End));
        assert!(seen.verdicts().is_empty() && endings == 0, "{}: {:?}\n{}", row.id, seen.events, seen.log);
    })
    .await;
}

#[tokio::test]
async fn an_answer_with_another_token_counts_only_where_any_answer_does() {
    let exchange = exchange().await;
    for_rows(["kucoin", "phoenix", "bybit-v5"].map(row), async |row| {
        let mut seen = Meeting::open(&exchange, row, "fault=wrong&after=2", |c| c).await;
        let any = row.id == "bybit-v5";
        seen.until(|events, log| any && lived(row, events, log)).await;
        let kinds: Vec<_> = seen.verdicts().iter().map(|(_, v)| v.kind).collect();
        let told = || format!("{}: {:?}\n{}", row.id, seen.events, seen.log);
        assert_eq!(kinds, if any { vec![] } else { vec![VerdictKind::PeerSlow] }, "{}", told());
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_late_within_its_time_is_waited_for_and_its_round_trip_told() {
    let exchange = exchange().await;
    for_rows(["okx", "bybit-v5", "kucoin", "mexc-futures", "phoenix"].map(row), async |row| {
        let late = Duration::from_millis(100);
        let mut seen = Meeting::open(&exchange, row, "fault=late&late_ms=100", |c| c).await;
        seen.until(|events, _| answered(events) >= PERIODS).await;
        seen.assert_alive();
        for (_, event) in &seen.events {
            if let Event::Answered { rtt, .. } = event {
                // Where any answer will do, one that comes after the next heartbeat answers that too.
                assert!(*rtt >= late - Duration::from_millis(5) || row.id == "bybit-v5", "{}: {event:?}", row.id);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn heartbeats_that_do_not_inflate_are_borne_three_times_and_then_close_with_1007() {
    let exchange = exchange().await;
    for_rows(["blog", "htx-spot-v1", "htx-spot-v2", "htx-contract-market", "htx-contract-order"].map(row), async |row| {
        let expected = match row.id {
            // Its two misses are over before the fourth: bytes came, heartbeats did not.
            "blog" => vec![(VerdictKind::PeerSlow, None)],
            "htx-spot-v1" => vec![(VerdictKind::PeerSlow, Some(4408))],
            // Its heartbeats are text: what is no JSON is data, and data is no heartbeat.
            "htx-spot-v2" => vec![(VerdictKind::PeerSlow, Some(4408))],
            _ => vec![(VerdictKind::Malformed, Some(1007))],
        };
        let mut seen = Meeting::open(&exchange, row, "fault=malformed&after=1", |c| c).await;
        seen.until(|_, _| false).await;
        let data = seen.events.iter().filter(|(_, e)| matches!(e, Event::Message(_))).count();
        assert_eq!(data > 0, row.id == "htx-spot-v2", "{}: {:?}", row.id, seen.events);
        let kinds: Vec<_> = seen.verdicts().iter().map(|(_, v)| (v.kind, v.code)).collect();
        assert_eq!(kinds, expected, "{}: {:?}\n{}", row.id, seen.events, seen.log);
    })
    .await;
}

#[tokio::test]
async fn a_day_that_ends_is_a_clean_end_and_no_verdict() {
    let exchange = exchange().await;
    for_rows(["binance-spot", "htx-spot-v1", "okx"].map(row), async |row| {
        let mut seen = Meeting::open(&exchange, row, "life_ms=1500", |c| c).await;
        seen.until(|_, _| false).await;
        let ending = seen.connection.ending().unwrap();
        assert!(ending.is_clean() && ending.verdict.is_none(), "{}: {ending:?}", row.id);
        assert_eq!(seen.log.count(|s| *s == Seen::Lifetime), 1, "{}", seen.log);
    })
    .await;
}

#[tokio::test]
async fn data_between_the_heartbeats_arrives_inflated() {
    let exchange = exchange().await;
    for_rows(["htx-spot-v1", "okx"].map(row), async |row| {
        let mut seen = Meeting::open(&exchange, row, "data_ms=50", |c| c).await;
        let texts = |events: &[(Duration, Event)]| {
            let text = |(_, e): &(Duration, Event)| if let Event::Message(m) = e { Some(m.to_text().ok()?.to_owned()) } else { None };
            events.iter().filter_map(text).collect::<Vec<_>>()
        };
        seen.until(|events, _| texts(events).len() >= 10).await;
        seen.assert_alive();
        for (n, text) in texts(&seen.events).iter().enumerate() {
            assert_eq!(*text, format!(r#"{{"ch":"market.btcusdt.trade","tick":{{"n":{}}}}}"#, n + 1), "{}", row.id);
        }
    })
    .await;
}

#[tokio::test]
async fn heartbeats_without_data_are_a_feed_that_stalled() {
    let exchange = exchange().await;
    let row = row("htx-spot-v1");
    let config = wsbeat_core::policy::PolicyConfig { feed_timeout: Some(Duration::from_millis(1_200)), ..Default::default() };
    let mut seen = Meeting::open(&exchange, row, "", |c| c.policy(config)).await;
    seen.until(|_, _| false).await;
    let [(_, verdict)] = seen.verdicts()[..] else { panic!("{:?}", seen.events) };
    assert_eq!((verdict.kind, verdict.code), (VerdictKind::FeedStalled, Some(4409)));
    seen.log.until("closed", |log| log.count(|s| matches!(s, Seen::Closed(4409, reason) if reason == "feed stalled")) == 1).await;
}

/// What `auto` says of every exchange that can be told from its first heartbeat.
#[tokio::test]
async fn auto_says_which_dialect_it_is_and_then_keeps_it() {
    let exchange = exchange().await;
    let expected = |row: &Row| match row.id {
        // These look alike.
        "blog" | "htx-spot-v1" | "htx-contract-market" => Some("htx-spot-v1"),
        "htx-spot-v2" | "htx-contract-order" | "deribit" | "cryptocom" | "kraken-v2" | "coinbase" | "engineio-4" | "graphql-ws" => {
            Some(row.id)
        }
        _ => None,
    };
    // Who has to ask first for heartbeats to begin shows nothing to a client that does not know to ask.
    let spontaneous = |row: &&Row| expected(row).is_some() && !row.waits(Side::Server);
    for_rows(ROWS.iter().filter(spontaneous), async |row| {
        let mut seen = Meeting::open(&exchange, row, "", |c| c.dialect(DialectChoice::Auto)).await;
        let told = |events: &[(Duration, Event)]| events.iter().any(|(_, e)| matches!(e, Event::Dialect(_)));
        seen.until(|events, log| told(events) && (row.server != Part::Asks || log.count(|s| *s == Seen::Answered) >= 2)).await;
        let ids: Vec<_> =
            seen.events.iter().filter_map(|(_, e)| if let Event::Dialect(id) = e { Some(id.as_str()) } else { None }).collect();
        assert_eq!(ids, [expected(row).unwrap()], "{:?}", seen.events);
        seen.assert_alive();
    })
    .await;
}

#[tokio::test]
async fn subscriptions_wait_for_the_welcome_where_the_dialect_has_one_and_else_go_out_at_once() {
    use tokio_tungstenite::tungstenite::Message;
    let exchange = exchange().await;
    for_rows(["graphql-ws", "kucoin", "okx", "htx-spot-v1"].map(row), async |row| {
        let subscribing = |client: Client| client.subscribe(Message::text("first")).subscribe(Message::text("second"));
        let mut seen = Meeting::open(&exchange, row, "", subscribing).await;
        let subscribed = |log: &Log| log.count(|s| matches!(s, Seen::Data(_))) >= 2;
        seen.until(|_, log| subscribed(log)).await;
        let order: Vec<_> = seen.log.all().into_iter().map(|(_, s)| s).filter(|s| matches!(s, Seen::Requested | Seen::Data(_))).collect();
        let data = ["first", "second"].map(|text| Seen::Data(text.to_owned()));
        let asks_first = row.id == "graphql-ws";
        let expected: Vec<_> = asks_first.then_some(Seen::Requested).into_iter().chain(data).collect();
        assert_eq!(order, expected, "{}", seen.log);
        // The welcome was there before they left.
        let welcome = seen
            .events
            .iter()
            .any(|(_, e)| matches!(e, Event::Message(m) if m.to_string().contains("welcome") || m.to_string().contains("ack")));
        assert_eq!(welcome, matches!(row.id, "graphql-ws" | "kucoin"), "{}: {:?}", row.id, seen.events);
    })
    .await;
}
