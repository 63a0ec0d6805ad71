//! A seeded world around the real [`Hub`](crate::hub::Hub), in virtual time, and a judge of what the hub does.
//!
//! Connections, links and peers are simulated; the hub is the one that the server runs. Time jumps exactly to what comes
//! next: an arrival, or the deadline that the hub returned. Chance comes from the seed alone, so that the same scenario
//! gives the same run, and the same [digest](Report::digest), everywhere.
//!
//! A link is a reliable stream: what is lost on the way comes a retransmission timeout later, and all behind it waits. A
//! peer answers at once unless a [`Fault`] befalls it. The judge sees inputs, times, promised deadlines and actions,
//! nothing else, and holds the hub to its laws; what it finds is in [`Report::breaches`]. With faults on, a run is a storm
//! and then a calm: in the calm nobody may be given up, and at its end every client has to be connected.
//!
//! Your policy, your network, a day in a moment: does anybody die who should not, and how soon is a dead peer found?
//!
//! ```
//! use std::time::Duration;
//! use wsbeat_core::policy::Policy;
//! use wsbeat_core::sim::{Fault, Scenario};
//!
//! let report = Scenario::new(Policy::strict())
//!     .connections(100)
//!     .latency(Duration::from_millis(80), Duration::from_millis(40))
//!     .fault(Fault::Loss, 20_000) // two percent
//!     .fault(Fault::Dead, 1_000)
//!     .seed(7)
//!     .run(Duration::from_secs(3600));
//! assert!(report.is_lawful(), "{report}");
//! assert_eq!(report.false_kills, 0);
//! assert!(report.detect_times.quantile(1_000).is_some_and(|t| Duration::from(t) < Duration::from_secs(60)));
//! ```

mod clients;
mod fault;
mod judge;
mod link;
mod mutation;
mod outside;
mod plan;
mod queue;
mod report;
mod scenario;
mod seen;
mod way;
mod wire;
mod world;

pub use fault::{Fault, FaultCounts, Faults};
pub use judge::Breach;
#[doc(hidden)]
pub use mutation::Mutation;
pub use report::Report;
pub use scenario::Scenario;
pub use seen::{Seen, What};
pub use wire::Detail;
