//! `wsbeat ping`, run for real: what it prints, what it counts, and its exit status.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use crate::common::raw::{CLOSE, PING, PONG, Raw, TEXT, raw_peer};
use crate::common::{Ended, Running, Serve, run, shape, wsbeat};

fn lines(ended: &Ended) -> Vec<&str> {
    ended.stdout.lines().collect()
}

#[test]
fn lines_and_statistics_have_the_form_of_ping_8() {
    let serve = Serve::start(&[]);
    let ended = run(["ping", "-c", "3", "-i", "50ms", &serve.url]);
    let address = serve.url.strip_prefix("ws://").unwrap();
    let lines = lines(&ended);
    assert!(lines[0].starts_with(&format!("PING {} ({address}) transport, upgraded in ", serve.url)), "{}", lines[0]);
    assert!(shape(lines[0]).ends_with("upgraded in 0.0 ms"), "{}", lines[0]);
    for (seq, line) in lines.iter().enumerate().take(4).skip(1) {
        assert!(line.starts_with(&format!("pong from {address}: seq={seq} time=")), "{line}");
        let (_, time) = line.split_once("time=").unwrap();
        assert_eq!((shape(time).as_str(), time.split_once('.').unwrap().1.len()), ("0.0 ms", "000 ms".len()));
    }
    assert_eq!(lines[4], format!("--- {} ping statistics ---", serve.url));
    assert!(lines[5].starts_with("3 pings, 3 pongs, 0% lost, 0 late, 0 unmatched, time "), "{}", lines[5]);
    assert!(shape(lines[5]).ends_with(" time 0 ms"), "{}", lines[5]);
    assert_eq!(shape(lines[6]), "rtt min/avg/max/mdev = 0.0/0.0/0.0/0.0 ms");
    assert_eq!((lines.len(), ended.code, ended.stderr.as_str()), (7, Some(0), ""));
}

