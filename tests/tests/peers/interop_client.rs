//! Our client with servers of the field: it answers over several periods, and when it is told to be mute each server drops
//! it in its own way and the exit status says that the heartbeat was lost.

use std::time::Duration;

use wsbeat_tests::peers::{Generation, Log, Outcome, Program, Stage, at_once, in_both_generations};

const PERIOD_S: f64 = 0.4;
const PERIOD: &str = "0.4";
const LIMIT: Duration = Duration::from_secs(20);
const HEARTBEAT_LOST: Option<i32> = Some(4);
/// A bit more than five periods.
const WHILE: &str = "2200ms";

#[test]
fn the_articles_ping_server_keeps_our_client() {
    in_both_generations(|generation| {
        let server = Program::PingServer(generation);
        let Some((_, log, outcome)) = connected(server, &["--timeout", "0.8"], &["--dialect", "none", "--for", WHILE]) else {
            return;
        };
        assert_ended_well(&outcome);
        // Four periods at least, each with an empty ping and one with a timestamp.
        assert_pings_answered(&log, 8);
        for (nth, ping) in log.all("ping-sent").iter().enumerate() {
            assert_eq!(ping.text("data").len(), if nth % 2 == 0 { 0 } else { 2 * 13 }, "in\n{log}");
        }
        log.assert_closed(Some(1000), log.one("close").text("reason"));
    });
}

#[test]
fn the_articles_heartbeat_server_keeps_our_client() {
    in_both_generations(|generation| {
        let Some((_, log, outcome)) = connected(Program::HeartbeatServer(generation), &[], &["--for", WHILE]) else {
            return;
        };
        assert_ended_well(&outcome);
        assert_all_matched(&log, &outcome);
        log.assert_closed(Some(1000), log.one("close").text("reason"));
    });
}

#[test]
fn python_websockets_and_node_ws_keep_our_client_on_pings() {
    at_once([(Program::WebsocketsServer, &["--timeout", "0.3"][..]), (Program::WsServer, &[])], |(server, timeout)| {
        let Some((_, log, outcome)) = connected(server, timeout, &["--dialect", "none", "--for", WHILE]) else {
            return;
        };
        assert_ended_well(&outcome);
        assert_pings_answered(&log, 4);
    });
}

#[test]
fn python_websockets_and_node_ws_keep_our_client_on_gzip_heartbeats() {
    at_once([Program::WebsocketsServer, Program::WsServer], |server| {
        let Some((_, log, outcome)) = connected(server, &["--mode", "heartbeat"], &["--for", WHILE]) else {
            return;
        };
        assert_ended_well(&outcome);
        assert_all_matched(&log, &outcome);
    });
}

#[test]
fn tornado_6_1_drops_our_mute_client_with_an_empty_close() {
    let mute = ["--dialect", "none", "--no-pong"];
    let Some((stage, log, outcome)) = connected(Program::PingServer(Generation::First), &["--timeout", "0.6"], &mute) else {
        return;
    };
    assert_eq!(outcome.status, HEARTBEAT_LOST, "{outcome:?}");
    assert_eq!(log.count("pong"), 0, "mute, and yet\n{log}");
    assert_eq!(log.count("ping-sent"), 1, "in\n{log}");
    let close = log.all("close-sent")[0];
    assert_eq!(close.close(), (None, ""), "in\n{log}");
    stage.tolerance(&[&log]).assert_due(close, log.opening().after(2.0 * PERIOD_S));
}

#[test]
fn tornado_6_6_drops_our_mute_client_a_timeout_after_its_ping() {
    let mute = ["--dialect", "none", "--no-pong"];
    let Some((stage, log, outcome)) = connected(Program::PingServer(Generation::Second), &["--timeout", "0.8"], &mute) else {
        return;
    };
    assert_eq!(outcome.status, HEARTBEAT_LOST, "{outcome:?}");
    assert!(outcome.summary().contains("closed 1000"), "{outcome:?}");
    assert_eq!((log.count("pong"), log.count("ping-sent")), (0, 1), "in\n{log}");
    let close = log.all("close-sent")[0];
    assert_eq!(close.close(), (None, "ping timed out"), "Tornado makes it 1000 on the wire\n{log}");
    stage.tolerance(&[&log]).assert_due_in_steps(close, log.opening().after(2.0 * PERIOD_S), 2);
}

#[test]
fn the_articles_heartbeat_server_drops_our_mute_client_behind_its_third() {
    in_both_generations(|generation| {
        let Some((_, log, outcome)) = connected(Program::HeartbeatServer(generation), &[], &["--no-pong"]) else {
            return;
        };
        assert_eq!(outcome.status, HEARTBEAT_LOST, "{outcome:?}");
        log.assert_order(&["open", "heartbeat", "heartbeat", "heartbeat", "close-sent", "close"]);
        assert!(outcome.summary().starts_with("3 pings, 0 answered, closed"), "{outcome:?}");
    });
}

