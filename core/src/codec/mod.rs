//! The bytes of heartbeats: compression and JSON. Nothing in here decides.

pub mod gzip;
pub mod json;
mod scan;
