//! Support for the tests.

pub mod arbitrary;
pub mod counting;
pub mod drive;
pub mod fuzz;
pub mod hub_model;
pub mod net;
pub mod world;
