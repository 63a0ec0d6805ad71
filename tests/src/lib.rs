//! Support for the tests.

pub mod arbitrary;
pub mod drive;
pub mod peers;
pub mod raw;
pub mod serving;
