//! Support for the tests.

pub mod arbitrary;
pub mod drive;
pub mod model;
pub mod net;
pub mod peers;
pub mod raw;
pub mod serving;

/// The examples of the readme are compiled, and the one that needs no network runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
