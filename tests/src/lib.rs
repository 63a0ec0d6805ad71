//! Support for the tests.

pub mod arbitrary;
pub mod counting;
pub mod drive;
pub mod exchange;
pub mod exhaustive;
pub mod fuzz;
pub mod http;
pub mod hub_model;
pub mod machine;
pub mod model;
pub mod net;
pub mod peers;
pub mod raw;
pub mod scaled;
pub mod serving;
#[cfg(target_os = "linux")]
pub mod stress;
pub mod tls;
pub mod trace;
pub mod world;

/// The examples of the readme are compiled, and the one that needs no network runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
