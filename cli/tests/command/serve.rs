//! `wsbeat serve`, run for real: what it says, what it does with messages, how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use crate::common::{PATIENCE, Running, Serve, close_code, read_all, run, wsbeat};
use tungstenite::Message;

/// A line of the log without its time, which has the form 14:18:07.004.
fn without_time(line: &str) -> &str {
    let (time, rest) = line.split_once(' ').unwrap();
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "00:00:00.000", "{line}");
    rest
}

#[test]
fn it_says_where_it_listens_and_accepts_then() {
    let serve = Serve::start(&["--dialect", "none"]);
    assert!(serve.url.starts_with("ws://127.0.0.1:") && !serve.url.ends_with(":0"), "{}", serve.url);
    serve.client().close(None).unwrap();
    let ended = serve.stop();
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn every_address_gets_its_line() {
    let mut serve = Serve::start(&["--listen", "[::1]:0"]);
    assert!(serve.line().starts_with("listening on ws://[::1]:"));
}

#[test]
fn the_listening_line_has_a_json_form() {
    let mut running = Running::start(wsbeat(["serve", "--listen", "127.0.0.1:0", "--format", "json"]));
    let line = crate::common::first_line(&mut running);
    assert!(line.starts_with("{\"v\":1,\"event\":\"listening\",\"url\":\"ws://127.0.0.1:"), "{line}");
}

#[test]
fn an_address_that_is_taken_exits_with_3_and_the_reason() {
    let serve = Serve::start(&[]);
    let address = serve.url.strip_prefix("ws://").unwrap();
    let ended = run(["serve", "--listen", address]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.starts_with(&format!("error: cannot listen at {address}: ")), "{}", ended.stderr);
}

#[test]
fn a_silent_peer_is_closed_and_a_line_says_why_without_v() {
    let serve = Serve::start(&["--interval", "200ms", "--cadence", "spread"]);
    let heard = read_all(&mut serve.client());
    assert_eq!(close_code(&heard), Some(4408));
    assert_eq!(heard.iter().filter(|m| m.is_binary()).count(), 2);
    let ended = serve.stop();
    // A busy machine may make a callback slow, and that is logged too.
    let lines: Vec<&str> = ended.stderr.lines().map(without_time).filter(|line| !line.starts_with("slow callback")).collect();
    let [line] = lines[..] else { panic!("{}", ended.stderr) };
    let rest =
        line.strip_prefix("conn=1 close 4408 peer-silent: 2 unanswered, last answer never, oldest heartbeat written 0.").expect(line);
    assert!(rest.contains(" s ago, no bytes for 0.") && rest.ends_with(" s, write queue 0 B"), "{line}");
}

#[test]
fn the_verdict_has_a_json_form_with_all_facts() {
    let serve = Serve::start(&["--interval", "200ms", "--log-format", "json"]);
    read_all(&mut serve.client());
    let ended = serve.stop();
    let facts: serde_json::Value = serde_json::from_str(ended.stderr.lines().find(|line| line.contains("\"verdict\":")).unwrap()).unwrap();
    assert_eq!(facts["v"], 1);
    assert_eq!(facts["level"], "warn");
    for (key, value) in [("conn", 1), ("code", 4408), ("unanswered", 2), ("write_queue_bytes", 0)] {
        assert_eq!(facts[key], value, "{key} in {facts}");
    }
    assert_eq!(facts["verdict"], "peer-silent");
    assert_eq!(facts["plane"], "application");
    assert!(facts["oldest_written_us_ago"].as_u64().unwrap() > 100_000, "{facts}");
}

#[test]
fn an_ordinary_end_is_logged_with_v_only() {
    for (args, wanted) in [(&[][..], false), (&["-v"][..], true)] {
        let serve = Serve::start(args);
        let mut client = serve.client();
        client.close(None).unwrap();
        read_all(&mut client);
        drop(client);
        let ended = serve.stop();
        assert_eq!(ended.stderr.contains("peer-closed"), wanted, "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn every_answer_is_logged_with_vv_only() {
    for (flag, wanted) in [("-v", false), ("-vv", true)] {
        let serve = Serve::start(&["--interval", "100ms", flag]);
        assert_eq!(run(["connect", &serve.url, "--count", "2"]).code, Some(0));
        let ended = serve.stop();
        let answered =
            ended.stderr.lines().map(without_time).any(|line| line.starts_with("conn=1 heartbeat ") && line.contains(" answered in "));
        assert_eq!(answered, wanted, "{flag}: {}", ended.stderr);
    }
}

#[test]
fn q_hides_verdicts() {
    let serve = Serve::start(&["--interval", "100ms", "-q"]);
    read_all(&mut serve.client());
    assert_eq!(serve.stop().stderr, "");
}

#[test]
fn threat_23_sigterm_closes_every_client_with_1001_and_exits_with_0() {
    let serve = Serve::start(&[]);
    let mut clients = [serve.client(), serve.client()];
    let reading = std::thread::spawn(move || clients.each_mut().map(|client| close_code(&read_all(client))));
    let ended = serve.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(reading.join().unwrap(), [Some(1001), Some(1001)]);
}

#[test]
fn threat_23_a_second_signal_ends_it_now() {
    let mut serve = Serve::start(&["--drain", "60s", "--close-timeout", "60s"]);
    let _silent = [serve.client(), serve.client(), serve.client()];
    serve.running.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    let second = Instant::now();
    let ended = serve.stop();
    assert!(second.elapsed() < PATIENCE / 2);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
}

#[test]
fn messages_are_echoed_broadcast_or_ignored() {
    for (what, own, others) in [("echo", true, false), ("broadcast", true, true), ("ignore", false, false)] {
        let serve = Serve::start(&["--dialect", "none", "--on-message", what]);
        let (mut sender, mut other) = (serve.client(), serve.client());
        // Both are open once a ping of each is answered.
        for client in [&mut sender, &mut other] {
            client.send(Message::Ping("x".into())).unwrap();
            assert!(client.read().unwrap().is_pong());
        }
        sender.send(Message::text("hello")).unwrap();
        sender.send(Message::Ping("y".into())).unwrap();
        let heard = sender.read().unwrap();
        assert_eq!(heard == Message::text("hello"), own, "{what}");
        other.send(Message::Ping("z".into())).unwrap();
        let heard = other.read().unwrap();
        assert_eq!(heard == Message::text("hello"), others, "{what}");
    }
}

#[test]
fn pings_are_sent_where_they_are_asked_for_and_heartbeats_where_there_is_a_dialect() {
    let serve = Serve::start(&["--dialect", "none", "--ping-interval", "100ms"]);
    assert!(serve.client().read().unwrap().is_ping());
    let serve = Serve::start(&["--interval", "100ms"]);
    assert!(serve.client().read().unwrap().is_binary());
    let serve = Serve::start(&["--dialect", "htx-spot-v2", "--interval", "100ms"]);
    let text = serve.client().read().unwrap().into_text().unwrap();
    assert!(text.starts_with("{\"action\":\"ping\""), "{text}");
}

#[test]
fn a_dialect_of_ones_own_is_spoken() {
    let folder = std::env::temp_dir().join(format!("wsbeat-own-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let shown = run(["dialects", "show", "htx-spot-v2"]).stdout;
    let file = folder.join("mine.toml");
    std::fs::write(&file, shown.replace("htx-spot-v2", "mine").replace("\"action\":\"ping\"", "\"action\":\"beat\"")).unwrap();
    let serve = Serve::start(&["--dialects", file.to_str().unwrap(), "--dialect", "mine", "--interval", "100ms"]);
    let text = serve.client().read().unwrap().into_text().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(text.starts_with("{\"action\":\"beat\""), "{text}");
}

#[test]
fn a_foreign_page_is_refused_unless_it_is_allowed() {
    let connect = |serve: &Serve| run(["connect", &serve.url, "-H", "Origin: https://app.example.com", "--for", "50ms"]);
    let closed = connect(&Serve::start(&[]));
    assert_eq!(closed.code, Some(3));
    assert!(closed.stderr.contains("HTTP status 403"), "{}", closed.stderr);
    assert_eq!(connect(&Serve::start(&["--origin", "https://*.example.com"])).code, Some(0));
}

#[test]
fn the_command_line_beats_the_environment_which_beats_the_file() {
    let folder = std::env::temp_dir().join(format!("wsbeat-layers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("w.toml");
    std::fs::write(&file, "interval = \"1s\"\nmisses = 3\ndrain = \"1s\"\n").unwrap();
    let mut command = wsbeat(["serve", "--print-config", "--interval", "7s"]);
    command.env("WSBEAT_CONFIG", &file).env("WSBEAT_INTERVAL", "5s").env("WSBEAT_MISSES", "4").env("WSBEAT_LISTEN", "127.0.0.1:1,[::1]:2");
    let printed = Running::start(command).end().stdout;
    let line = |key: &str| {
        printed.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("interval"), "interval = \"7s\" # --interval");
    assert_eq!(line("misses"), "misses = 4 # WSBEAT_MISSES");
    assert_eq!(line("drain"), format!("drain = \"1s\" # {}:3", file.display()));
    assert_eq!(line("listen"), "listen = [\"127.0.0.1:1\", \"[::1]:2\"] # WSBEAT_LISTEN");
    assert_eq!(line("seed"), "seed = 0 # default");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_print_config_prints_is_a_file_that_gives_the_same() {
    let folder = std::env::temp_dir().join(format!("wsbeat-printed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let values =
        |printed: &str| -> Vec<String> { printed.lines().map(|line| line.split("  #").next().unwrap().trim().to_owned()).collect() };
    for (n, args) in [
        &[][..],
        &["--dialect", "none"],
        &["--dialect", "binance-spot", "--misses", "2"],
        &["--dialect", "okx"],
        &["--dialect", "kraken-v2", "--jitter", "2.5%"],
        &["--profile", "ws-recipe", "--close-code", "4000"],
        &["--profile", "strict", "--max-lifetime", "1h", "--set", "write_stall=30s", "--set", "adaptive=true"],
        &["--interval", "0s", "--profile", "tornado-6.5", "--ping-interval", "5s", "--ping-timeout", "2s"],
    ]
    .into_iter()
    .enumerate()
    {
        let first = run(["serve", "--print-config"].iter().chain(args));
        assert_eq!(first.code, Some(0), "{args:?}: {}", first.stderr);
        let file = folder.join(format!("{n}.toml"));
        std::fs::write(&file, &first.stdout).unwrap();
        let checked = run(["check-config", file.to_str().unwrap()]);
        assert_eq!(checked.code, Some(0), "{args:?}: {}", checked.stderr);
        let second = run(["serve", "--config", file.to_str().unwrap(), "--print-config"]);
        assert_eq!(values(&first.stdout), values(&second.stdout), "{args:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_profile_with_a_trap_is_warned_of() {
    let args = ["--profile", "tornado-6.4", "--ping-interval", "10s"];
    let trap = Serve::start(&[&args[..], &["--ping-timeout", "5s"]].concat()).stop();
    assert!(trap.stderr.contains("tornado-6.4"), "{}", trap.stderr);
    assert_eq!(Serve::start(&args).stop().stderr, "");
}

#[test]
fn a_variable_that_is_no_setting_is_warned_of() {
    let mut command = wsbeat(["serve", "--listen", "127.0.0.1:0"]);
    command.env("WSBEAT_INTERVALL", "1s");
    let mut running = Running::start(command);
    crate::common::first_line(&mut running);
    running.signal("TERM");
    let ended = running.end();
    assert!(ended.stderr.contains("WSBEAT_INTERVALL is no setting: the nearest key is \"interval\""), "{}", ended.stderr);
}

/// What /proc says of the descriptors of a server that was started under these limits, and what it said itself.
#[cfg(target_os = "linux")]
fn descriptors_under(limits: &str) -> (String, String) {
    let script = format!("ulimit {limits}; exec \"$0\" serve --listen 127.0.0.1:0 --max-connections 2000");
    let mut command = wsbeat([""; 0]);
    let program = command.get_program().to_owned();
    command = std::process::Command::new("sh");
    command.arg("-c").arg(script).arg(program).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    crate::common::without_settings(&mut command);
    let mut running = Running::start(command);
    crate::common::first_line(&mut running);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.child().id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().nth(3).unwrap().to_owned();
    running.signal("TERM");
    (files, running.end().stderr)
}

#[cfg(target_os = "linux")]
#[test]
fn it_takes_as_many_descriptors_as_its_connections_need_and_says_where_it_may_not() {
    let (files, stderr) = descriptors_under("-Sn 1024");
    assert!((2_001..4_096).contains(&files.parse().unwrap()), "{files}");
    assert_eq!(stderr, "");
    let (files, stderr) = descriptors_under("-n 1500");
    assert_eq!(files, "1500");
    assert!(stderr.contains("max_connections needs ") && stderr.contains("this process may have 1500: raise the hard limit"), "{stderr}");
}

#[test]
fn a_verdict_says_what_was_wrong_with_what_came() {
    let serve = Serve::start(&["--dialect", "none", "--max-message", "1KiB"]);
    let mut long = serve.client();
    long.send(Message::binary(vec![0; 1_025])).unwrap();
    assert_eq!(close_code(&read_all(&mut long)), Some(1009));
    let mut broken = serve.client();
    std::io::Write::write_all(broken.get_mut(), &[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]).unwrap();
    assert_eq!(close_code(&read_all(&mut broken)), Some(1007));
    let ended = serve.stop();
    for (begin, end) in [(" close 1009 too-big: ", ", message too big (max_message 1024 B)"), (" close 1007 protocol: ", ", invalid UTF-8")]
    {
        let line = ended.stderr.lines().find(|line| line.contains(begin)).unwrap();
        assert!(line.ends_with(end), "{line}");
    }
}
