//! The article's servers with the article's clients, in both generations, and the two libraries among themselves: what the
//! profiles and dialects must reproduce is measured here on the originals. If one of these fails, the rules are wrong or
//! an original has changed.

use std::time::Duration;

use wsbeat_tests::peers::{Event, Generation, Log, Program, Stage, at_once, in_both_generations};

const PERIOD_S: f64 = 0.4;
const PERIOD: &str = "0.4";
const LIMIT: Duration = Duration::from_secs(20);

/// `on_pong` answers an empty pong with a timestamp ping, so each period has two pings and two pongs.
#[test]
fn the_articles_ping_pair_lives_and_sends_timestamp_pings() {
    in_both_generations(|generation| {
        let (server, client) = (Program::PingServer(generation), Program::ArticleClient(generation));
        let Some(stage) = Stage::open("the article's ping pair", &[server, client]) else {
            return;
        };
        let server = stage.server(server, &["--interval", PERIOD, "--timeout", "0.8"]);
        let client = stage.client(client, &server.url(), &[]).stop_after("answer", 8);
        let server = server.stop().until("pong", 8);

        client.assert_order(&["open"].into_iter().chain(["ping", "answer"].into_iter().cycle().take(16)).collect::<Vec<_>>());
        client.assert_alive();
        let (empty, timestamps): (Vec<_>, Vec<_>) = client.all("ping").into_iter().partition(|ping| ping.text("data").is_empty());
        assert_eq!((empty.len(), timestamps.len()), (4, 4));
        assert!(timestamps.iter().all(|ping| ping.text("data").len() == 2 * 13), "thirteen bytes\n{client}");
        assert!(server.all("ping-sent").iter().zip(server.all("pong")).all(|(ping, pong)| ping.text("data") == pong.text("data")));

        let tolerance = stage.tolerance(&[&client, &server]);
        let sent: Vec<_> = server.all("ping-sent").into_iter().filter(|ping| ping.text("data").is_empty()).collect();
        match generation {
            Generation::First => tolerance.assert_on_grid(&sent, server.opening(), PERIOD_S),
            Generation::Second => tolerance.assert_chained(&sent, server.opening(), PERIOD_S),
        }
    });
}

/// A silent client of Tornado 6.1 is closed at the tick at which its last pong is older than the timeout; with ticks that
/// are late by anything (they always are) that is the second one for a timeout of two intervals.
#[test]
fn a_silent_client_of_tornado_6_1_is_closed_with_an_empty_body() {
    let log = ping_pair("tornado 6.1 silent", Generation::First, "0.8", &["--answers", "0"]);
    let Some((stage, log)) = log else { return };
    assert_closed_at_the_boundary(&stage, &log, 0);
}

#[test]
fn a_client_of_tornado_6_1_that_dies_is_closed_three_ticks_after_its_last_answer() {
    // Two answers are one period's: the empty ping's and the timestamp's. They come late enough to stay clear of the boundary.
    let faults = ["--answers", "2", "--delay", "0.08"];
    let Some((stage, log)) = ping_pair("tornado 6.1 dies", Generation::First, "0.8", &faults) else {
        return;
    };
    log.assert_closed(None, "");
    log.assert_order(&["open", "ping", "answer", "ping", "answer", "ping", "ping", "close"]);
    stage.tolerance(&[&log]).assert_due(log.one("close"), log.opening().after(4.0 * PERIOD_S));
}

/// Settings that kill every healthy client, and so must the profile.
#[test]
fn tornado_6_1_closes_a_healthy_client_when_the_timeout_is_at_most_the_interval() {
    at_once(["0", "0.2", PERIOD], |timeout| {
        let Some((stage, log)) = ping_pair("tornado 6.1 short timeout", Generation::First, timeout, &[]) else {
            return;
        };
        log.assert_order(&["open", "close"]);
        log.assert_closed(None, "");
        stage.tolerance(&[&log]).assert_due(log.one("close"), log.opening().after(PERIOD_S));
    });
}

/// The timeout counts from the ping, and one above the interval is the interval.
#[test]
fn a_silent_client_of_tornado_6_6_is_closed_a_timeout_after_its_ping() {
    at_once([("0.8", PERIOD_S), (PERIOD, PERIOD_S), ("0.16", 0.16)], |(timeout, effective_s)| {
        let log = ping_pair("tornado 6.6 silent", Generation::Second, timeout, &["--answers", "0"]);
        let Some((stage, log)) = log else { return };
        log.assert_order(&["open", "ping", "close"]);
        log.assert_closed(Some(1000), "ping timed out");
        let tolerance = stage.tolerance(&[&log]);
        tolerance.assert_due(log.one("ping"), log.opening().after(PERIOD_S));
        tolerance.assert_due_in_steps(log.one("close"), log.opening().after(PERIOD_S + effective_s), 2);
    });
}

