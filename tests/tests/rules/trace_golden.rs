//! The golden traces: each does what its `out` lines say, line by line.

use std::collections::BTreeSet;
use std::path::PathBuf;

use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::Profile;
use wsbeat_core::trace::{Trace, TraceLimits};
use wsbeat_tests::trace::differences;

fn golden() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut all: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn every_golden_trace_does_what_it_says() {
    let mut wrong = String::new();
    for (name, text) in golden() {
        let differences = differences(&text).unwrap_or_else(|e| format!("{e}\n"));
        if !differences.is_empty() {
            wrong.push_str(&format!("{name}:\n{differences}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_golden_trace_says_something() {
    for (name, text) in golden() {
        assert!(text.lines().filter(|line| line.contains("\"out\":")).count() > 1, "{name}");
    }
}

#[test]
fn every_profile_and_both_roles_of_every_dialect_have_their_golden_trace() {
    let headers = golden();
    let headers: Vec<_> =
        headers.iter().map(|(_, text)| Trace::read(text.as_bytes(), TraceLimits::default()).unwrap().header().clone()).collect();
    let profiles: BTreeSet<&str> = headers.iter().filter_map(|h| h.config.profile.map(Profile::name)).collect();
    assert_eq!(profiles, Profile::ALL.iter().map(|p| p.name()).collect());
    for role in [Role::Server, Role::Client] {
        let played = headers.iter().filter(|h| h.role == role);
        let dialects: BTreeSet<&str> = played.filter_map(|h| h.dialect.as_ref().map(Dialect::id)).collect();
        assert_eq!(dialects, Dialect::presets().iter().map(Dialect::id).collect(), "{role:?}");
    }
}
