//! Many WebSocket clients in one thread, to put a server under load and to measure it from outside.
//!
//! As in the [`server`](crate::server) one driver owns all sockets, without a task, timer, channel or read buffer per
//! connection; the core's hub keeps the deadlines, each connection in the client's role. Heartbeats of the server's, on either
//! plane, are answered as a good client would, or not at all, or late: as [`LoadConfig`] says. It blocks the thread that runs it.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use std::time::Duration;
//! use wsbeat_tokio::load::{Load, LoadConfig};
//!
//! # fn example() -> Result<(), wsbeat_tokio::load::LoadError> {
//! let config = LoadConfig { connections: 1_000, duration: Duration::from_secs(30), ..LoadConfig::new("ws://127.0.0.1:8888") };
//! let report = Load::new(config)?.run(|progress| {
//!     eprintln!("{} open", progress.open);
//!     ControlFlow::Continue(())
//! })?;
//! println!("p99 of the answers: {} us", report.answer.value_at_quantile(0.99));
//! # Ok(())
//! # }
//! ```

mod config;
mod connect;
mod dial;
mod driver;
mod echo;
mod frame;
mod held;
mod reading;
mod report;
mod settle;
mod slot;
mod spacing;
mod upgrade;
mod writing;

pub use config::{Echo, LoadConfig, LoadError};
pub use driver::Load;
pub use hdrhistogram::Histogram;
pub use report::{Failure, Progress, Report};
