//! Bad input, abuse and faults: docs/threats.md has the answer to each. The test of a row bears its number: `threat_07_…`,
//! wherever it stands. Here are those that have no other place, and the check that no row is without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant as StdInstant};

use wsbeat_core::event::{Action, ConnId, Counter, Input, VerdictKind};
use wsbeat_core::hub::{Hub, Next};
use wsbeat_core::policy::{Evidence, Plan, PolicyConfig};
use wsbeat_core::time::{Instant, Now, Span};
use wsbeat_tests::raw::{Raw, masked};
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tokio::server::ServerConfig;

const ROWS: usize = 31;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every `fn threat_…` of the sources, as the numbers in its name.
fn numbers_of_tests() -> Vec<usize> {
    let (mut numbers, mut folders) = (Vec::new(), ["core", "io-tokio", "cli", "tests"].map(|part| root().join(part)).to_vec());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let names = text.split("fn threat_").skip(1);
                numbers.extend(names.flat_map(|name| name.split('_').map_while(|part| part.parse::<usize>().ok())));
            }
        }
    }
    numbers
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn every_row_of_the_threats_has_its_line_its_test_and_a_guard_that_is_taken_out() {
    let (page, guards, numbers) = (read("docs/threats.md"), read("tests/guards/guards.py"), numbers_of_tests());
    for row in 1..=ROWS {
        assert!(page.contains(&format!("\n| {row} | ")), "docs/threats.md has no row {row}");
        assert!(numbers.contains(&row), "no test is named threat_{row:02}_…");
        let has_guard = ["", "a"].iter().any(|first| guards.contains(&format!("guard(\"{row}{first}\"")));
        assert!(has_guard, "tests/guards/guards.py takes no guard of row {row} out");
    }
}

#[test]
fn every_limit_and_counter_of_the_threats_is_one() {
    let page = read("docs/threats.md");
    let metrics = read("io-tokio/src/admin/metrics.rs");
    let settings = ["docs/defaults.md", "docs/dialects.md", "core/src/policy/text.rs", "cli/src/config/keys.rs"].map(read).concat();
    let mut seen = 0;
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let columns: Vec<&str> = line.split('|').collect();
        let quoted = |column: usize| columns.get(column).into_iter().flat_map(|text| text.split('`').skip(1).step_by(2));
        for key in quoted(4).filter(|key| key.starts_with(char::is_lowercase)) {
            assert!(settings.contains(&format!("`{key}`")) || settings.contains(&format!("\"{key}\"")), "{key} is no setting");
            seen += 1;
        }
        for name in quoted(5).filter_map(|name| name.strip_prefix("wsbeat_")) {
            let name = name.split('{').next().unwrap_or_default().trim_end_matches("_total");
            assert!(metrics.contains(&format!("\"wsbeat_{name}\"")), "wsbeat_{name} is no metric");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn threat_09_forged_pongs_are_no_life_and_no_round_trip() {
    let policy = PolicyConfig {
        ping_interval: Some(Duration::from_millis(200)),
        ping_timeout: Some(Duration::from_millis(300)),
        evidence: Some(Evidence::PongOnly),
        ..PolicyConfig::default()
    };
    let serving = Serving::start(ServerConfig { policy, ..config() });
    let mut forger = Raw::open(serving.address);
    let began = StdInstant::now();
    let forged = masked(0x8a, &[7; 8]).repeat(100);
    let code = loop {
        forger.write(&forged);
        match forger.next_within(Duration::from_millis(5)) {
            Some(Some(frame)) if frame.close_code().is_some() => break frame.close_code(),
            Some(None) => panic!("no close frame"),
            _ => assert!(began.elapsed() < Duration::from_secs(10), "it lives by forged pongs"),
        }
    };
    assert_eq!((code, serving.verdict()), (Some(4408), VerdictKind::PeerSlow));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let stats = runtime.block_on(serving.handle.heartbeat_stats()).unwrap();
    assert!(stats.get(Counter::PongsUnsolicited) >= 100, "{}", stats.get(Counter::PongsUnsolicited));
    assert_eq!(stats.get(Counter::PongsMatched), 0);
}

/// A peer that answers every ping, but not before time has moved on, under clocks that no one should have.
#[test]
fn threat_20_no_clock_gives_a_verdict_or_overflows() {
    let hour = Span::from_secs(3_600);
    for start in [0, (1 << 53) - 1, i64::MAX as u64, u64::MAX - hour.as_nanos()] {
        let [interval, timeout] = [5, 20].map(|secs| Some(Duration::from_secs(secs)));
        let wish = PolicyConfig { ping_interval: interval, ping_timeout: timeout, ..PolicyConfig::default() };
        let mut hub = Hub::new(7, 10);
        let policy = hub.register(wish.check(Plan::default()).unwrap());
        let mut at = Instant::from_nanos(start);
        let now = |at: Instant, wall_ms: u64| Now::new(at, wall_ms);
        let id = hub.accept(now(at, u64::MAX), policy).unwrap();
        let (mut verdicts, mut waiting) = (Vec::new(), Vec::new());
        hub.input(now(at, 0), id, Input::Opened, &mut |_: ConnId, _: Action| {});
        for step in 0..40u64 {
            // Now and then an hour is missing, or time steps back by one; the wall clock does as it likes.
            let jump = if step % 8 == 7 { hour } else { Span::from_secs(5) };
            at = at.after(jump);
            let back = if step % 5 == 4 { at.before(hour) } else { at };
            // Of the steps before: time has moved on since.
            let mut answers = std::mem::take(&mut waiting);
            for moment in [back, at] {
                let mut pings = Vec::new();
                loop {
                    let next =
                        hub.advance(now(moment, step.wrapping_mul(u64::MAX / 3)), 8, &mut |_: ConnId, action: Action| match action {
                            Action::Ping(payload) => pings.push(payload),
                            Action::Close(verdict) | Action::Abort(verdict) => verdicts.push(verdict),
                            _ => {}
                        });
                    if next != Next::Again {
                        break;
                    }
                }
                for payload in answers.drain(..) {
                    hub.input(now(moment, 0), id, Input::Pong(payload), &mut |_: ConnId, _: Action| {});
                }
                for payload in pings {
                    hub.input(now(moment, 0), id, Input::PingFlushed(payload), &mut |_: ConnId, _: Action| {});
                    waiting.push(payload);
                }
            }
        }
        assert!(verdicts.is_empty(), "from {start}: {verdicts:?}");
        assert!(hub.stats().get(Counter::ClockBackwards) > 0);
    }
}