#[test]
fn tornado_6_6_without_a_timeout_pings_a_silent_client_for_ever() {
    let (server, client) = (Program::PingServer(Generation::Second), Program::ArticleClient(Generation::Second));
    let Some(stage) = Stage::open("tornado 6.6 timeout 0", &[server, client]) else {
        return;
    };
    let server = stage.server(server, &["--interval", PERIOD, "--timeout", "0"]);
    let log = stage.client(client, &server.url(), &["--answers", "0"]).stop_after("ping", 4);
    log.assert_order(&["open", "ping", "ping", "ping", "ping"]);
    stage.tolerance(&[&log]).assert_chained(&log.all("ping"), log.opening(), PERIOD_S);
}

#[test]
fn the_articles_heartbeat_pair_lives_and_every_answer_matches() {
    in_both_generations(|generation| {
        let (server, client) = (Program::HeartbeatServer(generation), Program::ArticleClient(generation));
        let Some(stage) = Stage::open("the article's heartbeat pair", &[server, client]) else {
            return;
        };
        let server = stage.server(server, &["--interval", PERIOD]);
        let client = stage.client(client, &server.url(), &[]).stop_after("answer", 5);
        let server = server.stop().until("answer", 5);
        client.assert_order(&["open"].into_iter().chain(["heartbeat", "answer"].into_iter().cycle().take(10)).collect::<Vec<_>>());
        client.assert_alive();
        assert_eq!(tokens(&client, "heartbeat"), tokens(&server, "answer"));
        let tolerance = stage.tolerance(&[&client, &server]);
        let beats = server.all("beat");
        let last_before_open = tolerance.source_of(beats[0]);
        tolerance.assert_due(client.all("heartbeat")[0], client.opening().after_between(0.0, PERIOD_S));
        tolerance.assert_on_grid(&beats[1..], last_before_open, PERIOD_S);
    });
}

/// Three heartbeats, and the close right behind the third (the documented rule would not send that one).
#[test]
fn a_silent_client_of_the_articles_heartbeat_is_closed_behind_its_third() {
    in_both_generations(|generation| {
        let Some((stage, log)) = heartbeat_pair("the article's silent client", generation, &["--answers", "0"]) else {
            return;
        };
        log.assert_order(&["open", "heartbeat", "heartbeat", "heartbeat", "close"]);
        log.assert_closed(None, "");
        let tolerance = stage.tolerance(&[&log]);
        tolerance.assert_due(log.one("close"), tolerance.source_of(log.all("heartbeat")[0]).after(2.0 * PERIOD_S));
        tolerance.assert_due(log.one("close"), log.opening().after_between(2.0 * PERIOD_S, 3.0 * PERIOD_S));
    });
}

#[test]
fn a_client_that_answers_the_first_heartbeat_only_is_closed_three_beats_later() {
    in_both_generations(|generation| {
        let Some((_, log)) = heartbeat_pair("the article's dying client", generation, &["--answers", "1"]) else {
            return;
        };
        log.assert_order(&["open", "heartbeat", "answer", "heartbeat", "heartbeat", "heartbeat", "close"]);
        log.assert_closed(None, "");
    });
}

/// An answer counts only while its heartbeat is the newest, so a round trip of more than a period is as bad as silence.
#[test]
fn a_client_that_answers_1_3_periods_late_is_closed_as_if_it_were_silent() {
    in_both_generations(|generation| {
        let Some((_, log)) = heartbeat_pair("the article's late client", generation, &["--delay", "0.52"]) else {
            return;
        };
        log.assert_order(&["open", "heartbeat", "heartbeat", "answer", "heartbeat", "close"]);
        log.assert_closed(None, "");
    });
}

/// A client that ignores the close frame stays in the server's set, and every beat breaks off when it comes to it: those
/// behind it in the set's order get no heartbeat until Tornado gives the connection up, 5 s later.
#[test]
fn one_client_that_ignores_the_close_starves_others_of_the_articles_server() {
    in_both_generations(|generation| {
        let (server, dead) = (Program::HeartbeatServer(generation), Program::ArticleClient(generation));
        let healthy = Program::WebsocketsClient;
        let Some(stage) = Stage::open("the starved beat", &[server, dead, healthy]) else {
            return;
        };
        let server = stage.server(server, &["--interval", PERIOD]);
        let healthy = stage.client(healthy, &server.url(), &["--connections", "20"]);
        healthy.wait_for("open", 20);
        let _dead = stage.client(dead, &server.url(), &["--answers", "0", "--ignore-close"]);
        server.wait_for("beat-broken", 2);
        let log = server.stop();
        drop(healthy);
        let broken = log.until("beat-broken", 2);
        assert_eq!(broken.all("beat-broken")[0].text("error"), "WebSocketClosedError", "in\n{log}");
        // The two broken beats reached the same clients: those ahead of the dead one.
        let beats: Vec<_> = broken.all("beat").iter().rev().take(2).map(|beat| reached(&broken, beat)).collect();
        assert_eq!(beats[0], beats[1], "in\n{log}");
        assert!(beats[0] <= 20);
    });
}

