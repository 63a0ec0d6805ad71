//! Support for the tests.

pub mod arbitrary;
pub mod drive;
pub mod net;
pub mod raw;
pub mod serving;
