//! What the fuzzers began with and what they found is replayed.

use std::fs;
use std::path::{Path, PathBuf};

use wsbeat_tests::counting::{Counting, count};
use wsbeat_tests::fuzz::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The committed inputs of a target stay few and small.
const FILES_MAX: usize = 300;
const CORPUS_BYTES_MAX: u64 = 300 << 10;

fn folder(kind: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kind).join(target.name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Replays a folder, and says which file it was that failed.
fn replay(kind: &str, target: &Target) -> usize {
    let files = files(&folder(kind, target));
    for file in &files {
        let bytes = fs::read(file).unwrap();
        let outcome = std::panic::catch_unwind(|| (target.body)(&bytes));
        assert!(outcome.is_ok(), "{} fails {}: see the panic above", file.display(), target.name);
    }
    files.len()
}

#[test]
fn every_target_has_seeds_and_they_pass() {
    for target in &TARGETS {
        assert!(replay("seeds", target) > 0, "{} has no seeds", target.name);
    }
}

#[test]
fn every_target_has_a_corpus_and_it_passes() {
    for target in &TARGETS {
        assert!(replay("corpus", target) > 0, "{} has no corpus", target.name);
    }
}

#[test]
fn corpora_are_small() {
    for target in &TARGETS {
        let files = files(&folder("corpus", target));
        let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        assert!(files.len() <= FILES_MAX && bytes <= CORPUS_BYTES_MAX, "{}: {} files, {bytes} bytes", target.name, files.len());
    }
}

#[test]
fn every_target_has_a_binary_and_no_binary_is_without_a_target() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/Cargo.toml")).unwrap();
    let bins = manifest.lines().filter_map(|line| line.strip_prefix("name = ")?.strip_prefix('"')?.strip_suffix('"'));
    let bins: Vec<_> = bins.filter(|name| *name != "wsbeat-fuzz").collect();
    assert_eq!(bins, TARGETS.map(|target| target.name));
}

#[test]
fn the_allocator_counts_here() {
    assert_ne!(count(|| vec![0u8; 64]).1, 0, "the bounds on memory would hold for nothing");
}