#[test]
fn json_is_a_pong_a_line_and_a_summary() {
    let serve = Serve::start(&[]);
    let ended = run(["ping", "-c", "1", "--format", "json", &serve.url]);
    let lines = lines(&ended);
    assert_eq!(shape(lines[0]), r#"{"v":0,"event":"pong","seq":0,"rtt_us":0}"#);
    let summary = r#"{"v":0,"event":"summary","sent":0,"received":0,"late":0,"unmatched":0,"rtt_us":{"min":0,"p0":0,"p0":0,"max":0}}"#;
    assert_eq!(shape(lines[1]), summary);
    assert_eq!((lines.len(), ended.code), (2, Some(0)));
    let told: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(
        (&told["v"], &told["sent"], &told["received"], &told["rtt_us"]["min"]),
        (&1.into(), &1.into(), &1.into(), &told["rtt_us"]["max"])
    );
}

#[test]
fn quiet_leaves_the_head_and_the_statistics() {
    let serve = Serve::start(&[]);
    let ended = run(["ping", "-q", "-c", "2", "-i", "20ms", &serve.url]);
    assert_eq!(lines(&ended).len(), 4, "{}", ended.stdout);
    assert!(!ended.stdout.contains("pong from"));
    let json = run(["ping", "-q", "-c", "2", "-i", "20ms", "--format", "json", &serve.url]);
    assert_eq!(lines(&json).len(), 1, "{}", json.stdout);
    let none = run(["ping", "-c", "1", "--format", "quiet", &serve.url]);
    assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn timestamps_stand_before_each_ping() {
    let serve = Serve::start(&[]);
    let ended = run(["ping", "-D", "-c", "1", &serve.url]);
    let (at, rest) = lines(&ended)[1].strip_prefix('[').unwrap().split_once("] ").unwrap();
    assert!(at.parse::<f64>().unwrap() > 1.7e9 && at.len() == "1795443536.872123".len(), "{at}");
    assert!(rest.starts_with("pong from "), "{rest}");
}

/// Answers of pings what `answers` says; until the peer has gone.
fn answering(answers: impl Fn(u64, &[u8], &mut Raw) + Send + 'static) -> (String, std::thread::JoinHandle<()>) {
    raw_peer(move |mut raw| {
        let mut seq = 0;
        while let Some((opcode, payload)) = raw.read() {
            match opcode {
                PING => {
                    seq += 1;
                    answers(seq, &payload, &mut raw);
                }
                CLOSE => return raw.write(CLOSE, &payload),
                _ => {}
            }
        }
    })
}

#[test]
fn a_ping_without_an_answer_is_told_of_and_lost() {
    let (url, server) = answering(|seq, payload, raw| {
        if seq != 3 {
            raw.write(PONG, payload);
        }
    });
    let ended = run(["ping", "-c", "3", "-i", "50ms", "-W", "200ms", &url]);
    server.join().unwrap();
    let lines = lines(&ended);
    assert_eq!(lines[3], "no answer yet: seq=3");
    assert!(lines[5].starts_with("3 pings, 2 pongs, 33% lost, 0 late, 0 unmatched, time "), "{}", lines[5]);
    assert_eq!(ended.code, Some(0), "at least one reply");
}

#[test]
fn a_pong_that_comes_late_counts_as_late_and_not_as_lost() {
    let (url, server) = answering(|seq, payload, raw| {
        if seq == 1 {
            std::thread::sleep(Duration::from_millis(400));
        }
        raw.write(PONG, payload);
    });
    let ended = run(["ping", "-c", "2", "-i", "600ms", "-W", "150ms", &url]);
    server.join().unwrap();
    let lines = lines(&ended);
    assert_eq!(lines[1], "no answer yet: seq=1");
    assert!(lines[2].contains(": seq=1 time=4") && lines[2].ends_with(" ms (late)"), "{}", lines[2]);
    assert!(lines[5].starts_with("2 pings, 2 pongs, 0% lost, 1 late, 0 unmatched, "), "{}", ended.stdout);

    let (url, server) = answering(|_, payload, raw| {
        std::thread::sleep(Duration::from_millis(300));
        raw.write(PONG, payload);
    });
    let ended = run(["ping", "-c", "2", "-i", "500ms", "-W", "100ms", "--format", "json", &url]);
    server.join().unwrap();
    assert!(ended.stdout.contains(r#"{"v":1,"event":"no-answer","seq":1}"#), "{}", ended.stdout);
    assert!(ended.stdout.contains(r#","late":true}"#), "{}", ended.stdout);
}

#[test]
fn pongs_that_answer_no_ping_are_unmatched() {
    let (url, server) = answering(|seq, payload, raw| {
        raw.write(PONG, b"forged00");
        raw.write(PONG, payload);
        if seq == 1 {
            raw.write(PONG, payload);
        }
    });
    let ended = run(["ping", "-c", "2", "-i", "200ms", &url]);
    server.join().unwrap();
    assert!(ended.stdout.contains("2 pings, 2 pongs, 0% lost, 0 late, 3 unmatched, "), "{}", ended.stdout);
}

#[test]
fn no_reply_at_all_exits_with_1() {
    let (url, server) = answering(|_, _, _| {});
    let ended = run(["ping", "-c", "2", "-i", "50ms", "-W", "100ms", &url]);
    server.join().unwrap();
    assert_eq!(lines(&ended)[1..3], ["no answer yet: seq=1", "no answer yet: seq=2"]);
    assert!(ended.stdout.contains("2 pings, 0 pongs, 100% lost"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("rtt min"), "{}", ended.stdout);
    assert_eq!(ended.code, Some(1));
}

#[test]
fn the_total_time_ends_it_with_a_close() {
    let (url, server) = raw_peer(|mut raw| {
        let mut pings = 0;
        loop {
            match raw.read() {
                Some((PING, payload)) => {
                    pings += 1;
                    raw.write(PONG, &payload);
                }
                Some((CLOSE, payload)) => {
                    assert_eq!(payload, 1000_u16.to_be_bytes());
                    assert!((1..=3).contains(&pings), "{pings}");
                    return raw.write(CLOSE, &payload);
                }
                other => panic!("{other:?}"),
            }
        }
    });
    let ended = run(["ping", "-w", "500ms", "-i", "200ms", &url]);
    server.join().unwrap();
    assert!(ended.stdout.contains(" pongs, 0% lost"), "{}", ended.stdout);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn an_interrupt_prints_the_statistics() {
    for signal in ["INT", "TERM"] {
        let serve = Serve::start(&[]);
        let mut running = Running::start(wsbeat(["ping", &serve.url]));
        assert!(crate::common::first_line(&mut running).starts_with("PING "));
        assert!(crate::common::first_line(&mut running).starts_with("pong from "));
        running.signal(signal);
        let ended = running.end();
        assert!(ended.stdout.contains("1 pings, 1 pongs, 0% lost"), "{signal}: {}", ended.stdout);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{signal}");
    }
}

#[test]
fn a_close_by_the_peer_ends_it_after_the_statistics() {
    for (code, reason, exit) in [(4408_u16, "", 4), (1000, "ping timed out", 4), (1011, "", 4), (1001, "going away", 5), (1000, "", 5)] {
        let (url, server) = answering(move |_, payload, raw| {
            raw.write(PONG, payload);
            raw.write(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat());
        });
        let ended = run(["ping", &url]);
        server.join().unwrap();
        assert_eq!(ended.code, Some(exit), "{code} {reason}: {}", ended.stderr);
        assert!(ended.stdout.contains("1 pings, 1 pongs, 0% lost"), "{}", ended.stdout);
        assert_eq!(ended.stderr.trim_end(), format!("error: the peer closed {code} {reason}").trim_end());
    }
    let (url, server) = answering(|_, _, raw| raw.write(0x3, b""));
    let ended = run(["ping", &url]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(5), "a reserved opcode: {}", ended.stderr);
}

#[test]
fn the_servers_heartbeats_are_answered_silently_in_whatever_dialect() {
    const ASKED: &[&str] = &["--dialect", "htx-spot-v1"];
    for (dialect, flags) in [
        ("htx-spot-v1", &[][..]),
        ("htx-contract-order", &[]),
        ("htx-spot-v2", &[]),
        ("cryptocom", &[]),
        ("blog", &[]),
        ("htx-spot-v1", ASKED),
    ] {
        let serve = Serve::start(&["--dialect", dialect, "--interval", "150ms", "--misses", "2"]);
        let ended = run(["ping", "-i", "300ms", "-w", "1300ms", &serve.url].iter().chain(flags));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{dialect}: {}", ended.stdout);
        assert!(lines(&ended)[1..].iter().all(|line| line.starts_with("pong from ") || !line.contains("from")), "{}", ended.stdout);
        let log = serve.stop().stderr;
        assert!(!log.contains("peer-silent"), "{dialect}: {log}");
    }
}

#[test]
fn a_dialect_whose_client_may_ask_is_asked_in_its_words() {
    for dialect in ["blog", "htx-spot-v1", "htx-contract-market", "okx", "bybit-v5", "kucoin", "mexc-futures", "phoenix", "graphql-ws"] {
        let serve = Serve::start(&["--dialect", dialect]);
        let ended = run(["ping", "--dialect", dialect, "-c", "3", "-i", "50ms", &serve.url]);
        assert!(lines(&ended)[0].contains(&format!(") application {dialect}, upgraded in ")), "{}", ended.stdout);
        assert!(ended.stdout.contains("3 pings, 3 pongs, 0% lost, 0 late, 0 unmatched"), "{dialect}: {}", ended.stdout);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{dialect}");
    }
}

#[test]
fn a_dialect_whose_client_may_not_ask_is_pinged_and_answered() {
    let serve = Serve::start(&["--dialect", "engineio-4", "--interval", "200ms"]);
    let ended = run(["ping", "--dialect", "engineio-4", "-w", "900ms", "-i", "200ms", &serve.url]);
    assert!(lines(&ended)[0].contains(") transport, "), "{}", ended.stdout);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
}

#[test]
fn a_welcome_that_never_comes_is_not_waited_for_for_ever() {
    let (url, server) = raw_peer(|mut raw| while raw.read().is_some_and(|(opcode, _)| opcode != CLOSE) {});
    let ended = run(["ping", "--dialect", "kucoin", "--connect-timeout", "300ms", &url]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(5), "{}", ended.stdout);
    assert_eq!(ended.stderr, "error: no welcome came\n");
}

#[test]
fn answers_without_a_number_are_taken_in_order() {
    let (url, server) = raw_peer(|mut raw| {
        let asked: Vec<_> = (0..2).map(|_| raw.read().unwrap()).collect();
        assert!(asked.iter().all(|(opcode, text)| (*opcode, &text[..]) == (TEXT, b"ping")));
        for _ in 0..3 {
            raw.write(TEXT, b"pong");
        }
        while raw.read().is_some_and(|(opcode, _)| opcode != CLOSE) {}
    });
    let ended = run(["ping", "--dialect", "okx", "-c", "2", "-i", "100ms", "-w", "600ms", &url]);
    server.join().unwrap();
    let seqs: Vec<_> = ended.stdout.lines().filter_map(|line| line.split_once("seq=")).map(|(_, rest)| &rest[..1]).collect();
    assert_eq!(seqs, ["1", "2"], "{}", ended.stdout);
}

#[test]
fn what_could_not_be_connected_exits_with_3_and_says_which_step_it_was() {
    let refused = crate::common::refused();
    let ended = run(["ping", &refused]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    assert!(ended.stderr.starts_with(&format!("error: cannot connect to {refused}: TCP: ")), "{}", ended.stderr);
}

#[test]
fn a_server_that_takes_the_connection_and_says_nothing_is_given_up_in_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let ended = run(["ping", "-w", "300ms", &url]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("HTTP upgrade: no connection after 300ms"), "{}", ended.stderr);
}

#[test]
fn a_reader_that_goes_away_is_a_clean_end_with_a_close() {
    let (url, server) = raw_peer(|mut raw| {
        while let Some((opcode, payload)) = raw.read() {
            match opcode {
                CLOSE => return assert_eq!(payload, 1000_u16.to_be_bytes()),
                _ => raw.write(PONG, &payload),
            }
        }
        panic!("no close came");
    });
    let mut running = Running::start(wsbeat(["ping", "-i", "20ms", &url]));
    assert!(crate::common::first_line(&mut running).starts_with("PING "));
    drop(running.child().stdout.take());
    let ended = running.end();
    server.join().unwrap();
    assert_eq!(ended.stderr, "");
}

fn check(url: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let ended = run(["ping", "--check", "-i", "20ms", url].iter().chain(more));
    (ended.code, ended.stdout, ended.stderr)
}

#[test]
fn a_check_is_one_line_of_state_and_figures() {
    let serve = Serve::start(&[]);
    let (code, line, stderr) = check(&serve.url, &["--warn", "5s", "--crit", "10s"]);
    assert!(line.starts_with("WSBEAT OK - rtt "), "{line}");
    assert_eq!(
        shape(line.trim_end().split_once(" - ").unwrap().1),
        "rtt 0.0 ms, 0 of 0 pongs | rta=0.0ms;0.0;0.0;0 pl=0%;0;0;0;0 upgrade=0.0ms;;;0"
    );
    assert!(line.contains("3 of 3 pongs") && line.contains(";5000.000;10000.000;0 pl=0%;1;100;0;100 "), "{line}");
    assert_eq!((code, line.lines().count(), stderr.as_str()), (Some(0), 1, ""));
}

#[test]
fn a_check_of_a_slow_server_warns_and_of_a_slower_one_is_critical() {
    let slow = || {
        answering(|_, payload, raw| {
            std::thread::sleep(Duration::from_millis(60));
            raw.write(PONG, payload);
        })
    };
    for (warn, crit, state, exit) in [("40ms", "10s", "WARNING", 0), ("20ms", "40ms", "CRITICAL", 1)] {
        let (url, server) = slow();
        let (code, line, _) = check(&url, &["--warn", warn, "--crit", crit]);
        server.join().unwrap();
        assert!(line.starts_with(&format!("WSBEAT {state} - rtt ")), "{line}");
        assert_eq!(code, Some(exit), "{line}");
    }
}

#[test]
fn a_check_without_an_answer_is_critical() {
    let (url, server) = answering(|_, _, _| {});
    let (code, line, _) = check(&url, &["-W", "100ms"]);
    server.join().unwrap();
    assert!(line.starts_with("WSBEAT CRITICAL - no answer to 3 pings | rta=U;50.000;200.000;0 pl=100%;"), "{line}");
    assert_eq!(code, Some(1));

    let (url, server) = answering(|_, _, raw| raw.write(CLOSE, &4408_u16.to_be_bytes()));
    let (code, line, _) = check(&url, &[]);
    server.join().unwrap();
    assert!(line.starts_with("WSBEAT CRITICAL - 0 of 1 pongs, then the peer closed 4408 | "), "{line}");
    assert_eq!(code, Some(4));

    let (code, line, stderr) = check(&crate::common::refused(), &[]);
    assert!(line.starts_with("WSBEAT CRITICAL - cannot connect to ws://127.0.0.1:"), "{line}");
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
}

#[test]
fn a_check_of_nothing_is_unknown() {
    for (url, more) in [("http://127.0.0.1", &[][..]), ("wss://127.0.0.1:1", &["--ca", "nowhere.pem"])] {
        let (code, line, _) = check(url, more);
        assert!(line.starts_with("WSBEAT UNKNOWN - "), "{line}");
        assert_eq!(code, Some(2), "{line}");
    }
}

#[test]
fn wishes_that_cannot_be_are_usage_errors() {
    for (args, words) in [
        (&["-c", "0"][..], "--count"),
        (&["-i", "1ms"], "at least 2ms"),
        (&["-i", "1"], "a duration needs a unit: 1s, or 1ms"),
        (&["-W", "0s"], "more than zero"),
        (&["-w", "x"], "a duration has a unit, such as 5s"),
        (&["--check", "--warn", "2s", "--crit", "1s"], "--warn 2s: at most --crit, which is 1s"),
        (&["--warn", "2s"], "--check"),
        (&["--dialect", "okxx"], "the nearest known one is \"okx\""),
    ] {
        let ended = run(["ping", "ws://127.0.0.1:1"].iter().chain(args));
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stderr.contains(words), "{args:?}: {}", ended.stderr);
    }
}
