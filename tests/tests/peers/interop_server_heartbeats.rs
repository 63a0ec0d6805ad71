//! Our server's application plane with clients of the field: the article's gzip heartbeat under `blog`, which is
//! bug-compatible, and under `htx-spot-v1`, the documented rule.

use std::time::Duration;

use wsbeat_tests::peers::{Generation, Log, Peer, Program, Stage, Tolerance, at_once};

const PERIOD_S: f64 = 0.4;
const LIMIT: Duration = Duration::from_secs(20);
const CLIENTS: [Program; 4] =
    [Program::ArticleClient(Generation::First), Program::ArticleClient(Generation::Second), Program::WebsocketsClient, Program::WsClient];
const BLOG: &[&str] = &["--dialect", "blog", "--interval", "400ms"];
const HTX: &[&str] = &["--dialect", "htx-spot-v1", "--interval", "400ms"];

#[test]
fn blog_beats_for_all_together_and_keeps_who_answers() {
    let Some((stage, logs)) = answering(BLOG, "0", 5) else { return };
    assert_heartbeats_and_answers(&stage, &logs, 5);
    let tokens = |log: &Log| log.all("heartbeat").iter().filter_map(|heartbeat| heartbeat.number("token")).collect::<Vec<_>>();
    let newest_first = logs.iter().map(|log| tokens(log)[0]).max().expect("four clients");
    for log in &logs {
        assert!(tokens(log).contains(&newest_first), "one token a beat for all, {newest_first} is missing in\n{log}");
    }
}

#[test]
fn htx_keeps_who_answers() {
    let Some((stage, logs)) = answering(HTX, "0", 5) else { return };
    assert_heartbeats_and_answers(&stage, &logs, 5);
}

#[test]
fn blog_drops_who_is_silent_behind_the_third_heartbeat_with_an_empty_body() {
    let Some((stage, logs, _)) = dropped(BLOG, &["--answers", "0"]) else {
        return;
    };
    for log in &logs {
        log.assert_order(&["open", "heartbeat", "heartbeat", "heartbeat", "close"]);
        log.assert_closed(None, "");
        assert_closed_at_beat(&stage.tolerance(&[log]), log, 3);
    }
}

#[test]
fn htx_drops_who_is_silent_at_the_third_beat_and_sends_it_no_heartbeat() {
    let Some((stage, logs, said)) = dropped(HTX, &["--answers", "0"]) else {
        return;
    };
    for log in &logs {
        log.assert_order(&["open", "heartbeat", "heartbeat", "close"]);
        log.assert_closed(Some(4408), "heartbeat timeout");
        assert_closed_at_beat(&stage.tolerance(&[log]), log, 3);
    }
    assert_eq!(said.matches("close 4408 peer-silent").count(), CLIENTS.len(), "a verdict for each in\n{said}");
}

#[test]
fn who_answers_up_to_the_second_beat_is_dropped_at_the_fifth() {
    let cases = [
        (BLOG, &["heartbeat", "heartbeat", "heartbeat", "close"][..], None, ""),
        (HTX, &["heartbeat", "heartbeat", "close"][..], Some(4408), "heartbeat timeout"),
    ];
    at_once(cases, |(arguments, order, code, reason)| {
        let Some((stage, logs, _)) = dropped(arguments, &["--answers", "2"]) else {
            return;
        };
        for log in &logs {
            log.assert_order(&[&["open", "heartbeat", "answer", "heartbeat", "answer"], order].concat());
            log.assert_closed(code, reason);
            assert_closed_at_beat(&stage.tolerance(&[log]), log, 5);
        }
    });
}

/// The round trip that `htx` tolerates is two periods, as documented; `blog` takes the newest token only.
#[test]
fn answering_every_heartbeat_1_3_periods_late_lives_under_htx() {
    let Some((_, logs)) = answering(HTX, "0.52", 6) else { return };
    for log in &logs {
        log.assert_alive();
        assert!(log.count("heartbeat") >= 6, "a heartbeat for each answer\n{log}");
    }
}

#[test]
fn answering_every_heartbeat_1_3_periods_late_is_closed_under_blog() {
    let Some((stage, logs, _)) = dropped(BLOG, &["--delay", "0.52"]) else {
        return;
    };
    for log in &logs {
        log.assert_order(&["open", "heartbeat", "heartbeat", "answer", "heartbeat", "close"]);
        log.assert_closed(None, "");
        assert_closed_at_beat(&stage.tolerance(&[log]), log, 3);
    }
}

