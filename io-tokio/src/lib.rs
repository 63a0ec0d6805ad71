//! The shells of wsbeat on tokio.

pub mod server;
