//! The rules that keep WebSocket connections honest, without sockets, clocks or tasks.
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
