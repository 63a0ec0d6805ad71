//! The shells of wsbeat on tokio.
