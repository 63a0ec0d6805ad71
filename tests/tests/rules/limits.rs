//! The largest value of a limit is taken: a limit that is lower than its documents say would refuse it.

use std::time::Duration;

use wsbeat_core::codec::gzip::{INFLATED_BYTES_MAX, RATIO_FREE_BYTES, RATIO_MAX};
use wsbeat_core::dialect::Dialect;
use wsbeat_core::policy::{DURATION_MAX, DURATION_MIN, Plan, PolicyConfig, Profile};
use wsbeat_tests::trace::replayed;

#[test]
fn an_interval_may_be_36500_days_and_not_a_second_more() {
    assert_eq!((DURATION_MIN, DURATION_MAX), (Duration::from_millis(1), Duration::from_secs(3_153_600_000)));
    let every = |secs| {
        let every = Some(Duration::from_secs(secs));
        PolicyConfig { profile: Some(Profile::Strict), ping_interval: every, ping_timeout: every, ..PolicyConfig::default() }
    };
    assert!(every(3_153_600_000).check(Plan::default()).is_ok());
    assert!(every(3_153_600_001).check(Plan::default()).is_err());
}

#[test]
fn a_message_inflates_to_1_mib_unless_told_otherwise_to_64_kib_always_and_else_to_100_times_its_length() {
    assert_eq!((INFLATED_BYTES_MAX, RATIO_FREE_BYTES, RATIO_MAX), (1_048_576, 65_536, 100));
}

#[test]
fn a_dialect_may_hear_heartbeats_of_64_kib_and_inflate_to_64_mib() {
    let toml = Dialect::preset("htx-spot-v1").unwrap().to_toml();
    let with = |field: &str, value: u64| {
        let others: String = toml.lines().filter(|line| !line.starts_with(field)).map(|line| format!("{line}\n")).collect();
        Dialect::load(&others.replacen("[[dialect]]\n", &format!("[[dialect]]\n{field} = {value}\n"), 1))
    };
    for (field, max) in [("heartbeat_bytes_max", 65_536), ("inflated_bytes_max", 67_108_864)] {
        assert!(with(field, max).is_ok(), "{field}: {:?}", with(field, max));
        assert_eq!(with(field, max + 1).unwrap_err().field, field);
    }
}

#[test]
fn a_connection_of_a_trace_may_have_the_number_4294967296() {
    let lines = "{\"v\":1,\"trace\":\"wsbeat\",\"ticks\":\"auto\",\"profile\":\"strict\"}\n{\"t\":0,\"conn\":4294967296,\"in\":\"open\"}\n";
    assert!(replayed(lines).unwrap().iter().all(|line| line.contains("\"conn\":4294967296,")));
}
