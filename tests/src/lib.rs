//! Support for the tests.

pub mod drive;
