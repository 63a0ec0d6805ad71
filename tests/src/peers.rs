//! Real peers for the tests: the article's programs in two generations, Python `websockets` and Node `ws`.
//!
//! A test opens a [`Stage`] with the [`Program`]s it needs, starts them, lets time pass and holds their [`Log`]s against
//! the rules. What a peer needs is installed once into a cache folder (`peers/install.rs`); where Python or Node is missing
//! the test says so and is skipped, unless `WSBEAT_INTEROP=require` makes that a failure.

mod beside;
mod browser;
mod command;
mod install;
mod log;
mod process;
mod prometheus;
mod scripted;
mod stage;

pub use beside::{Case, Setting};
pub use browser::browse;
pub(crate) use command::wsbeat;
pub use command::{Outcome, Running, Served};
pub use install::{Generation, Program, Tornado};
pub use log::{Event, Log, Span, Tolerance};
pub use process::Peer;
pub use prometheus::{Family, Sample, parse_metrics};
pub use scripted::{Bears, Saying, Script};
pub use stage::{Stage, at_once, in_both_generations};
