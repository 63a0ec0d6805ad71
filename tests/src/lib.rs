//! Support for the tests.

pub mod arbitrary;
pub mod drive;
