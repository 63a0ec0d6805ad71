//! The short form of the stress run: a thousand peers for a minute, a stop of twelve seconds in the middle.
#![cfg(target_os = "linux")]

use std::time::Duration;

use wsbeat_tests::stress::Stress;

#[test]
fn threat_21_under_churn_floods_and_a_stopped_server_no_healthy_peer_is_closed_and_nothing_grows() {
    let stress = Stress { connections: 1_000, length: Duration::from_secs(60), stop: Duration::from_secs(12), ..Stress::default() };
    let report = stress.run().unwrap();
    assert_eq!(report.broken(&stress), [""; 0], "{report}");
}
