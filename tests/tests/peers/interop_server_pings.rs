//! Our server's transport plane with clients of the field: alive over several periods, dropped when mute by the vectors of
//! each profile, order, counts and close codes exact.

use std::time::Duration;

use wsbeat_tests::peers::{Generation, Log, Peer, Program, Stage, at_once};

const PERIOD_S: f64 = 0.4;
const LIMIT: Duration = Duration::from_secs(20);
const CLIENTS: [Program; 4] =
    [Program::ArticleClient(Generation::First), Program::ArticleClient(Generation::Second), Program::WebsocketsClient, Program::WsClient];

#[test]
fn tornado_6_4_pings_on_the_grid_and_keeps_who_answers() {
    let arguments = profile("tornado-6.4", "400ms", "800ms");
    let Some((stage, logs)) = answering(&arguments, "0", 5) else {
        return;
    };
    let tolerance = stage.tolerance(&logs.iter().collect::<Vec<_>>());
    for log in &logs {
        assert_pings_and_answers(log, 5);
        assert!(log.all("ping").iter().all(|ping| ping.text("data").is_empty()), "empty pings expected\n{log}");
        tolerance.assert_on_grid(&log.all("ping"), log.opening(), PERIOD_S);
    }
}

/// The blog's own setting, a timeout of two intervals, lies on a boundary: with an exact tick two pings and the close after
/// three intervals, with a late one a ping and the close after two (what Tornado itself does).
#[test]
fn tornado_6_4_drops_who_is_silent_by_either_documented_outcome() {
    let Some((stage, logs)) = dropped(&profile("tornado-6.4", "400ms", "800ms"), &["--answers", "0"]) else {
        return;
    };
    for log in &logs {
        let (order, ticks): (&[&str], f64) =
            if log.count("ping") == 1 { (&["open", "ping", "close"], 2.0) } else { (&["open", "ping", "ping", "close"], 3.0) };
        log.assert_order(order);
        log.assert_closed(None, "");
        stage.tolerance(&[log]).assert_due(log.one("close"), log.opening().after(ticks * PERIOD_S));
    }
}

#[test]
fn tornado_6_4_drops_who_dies_at_the_tick_that_finds_the_timeout_passed() {
    let Some((stage, logs)) = dropped(&profile("tornado-6.4", "400ms", "600ms"), &["--answers", "1"]) else {
        return;
    };
    for log in &logs {
        log.assert_order(&["open", "ping", "answer", "ping", "close"]);
        log.assert_closed(None, "");
        stage.tolerance(&[log]).assert_due(log.one("close"), log.opening().after(3.0 * PERIOD_S));
    }
}

#[test]
fn tornado_6_4_with_a_timeout_below_the_interval_drops_everybody_as_its_original_does() {
    at_once(["0s", "200ms"], |timeout| {
        let Some((stage, logs)) = dropped(&profile("tornado-6.4", "400ms", timeout), &[]) else {
            return;
        };
        for log in &logs {
            log.assert_order(&["open", "close"]);
            log.assert_closed(None, "");
            stage.tolerance(&[log]).assert_due(log.one("close"), log.opening().after(PERIOD_S));
        }
    });
}

#[test]
fn tornado_6_5_pings_an_interval_apart_and_keeps_who_answers_in_time() {
    let Some((stage, logs)) = answering(&profile("tornado-6.5", "400ms", "300ms"), "0.1", 5) else {
        return;
    };
    let tolerance = stage.tolerance(&logs.iter().collect::<Vec<_>>());
    for log in &logs {
        assert_pings_and_answers(log, 5);
        assert!(log.all("ping").iter().all(|ping| ping.text("data").is_empty()), "empty pings expected\n{log}");
        tolerance.assert_chained(&log.all("ping"), log.opening(), PERIOD_S);
    }
}

#[test]
fn tornado_6_5_drops_who_is_silent_a_timeout_after_the_ping_and_clamps_it_to_the_interval() {
    at_once([("800ms", PERIOD_S), ("160ms", 0.16)], |(timeout, effective_s)| {
        let Some((stage, logs)) = dropped(&profile("tornado-6.5", "400ms", timeout), &["--answers", "0"]) else {
            return;
        };
        for log in &logs {
            log.assert_order(&["open", "ping", "close"]);
            log.assert_closed(Some(1000), "ping timed out");
            let tolerance = stage.tolerance(&[log]);
            tolerance.assert_due(log.one("ping"), log.opening().after(PERIOD_S));
            tolerance.assert_due_in_steps(log.one("close"), log.opening().after(PERIOD_S + effective_s), 2);
        }
    });
}

/// `strict`: the first ping in the second half of the first interval, then a grid; eight bytes, each its own.
#[test]
fn strict_pings_on_its_grid_and_keeps_who_answers_late_but_in_time() {
    let Some((stage, logs)) = answering(&profile("strict", "400ms", "390ms"), "0.2", 5) else {
        return;
    };
    let tolerance = stage.tolerance(&logs.iter().collect::<Vec<_>>());
    let mut payloads: Vec<_> = logs.iter().flat_map(|log| log.all("ping")).map(|ping| ping.text("data")).collect();
    assert!(payloads.iter().all(|payload| payload.len() == 2 * 8), "eight bytes: {payloads:?}");
    let sent = payloads.len();
    payloads.sort_unstable();
    payloads.dedup();
    assert_eq!(payloads.len(), sent, "no payload twice");
    for log in &logs {
        assert_pings_and_answers(log, 5);
        let pings = log.all("ping");
        tolerance.assert_due(pings[0], log.opening().after_between(PERIOD_S / 2.0, PERIOD_S));
        tolerance.assert_on_grid(&pings[1..], tolerance.source_of(pings[0]), PERIOD_S);
    }
}

