//! The shells of wsbeat on tokio.
#![forbid(unsafe_code)]

pub mod client;
pub mod clock;
pub mod heartbeat;
#[cfg(unix)]
pub mod server;
mod tape;
