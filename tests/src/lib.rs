//! Support for the tests.

pub mod peers;
