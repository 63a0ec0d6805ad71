//! The shells of wsbeat on tokio.
#![forbid(unsafe_code)]

#[cfg(all(unix, feature = "admin"))]
pub mod admin;
pub mod client;
pub mod clock;
pub mod heartbeat;
#[cfg(all(unix, feature = "load"))]
pub mod load;
#[cfg(unix)]
pub mod server;
mod tape;
