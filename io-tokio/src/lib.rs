//! The shells of wsbeat on tokio.
#![deny(unsafe_code)]

#[cfg(unix)]
pub mod server;