#[test]
fn answering_1_3_periods_late_is_closed_by_the_article() {
    in_both_generations(|generation| {
        let late = ["--pong-delay", "520ms"];
        let Some((_, log, outcome)) = connected(Program::HeartbeatServer(generation), &[], &late) else {
            return;
        };
        // At the close the second heartbeat has waited for one interval, give or take: lost by it, or closed for another reason.
        assert!(matches!(outcome.status, Some(4 | 5)), "{outcome:?}");
        log.assert_order(&["open", "heartbeat", "heartbeat", "answer", "heartbeat", "close-sent", "close"]);
    });
}

#[test]
fn answering_1_3_periods_late_is_kept_by_the_documented_rule() {
    at_once([Program::WebsocketsServer, Program::WsServer], |server| {
        let late = ["--pong-delay", "520ms", "--for", "3s"];
        let Some((_, log, outcome)) = connected(server, &["--mode", "heartbeat"], &late) else {
            return;
        };
        assert_ended_well(&outcome);
        let answers = log.all("answer");
        assert!(answers.len() >= 4 && answers.iter().all(|answer| answer.flag("matched")), "in\n{log}");
    });
}

#[test]
fn python_websockets_drops_our_mute_client_on_both_planes() {
    let cases = [
        ("ping", "none", &["open", "ping-sent", "close-sent"][..], 1011, "keepalive ping timeout"),
        ("heartbeat", "auto", &["open", "heartbeat", "heartbeat", "close-sent"], 4408, "heartbeat timeout"),
    ];
    at_once(cases, |(mode, dialect, order, code, reason)| {
        let server = ["--mode", mode, "--timeout", "0.3"];
        let Some((_, log, outcome)) = connected(Program::WebsocketsServer, &server, &["--dialect", dialect, "--no-pong"]) else {
            return;
        };
        assert_eq!(outcome.status, HEARTBEAT_LOST, "{outcome:?}");
        log.assert_order(order);
        assert_eq!(log.one("close-sent").close(), (Some(code), reason), "in\n{log}");
        assert!(outcome.summary().contains(&format!("closed {code}")), "{outcome:?}");
    });
}

#[test]
fn node_ws_drops_our_mute_client_on_both_planes() {
    let mute = ["--dialect", "none", "--no-pong"];
    let Some((_, log, outcome)) = connected(Program::WsServer, &[], &mute) else {
        return;
    };
    log.assert_order(&["open", "ping-sent", "terminated"]);
    // Its recipe sends no close frame: to us the stream just ends.
    assert!(matches!(outcome.status, Some(4 | 5)), "{outcome:?}");

    let Some((_, log, outcome)) = connected(Program::WsServer, &["--mode", "heartbeat"], &["--no-pong"]) else {
        return;
    };
    assert_eq!(outcome.status, HEARTBEAT_LOST, "{outcome:?}");
    log.assert_order(&["open", "heartbeat", "heartbeat", "close-sent"]);
}

/// Our client's own pings, on top of theirs: who answers is kept to the end.
#[test]
fn every_server_answers_our_pings() {
    let servers =
        [Program::PingServer(Generation::First), Program::PingServer(Generation::Second), Program::WebsocketsServer, Program::WsServer];
    at_once(servers, |server| {
        let pinging = ["--dialect", "none", "--ping-interval", "300ms", "--ping-timeout", "250ms", "--for", WHILE];
        let Some((_, log, outcome)) = connected(server, &["--timeout", "1"], &pinging) else { return };
        assert_ended_well(&outcome);
        assert!(log.count("ping") >= 5, "five pings of ours at least in\n{log}");
    });
}

/// Runs `wsbeat connect` with these arguments at a server of its own, to its end.
fn connected(server: Program, server_arguments: &[&str], arguments: &[&str]) -> Option<(Stage, Log, Outcome)> {
    let stage = Stage::with_wsbeat(&format!("wsbeat connect to {server:?}"), &[server])?;
    let server = stage.server(server, &[&["--interval", PERIOD], server_arguments].concat());
    let outcome = stage.connect(&server.url(), arguments).ended_within(LIMIT);
    server.wait_for("close", 1);
    Some((stage, server.stop(), outcome))
}

#[track_caller]
fn assert_ended_well(outcome: &Outcome) {
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert!(outcome.summary().ends_with("closed 1000"), "{outcome:?}");
}

/// At least `count` pings, each answered with its own payload, but perhaps one on its way at the end.
#[track_caller]
fn assert_pings_answered(log: &Log, count: usize) {
    let (pings, pongs) = (log.all("ping-sent"), log.all("pong"));
    assert!(pongs.len() >= count && pings.len() - pongs.len() <= 1, "{count} pings and a pong for each in\n{log}");
    assert!(pings.iter().zip(&pongs).all(|(ping, pong)| ping.text("data") == pong.text("data")), "in\n{log}");
}

/// Every heartbeat but perhaps one on its way at the end was answered with its own token, and the summary counts them.
#[track_caller]
fn assert_all_matched(log: &Log, outcome: &Outcome) {
    let (heartbeats, answers) = (log.count("heartbeat"), log.all("answer"));
    assert!(heartbeats >= 5 && answers.len() + 1 >= heartbeats, "an answer for each heartbeat in\n{log}");
    assert!(answers.iter().all(|answer| answer.flag("matched")), "in\n{log}");
    let counted = format!("{0} pings, {0} answered, closed 1000", answers.len());
    assert_eq!(outcome.summary(), counted, "in\n{log}");
}