/// Where the article's server starves everybody behind the dead one, ours serves all, before, during and after its closing.
#[test]
fn twenty_healthy_clients_miss_no_beat_while_one_ignores_the_close_frame() {
    at_once([(BLOG, 3), (HTX, 2)], |(arguments, heartbeats)| {
        let (healthy, dead) = (Program::WebsocketsClient, Program::ArticleClient(Generation::Second));
        let Some(stage) = Stage::with_wsbeat("twenty healthy clients", &[healthy, dead]) else {
            return;
        };
        let server = stage.serve(&[arguments, &["--close-timeout", "1s"]].concat());
        let healthy = stage.client(healthy, server.url(), &["--connections", "20"]);
        healthy.wait_for("open", 20);
        let dead = stage.client(dead, server.url(), &["--answers", "0", "--ignore-close"]).ended_within(LIMIT);
        stage.run_for(2.0 * PERIOD_S);
        let healthy = healthy.stop();
        let tolerance = stage.tolerance(&[&healthy, &dead]);

        assert_eq!((dead.count("heartbeat"), dead.count("close")), (heartbeats, 1), "in\n{dead}");
        tolerance.assert_due(dead.one("end"), tolerance.source_of(dead.one("close")).after(1.0));
        healthy.assert_alive();
        for conn in 1..=20 {
            let log = healthy.of_conn(conn);
            let beats = log.all("heartbeat");
            let until_s = dead.one("end").t_s;
            assert!(beats.last().is_some_and(|beat| beat.t_s > until_s), "beats to the end of the dead one and beyond\n{log}");
            tolerance.assert_on_grid(&beats[1..], tolerance.source_of(beats[0]), PERIOD_S);
        }
    });
}

/// The planes share the connection and nothing else.
#[test]
fn both_planes_beat_side_by_side_on_one_connection() {
    let arguments = [HTX, &["--ping-interval", "250ms", "--ping-timeout", "200ms"]].concat();
    let Some((stage, logs)) = answering(&arguments, "0", 12) else {
        return;
    };
    let tolerance = stage.tolerance(&logs.iter().collect::<Vec<_>>());
    for log in &logs {
        log.assert_alive();
        for (name, period_s) in [("heartbeat", PERIOD_S), ("ping", 0.25)] {
            let beats = log.all(name);
            assert!(beats.len() >= 4, "four of {name:?} expected in\n{log}");
            tolerance.assert_on_grid(&beats[1..], tolerance.source_of(beats[0]), period_s);
        }
    }
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

/// All clients at once until they are dropped, each at a server of its own: nothing but its own deadlines wakes the server.
/// And what the servers said.
fn dropped(arguments: &[&str], faults: &[&str]) -> Option<(Stage, Vec<Log>, String)> {
    let stage = Stage::with_wsbeat(&arguments.join(" "), &CLIENTS)?;
    let servers = CLIENTS.map(|_| stage.serve(arguments));
    let clients: Vec<_> = CLIENTS.iter().zip(&servers).map(|(client, server)| stage.client(*client, server.url(), faults)).collect();
    let logs = clients.into_iter().map(|client| client.ended_within(LIMIT)).collect();
    Some((stage, logs, servers.map(|server| server.stop_after("close ")).join("\n")))
}

#[track_caller]
fn assert_heartbeats_and_answers(stage: &Stage, logs: &[Log], count: usize) {
    let tolerance = stage.tolerance(&logs.iter().collect::<Vec<_>>());
    let order: Vec<_> = ["open"].into_iter().chain(["heartbeat", "answer"].into_iter().cycle().take(2 * count)).collect();
    for log in logs {
        log.until("answer", count).assert_order(&order);
        log.assert_alive();
        let heartbeats = log.all("heartbeat");
        tolerance.assert_due(heartbeats[0], log.opening().after_between(0.0, PERIOD_S));
        tolerance.assert_on_grid(&heartbeats[1..], tolerance.source_of(heartbeats[0]), PERIOD_S);
    }
}

/// The first beat is the first heartbeat's.
#[track_caller]
fn assert_closed_at_beat(tolerance: &Tolerance, log: &Log, beat: u32) {
    let periods = f64::from(beat - 1);
    let close = log.one("close");
    // On a busy machine the server's wait and the peer's each are late.
    let steps = if tolerance.is_quiet() { 1 } else { 2 };
    tolerance.assert_due_in_steps(close, tolerance.source_of(log.all("heartbeat")[0]).after(periods * PERIOD_S), steps);
    tolerance.assert_due_in_steps(close, log.opening().after_between(periods * PERIOD_S, (periods + 1.0) * PERIOD_S), steps);
}
