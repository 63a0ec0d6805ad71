//! WebSockets on tokio whose keepalive is kept for you: a server, a client, and an adaptor for streams you already have.
//!
//! All three ask [`wsbeat_core`] what to do, so that pings, heartbeats in messages, deadlines and close codes are the same
//! everywhere, and can be recorded and replayed.
//!
//! - [`heartbeat`]: `Heartbeat<S>` over a stream of tokio-tungstenite, plain or TLS, or over the socket of an axum route.
//! - [`client`]: a client with reconnect, proxies and TLS, that recognises an exchange's heartbeats by itself.
//! - `server`: a dense server, one driver for all its sockets (Unix).
//! - `admin`: metrics, health, an HTTP API and a live page for such a server (Unix, feature `admin`).
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `proxy` | yes | the client goes through HTTP CONNECT and SOCKS 5 proxies |
//! | `tls` | yes | `wss://` by rustls, for client and server |
//! | `admin` | no | the admin address |
//! | `load` | no | many clients in one thread, to put a server under load (Unix); brings `tls` |
//! | `spans` | no | spans of `tracing`, target `wsbeat`: `callback` (conn, peer, callback) around each of the server's callbacks, `connect` (url) around a client's way to a connection, `connection` (role) around each poll of a `Heartbeat` |
//! | `axum` | no | `heartbeat::AxumSocket`: the adaptor over the WebSocket of axum 0.8 |
//!
//! # Examples
//!
//! In `examples`: `chat` (a server, what one says all hear), `axum_route`, and `exchange_feed` (a subscription that is connected
//! again when it is lost). The libraries under these signatures are here again in the versions that fit: [`tungstenite`].
#![forbid(unsafe_code)]

#[cfg(all(unix, feature = "admin"))]
pub mod admin;
pub mod client;
pub mod clock;
#[cfg(unix)]
mod dense;
pub mod heartbeat;
#[cfg(all(unix, feature = "load"))]
pub mod load;
#[cfg(unix)]
pub mod server;
mod tape;

/// The library whose messages and errors are in the signatures here, in the version that fits.
pub use tokio_tungstenite::tungstenite;