#[test]
fn strict_drops_who_is_silent_a_timeout_after_its_ping_with_4408() {
    let Some((stage, logs)) = dropped(&profile("strict", "400ms", "300ms"), &["--answers", "0"]) else {
        return;
    };
    for log in &logs {
        log.assert_order(&["open", "ping", "close"]);
        log.assert_closed(Some(4408), "heartbeat timeout");
        let tolerance = stage.tolerance(&[log]);
        tolerance.assert_due(log.one("close"), tolerance.source_of(log.one("ping")).after(0.3));
    }
}

#[test]
fn strict_drops_who_dies_a_timeout_after_the_ping_it_left_unanswered() {
    let Some((stage, logs)) = dropped(&profile("strict", "400ms", "300ms"), &["--answers", "2"]) else {
        return;
    };
    for log in &logs {
        log.assert_order(&["open", "ping", "answer", "ping", "answer", "ping", "close"]);
        log.assert_closed(Some(4408), "heartbeat timeout");
        let tolerance = stage.tolerance(&[log]);
        tolerance.assert_due(log.one("close"), tolerance.source_of(log.all("ping")[2]).after(0.3));
    }
}

#[test]
fn websockets_pings_with_four_bytes_and_drops_with_1011() {
    let Some((stage, logs)) = dropped(&profile("websockets", "400ms", "300ms"), &["--answers", "1"]) else {
        return;
    };
    for log in &logs {
        log.assert_order(&["open", "ping", "answer", "ping", "close"]);
        log.assert_closed(Some(1011), "keepalive ping timeout");
        assert!(log.all("ping").iter().all(|ping| ping.text("data").len() == 2 * 4), "four bytes expected\n{log}");
        let tolerance = stage.tolerance(&[log]);
        tolerance.assert_chained(&log.all("ping"), log.opening(), PERIOD_S);
        tolerance.assert_due_in_steps(log.one("close"), log.opening().after(2.0 * PERIOD_S + 0.3), 3);
    }
}

/// The recipe ends without a close frame: one interval after a ping that nothing answered.
#[test]
fn ws_recipe_drops_who_is_silent_without_a_close_frame() {
    let Some((stage, logs)) = dropped(&profile("ws-recipe", "400ms", ""), &["--answers", "0"]) else {
        return;
    };
    for log in &logs {
        log.assert_order(&["open", "ping", "end"]);
        assert_eq!(log.count("close"), 0, "no close frame\n{log}");
        stage.tolerance(&[log]).assert_on_grid(&[log.one("ping"), log.one("end")], log.opening(), PERIOD_S);
    }
}

/// Clients that ping by themselves and give up a server that does not answer; ours has both planes off.
#[test]
fn their_own_pings_are_answered() {
    let Some(stage) = Stage::with_wsbeat("pings of the clients", &CLIENTS) else { return };
    let server = stage.serve(&["--dialect", "none"]);
    let pinging = ["--interval", "0.4", "--timeout", "0.3"];
    let clients: Vec<_> = CLIENTS.iter().map(|client| stage.client(*client, server.url(), &pinging)).collect();
    clients.iter().for_each(|client| client.wait_for("pong", 4));
    for log in clients.into_iter().map(Peer::stop) {
        log.assert_alive();
        stage.tolerance(&[&log]).assert_chained(&log.all("pong")[..4], log.opening(), PERIOD_S);
    }
}

fn profile<'a>(profile: &'a str, interval: &'a str, timeout: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["--dialect", "none", "--profile", profile, "--ping-interval", interval];
    if !timeout.is_empty() {
        arguments.extend(["--ping-timeout", timeout]);
    }
    arguments
}

/// All clients at once at one server, until each has answered `count` times, `delay` seconds late.
fn answering(arguments: &[&str], delay: &str, count: usize) -> Option<(Stage, Vec<Log>)> {
    let stage = Stage::with_wsbeat(&arguments.join(" "), &CLIENTS)?;
    let server = stage.serve(arguments);
    let clients: Vec<_> = CLIENTS.iter().map(|client| stage.client(*client, server.url(), &["--delay", delay])).collect();
    clients.iter().for_each(|client| client.wait_for("answer", count));
    let logs = clients.into_iter().map(Peer::stop).collect();
    Some((stage, logs))
}

/// All clients at once until they are dropped, each at a server of its own: nothing but its own deadline wakes the server.
fn dropped(arguments: &[&str], faults: &[&str]) -> Option<(Stage, Vec<Log>)> {
    let stage = Stage::with_wsbeat(&arguments.join(" "), &CLIENTS)?;
    let servers = CLIENTS.map(|_| stage.serve(arguments));
    let clients: Vec<_> = CLIENTS.iter().zip(&servers).map(|(client, server)| stage.client(*client, server.url(), faults)).collect();
    let logs = clients.into_iter().map(|client| client.ended_within(LIMIT)).collect();
    Some((stage, logs))
}

#[track_caller]
fn assert_pings_and_answers(log: &Log, count: usize) {
    let order: Vec<_> = ["open"].into_iter().chain(["ping", "answer"].into_iter().cycle().take(2 * count)).collect();
    log.until("answer", count).assert_order(&order);
    log.assert_alive();
}
