//! The simulator over every embedded dialect, from either side.

use std::time::Duration;

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_core::sim::{Detail, Fault, Faults, Report, Scenario};

const MINUTE: Duration = Duration::from_secs(60);

/// Every dialect in both roles, by its name and side.
fn all() -> impl Iterator<Item = (String, Scenario)> {
    let config = PolicyConfig::default();
    Dialect::presets().iter().flat_map(move |dialect| {
        [Role::Server, Role::Client].map(|role| {
            let policy = config.check(dialect.plan(role, &config).unwrap()).unwrap();
            (format!("{} {role:?}", dialect.id()), Scenario::new(policy).dialect(dialect, role).connections(8))
        })
    })
}

fn assert_lawful(name: &str, report: &Report) {
    assert!(report.is_lawful(), "{name}: {report}");
}

#[test]
fn in_storms_no_law_is_broken_in_any_dialect_from_either_side() {
    let mut events = 0;
    for (seed, (name, scenario)) in (0..).zip(all()) {
        for (seed, faults) in [(0, Faults::storm()), (seed, Faults::storm()), (seed + 100, Faults::swarm(seed + 100))] {
            let report = scenario.clone().seed(seed).faults(faults).run(MINUTE * 12);
            assert_lawful(&name, &report);
            assert!(report.opened >= 8 && report.open_at_end == 8, "{name}: {report}");
            events += report.events();
        }
    }
    assert!(events > 100_000, "{events}");
}

#[test]
fn bytes_change_nothing_in_any_dialect_from_either_side() {
    for (name, scenario) in all() {
        for faults in [Faults::NONE, Faults::storm()] {
            let run = |detail| scenario.clone().faults(faults).detail(detail).run(MINUTE * 8);
            let (tokens, bytes) = (run(Detail::Tokens), run(Detail::Bytes));
            assert_lawful(&name, &bytes);
            assert_eq!((tokens.digest, tokens.inputs), (bytes.digest, bytes.inputs), "{name}");
        }
    }
}

/// R6, with a token or without.
#[test]
fn nobody_is_given_up_whose_answer_overtakes_the_news_of_the_writing() {
    let mut overtook = 0;
    for (name, scenario) in all() {
        let report = scenario.fault(Fault::Overtake, 100_000).run(MINUTE * 30);
        assert_lawful(&name, &report);
        assert_eq!((report.false_kills, report.opened), (0, 8), "{name}: {report}");
        overtook += report.faults.get(Fault::Overtake);
    }
    assert!(overtook > 1_000, "{overtook}");
}
