//! Support for the tests.

pub mod arbitrary;
pub mod counting;
pub mod drive;
#[cfg(feature = "sockets")]
pub mod exchange;
pub mod exhaustive;
pub mod fuzz;
#[cfg(feature = "sockets")]
pub mod http;
pub mod hub_model;
#[cfg(feature = "sockets")]
pub mod lag;
pub mod machine;
pub mod model;
pub mod net;
#[cfg(feature = "sockets")]
pub mod peers;
#[cfg(feature = "sockets")]
pub mod raw;
pub mod scaled;
#[cfg(feature = "sockets")]
pub mod serving;
#[cfg(all(feature = "sockets", target_os = "linux"))]
pub mod stress;
#[cfg(feature = "sockets")]
pub mod tls;
pub mod trace;
pub mod world;

/// The examples of the readme are compiled, and the one that needs no network runs.
#[cfg(all(doctest, feature = "sockets"))]
#[doc = include_str!("../../README.md")]
struct Readme;
