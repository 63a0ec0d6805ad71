//! The rules that keep WebSocket connections honest, without sockets, clocks or tasks.
//!
//! When to ping, what answers a ping, when a silent peer is given up and with which close code: as a state machine that is
//! told what happened and says what to do. It is for who writes a shell (a server, a client, a proxy, a test bench) and wants
//! rules that are the same everywhere, that can be replayed, and that are tested to the nanosecond. A shell on tokio is
//! `wsbeat-tokio`.
//!
//! - [`policy`]: settings, checked once; from code, or by serde from TOML and the like.
//! - [`connection`]: one connection, [`hub`]: a million under one timer wheel.
//! - [`dialect`]: how exchanges and protocols word their heartbeats (feature `codec`).
//! - [`trace`]: every input and decision as lines, read, replayed and compared (feature `codec`).
//! - [`sim`]: a world in virtual time around the rules, and a judge (feature `sim`).
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `codec` | yes | gzip, JSON, dialects, traces, settings by serde; needs `std` |
//! | `sim` | no | the simulator; brings `codec` |
//!
//! With neither the crate is `no_std` with `alloc`: the rules alone.
//!
//! # A connection by hand
//!
//! ```
//! use std::time::Duration;
//! use wsbeat_core::connection::Connection;
//! use wsbeat_core::event::{Action, Input};
//! use wsbeat_core::policy::{Plan, PolicyConfig};
//! use wsbeat_core::rng::Chance;
//! use wsbeat_core::time::{Instant, Now};
//!
//! let wishes = PolicyConfig { ping_interval: Some(Duration::from_secs(20)), ..PolicyConfig::default() };
//! let policy = wishes.check(Plan::default())?;
//! let at = |instant| Now::new(instant, 0);
//! let mut actions = vec![];
//! let mut peer = Connection::accepted(&policy, at(Instant::ZERO), Chance::new(7, 0));
//! let due = peer.step(&policy, at(Instant::ZERO), Input::Opened, &mut |action| actions.push(action));
//! let _ = peer.step(&policy, at(due), Input::Tick, &mut |action| actions.push(action));
//! assert!(matches!(actions[..], [Action::Ping(_)]));
//! # Ok::<(), wsbeat_core::policy::PolicyError>(())
//! ```
//!
//! `examples/raw_shell.rs` is a whole shell over `std::net`; `examples/virtual_time.rs` checks a policy before it meets a network.
#![cfg_attr(not(feature = "codec"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "codec")]
pub mod codec;
pub mod connection;
#[cfg(feature = "codec")]
pub mod dialect;
pub mod event;
pub mod hub;
mod ids;
pub mod policy;
pub mod rng;
mod rtt;
#[cfg(feature = "sim")]
pub mod sim;
pub mod stats;
pub mod time;
#[cfg(feature = "codec")]
pub mod trace;
mod verdict;
pub mod wheel;