#[test]
fn python_websockets_pings_and_closes_with_1011() {
    let programs = [Program::WebsocketsServer, Program::WebsocketsClient];
    let Some(stage) = Stage::open("websockets pair", &programs) else {
        return;
    };
    let server = stage.server(programs[0], &["--interval", PERIOD, "--timeout", "0.3"]);
    let log = stage.client(programs[1], &server.url(), &["--answers", "1"]).ended_within(LIMIT);
    log.assert_order(&["open", "ping", "answer", "ping", "close"]);
    log.assert_closed(Some(1011), "keepalive ping timeout");
    assert!(log.all("ping").iter().all(|ping| ping.text("data").len() == 2 * 4), "four bytes\n{log}");
    let tolerance = stage.tolerance(&[&log]);
    tolerance.assert_chained(&log.all("ping"), log.opening(), PERIOD_S);
    tolerance.assert_due_in_steps(log.one("close"), log.opening().after(2.0 * PERIOD_S + 0.3), 3);
}

/// The recipe's timer is one for all, so the first ping comes within an interval; one miss ends it without a close frame.
#[test]
fn the_recipe_of_node_ws_terminates_after_one_miss() {
    let programs = [Program::WsServer, Program::WsClient];
    let Some(stage) = Stage::open("ws pair", &programs) else { return };
    let server = stage.server(programs[0], &["--interval", PERIOD]);
    let log = stage.client(programs[1], &server.url(), &["--answers", "1"]).ended_within(LIMIT);
    log.assert_order(&["open", "ping", "answer", "ping", "end"]);
    assert_eq!(log.count("close"), 0, "no close frame\n{log}");
    let tolerance = stage.tolerance(&[&log]);
    tolerance.assert_due(log.all("ping")[0], log.opening().after_between(0.0, PERIOD_S));
    tolerance.assert_due(log.one("end"), tolerance.source_of(log.all("ping")[0]).after(2.0 * PERIOD_S));
}

/// What the client of a ping pair saw until its server closed it.
fn ping_pair(test: &str, generation: Generation, timeout: &str, faults: &[&str]) -> Option<(Stage, Log)> {
    let arguments = ["--interval", PERIOD, "--timeout", timeout];
    pair(test, Program::PingServer(generation), &arguments, Program::ArticleClient(generation), faults)
}

/// The same for a heartbeat pair.
fn heartbeat_pair(test: &str, generation: Generation, faults: &[&str]) -> Option<(Stage, Log)> {
    let (server, client) = (Program::HeartbeatServer(generation), Program::ArticleClient(generation));
    pair(test, server, &["--interval", PERIOD], client, faults)
}

fn pair(test: &str, server: Program, arguments: &[&str], client: Program, faults: &[&str]) -> Option<(Stage, Log)> {
    let stage = Stage::open(test, &[server, client])?;
    let server = stage.server(server, arguments);
    let log = stage.client(client, &server.url(), faults).ended_within(LIMIT);
    Some((stage, log))
}

/// After `answered` periods of answers: a ping and the close two intervals later, or two pings and the close after three.
fn assert_closed_at_the_boundary(stage: &Stage, log: &Log, answered: u32) {
    let pings = log.count("ping");
    assert!((1..=2).contains(&pings), "one ping or two expected in\n{log}");
    log.assert_closed(None, "");
    let ticks = f64::from(answered) + if pings == 1 { 2.0 } else { 3.0 };
    stage.tolerance(&[log]).assert_due(log.one("close"), log.opening().after(ticks * PERIOD_S));
}

fn tokens(log: &Log, name: &str) -> Vec<Option<u64>> {
    log.all(name).iter().map(|event| event.number("token")).collect()
}

/// How many heartbeats of this beat were sent.
fn reached(log: &Log, beat: &Event) -> usize {
    log.all("heartbeat").iter().filter(|heartbeat| heartbeat.number("token") == beat.number("token")).count()
}
