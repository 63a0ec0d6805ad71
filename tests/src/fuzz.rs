//! The bodies of the fuzz targets: plain functions of bytes that panic where a promise is broken.
//!
//! The targets in `fuzz/` call them under libFuzzer; `fuzz_corpus` replays under `cargo test` what was found and what was
//! written by hand.

mod connection;
mod dialect_file;
mod drawn;
mod ends;
mod frames;
mod heartbeat;
mod hub;
mod json;
pub mod seeds;
mod trace;

pub use connection::connection;
pub use dialect_file::dialect_file;
pub use frames::frames;
pub use heartbeat::heartbeat;
pub use hub::hub;
pub use trace::trace;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its binary, and of its folders of seeds and corpora.
    pub name: &'static str,
    /// What it does with an input.
    pub body: fn(&[u8]),
    /// The inputs to begin with, by name.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
}

/// Every target.
pub const TARGETS: [Target; 6] = [
    Target { name: "heartbeat", body: heartbeat, seeds: seeds::heartbeat },
    Target { name: "dialect_file", body: dialect_file, seeds: seeds::dialect_file },
    Target { name: "connection", body: connection, seeds: seeds::connection },
    Target { name: "hub", body: hub, seeds: seeds::hub },
    Target { name: "frames", body: frames, seeds: seeds::frames },
    Target { name: "trace", body: trace, seeds: seeds::trace },
];
