//! Nothing that a trace file may hold brings the reader or the replay down.

use proptest::prelude::*;
use wsbeat_core::time::Instant;
use wsbeat_core::trace::{Diff, Trace, TraceLimits};

/// Reads, replays and compares: whatever comes of it, it comes.
fn try_all(bytes: &[u8]) {
    let limits = TraceLimits { line_bytes_max: 4_096, connections_max: 3 };
    let Ok(trace) = Trace::read(bytes, limits) else { return };
    // Not for an hour: an interval of a millisecond is legal.
    let until = Some(Instant::from_secs(20));
    let mut diff = Diff::new(&trace, until, 3);
    let _ = trace.replay(until, |done| {
        let mut line = String::new();
        done.write_line(&mut line);
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
        assert!(!done.to_string().contains('\n'));
        diff.done(done);
    });
    let _ = diff.finish();
}

/// A value that may stand anywhere.
fn value() -> impl Strategy<Value = String> {
    let words = [
        "0",
        "1",
        "2",
        "5",
        "-1",
        "1.5",
        "1e400",
        "18446744073709551615",
        "18446744073709551616",
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "\"auto\"",
        "\"open\"",
        "\"AAAA\"",
        "\"5s\"",
        "\"0s\"",
        "\"1ms\"",
        "\"36500days\"",
        "\"strict\"",
        "\"tornado-6.4\"",
        "\"stomp-1.2\"",
        "\"htx-spot-v1\"",
        "\"kucoin\"",
        "\"client\"",
        "\"{\\\"ping\\\":1}\"",
        "\"{\\\"type\\\":\\\"welcome\\\"}\"",
        "\"\\n\"",
        "\"\\ud800\"",
    ];
    prop_oneof![6 => proptest::sample::select(words.to_vec()).prop_map(String::from), 1 => any::<u64>().prop_map(|n| n.to_string())]
}

fn line() -> impl Strategy<Value = String> {
    let kinds = [
        "accept",
        "open",
        "open",
        "open",
        "tick",
        "bytes",
        "wrote",
        "unread",
        "ping",
        "pong",
        "text",
        "binary",
        "heartbeat",
        "answer",
        "data",
        "ready",
        "flushed",
        "sent",
        "close",
        "fault",
        "lost",
        "user-ping",
        "user-close",
        "drain",
        "reconfigure",
        "nonsense",
    ];
    let keys = [
        "n",
        "b64",
        "of",
        "data",
        "token",
        "code",
        "reason",
        "budget",
        "fault",
        "interval",
        "ping_interval",
        "profile",
        "dialect",
        "misses",
        "wall",
        "conn",
        "jitter",
        "close_timeout",
        "out",
    ];
    let fields = proptest::collection::vec((proptest::sample::select(keys.to_vec()), value()), 0..4);
    let t = prop_oneof![8 => 0u64..30, 1 => any::<u64>()];
    (t, 1u64..4, proptest::sample::select(kinds.to_vec()), fields).prop_map(|(t, conn, kind, fields)| {
        let fields: String = fields.iter().map(|(key, value)| format!(",\"{key}\":{value}")).collect();
        format!("{{\"t\":{},\"conn\":{conn},\"in\":\"{kind}\"{fields}}}\n", t.saturating_mul(1_000_000_000))
    })
}

fn trace() -> impl Strategy<Value = String> {
    let keys = ["ticks", "role", "dialect", "profile", "ping_interval", "interval", "misses", "seed", "first_ping", "cadence"];
    let header = proptest::collection::vec((proptest::sample::select(keys.to_vec()), value()), 0..4);
    let auto = prop_oneof![
        Just(",\"ticks\":\"auto\",\"dialect\":\"htx-spot-v1\",\"profile\":\"strict\""),
        Just(",\"dialect\":\"blog\""),
        Just("")
    ];
    (auto, header, proptest::collection::vec(line(), 0..12)).prop_map(|(auto, header, mut lines)| {
        let header: String = header.iter().map(|(key, value)| format!(",\"{key}\":{value}")).collect();
        lines.sort_by_key(|line| line.split([':', ',']).nth(1).and_then(|t| t.parse::<u64>().ok()));
        format!("{{\"v\":1,\"trace\":\"wsbeat\"{auto}{header}}}\n{}", lines.concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        try_all(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_header_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        try_all(&[b"{\"v\":1,\"trace\":\"wsbeat\"}\n", bytes.as_slice()].concat());
    }

    #[test]
    fn any_values_in_any_lines_are_replayed_without_a_panic(text in trace()) {
        try_all(text.as_bytes());
    }

    #[test]
    fn a_trace_with_any_byte_changed_is_read_without_a_panic(text in trace(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text.into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        try_all(&bytes);
    }
}
