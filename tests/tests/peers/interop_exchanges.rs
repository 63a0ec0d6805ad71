//! The clients that exchanges give out, against `wsbeat serve` in the exchange's dialect: kept while they answer or ask, their
//! subscriptions acknowledged, and dropped when they do not.
//!
//! Of the packages nothing is replaced but the address, which would be the exchange's own, and what names it beforehand
//! (KuCoin's token). Times are scaled: a dialect file has the preset with a shorter interval.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use wsbeat_tests::peers::{Program, Stage, at_once};
use wsbeat_tests::scaled::scaled;

/// One package in one dialect.
#[derive(Clone, Copy, Debug)]
struct Case {
    dialect: &'static str,
    program: Program,
    arguments: &'static [&'static str],
    period_ms: u64,
    /// What shows that a heartbeat was answered, by either side.
    beats: &'static str,
}

const HTX: Program = Program::HuobiClient;
const SDKS: Program = Program::ExchangeClient;

const CASES: [Case; 9] = [
    Case { dialect: "blog", program: HTX, arguments: &["--form", "market"], period_ms: 500, beats: "answer" },
    Case { dialect: "htx-spot-v1", program: HTX, arguments: &["--form", "market"], period_ms: 500, beats: "answer" },
    Case { dialect: "htx-spot-v2", program: HTX, arguments: &["--form", "accounts-v2"], period_ms: 500, beats: "answer" },
    Case { dialect: "htx-contract-order", program: HTX, arguments: &["--form", "orders-v1"], period_ms: 500, beats: "answer" },
    Case { dialect: "binance-spot", program: SDKS, arguments: &["--package", "binance"], period_ms: 500, beats: "answer" },
    Case { dialect: "binance-usdm", program: SDKS, arguments: &["--package", "binance"], period_ms: 500, beats: "answer" },
    Case { dialect: "okx", program: SDKS, arguments: &["--package", "okx", "--interval", "0.8"], period_ms: 1_500, beats: "pong" },
    Case { dialect: "bybit-v5", program: SDKS, arguments: &["--package", "bybit", "--interval", "0.5"], period_ms: 150, beats: "pong" },
    Case { dialect: "kucoin", program: SDKS, arguments: &["--package", "kucoin", "--interval", "1"], period_ms: 1_500, beats: "pong" },
];

impl Case {
    /// The dialect's preset with this case's interval, in a file.
    fn dialect_file(&self) -> PathBuf {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("exchanges-{}-{}.toml", self.dialect, std::process::id()));
        let text = scaled(self.dialect, Duration::from_millis(self.period_ms)).to_toml();
        fs::write(&file, text).expect("a file for a dialect");
        file
    }
}

#[test]
fn they_are_kept_and_their_subscriptions_acknowledged() {
    let Some(stage) = Stage::with_wsbeat("exchanges' clients", &[HTX, SDKS]) else { return };
    at_once(CASES, |case| {
        let file = case.dialect_file();
        let served = stage.serve(&["--dialect", case.dialect, "--dialects", &file.to_string_lossy()]);
        let client = stage.client(case.program, served.url(), case.arguments);
        // The article's server acknowledges nothing.
        if case.dialect != "blog" {
            client.wait_for("acknowledged", 1);
        }
        client.wait_for(case.beats, 6);
        let log = client.stop();
        assert_eq!(log.count("close"), 0, "{case:?}:\n{log}");
        let server = served.stop();
        assert!(!server.contains("peer-silent") && !server.contains("peer-slow"), "{case:?}:\n{server}");
        let _ = fs::remove_file(file);
    });
}

#[test]
fn they_are_dropped_when_their_heartbeats_are_kept_back() {
    let Some(stage) = Stage::with_wsbeat("mute exchanges' clients", &[HTX, SDKS]) else { return };
    at_once(CASES, |case| {
        let file = case.dialect_file();
        let served = stage.serve(&["--dialect", case.dialect, "--dialects", &file.to_string_lossy()]);
        let arguments = [case.arguments, &["--answers", "2"]].concat();
        let client = stage.client(case.program, served.url(), &arguments);
        client.wait_for("close", 1);
        let log = client.stop();
        assert_eq!(log.count(case.beats), 2, "{case:?}:\n{log}");
        let server = served.stop_after("close ");
        // The blog's close has no code.
        let close = if case.dialect == "blog" { "close" } else { "close 4408" };
        let said = |verdict: &str| server.contains(&format!("{close} {verdict}"));
        assert!(said("peer-silent") || said("peer-slow"), "{case:?}:\n{server}\n{log}");
        let _ = fs::remove_file(file);
    });
}
