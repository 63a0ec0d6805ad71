//! The admin address of a server: metrics, health, an HTTP API and a live page. Feature `admin`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /metrics` | Prometheus text |
//! | `GET /healthz` | 200 while every driver answers, else 503 |
//! | `GET /readyz` | 200 while new connections are taken, 503 while draining |
//! | `GET /api/summary` | all figures, as an [`api::Summary`] |
//! | `GET /api/connections` | a page of the list, as an [`api::ConnectionsPage`]: `limit` (1 to 1,000, default 100), `cursor`, `sort` (`id`, `age`, `rtt`, `unanswered`, `queue`, `last_byte`, `peer`), `order` (`asc`, `desc`), `q` (a text in its number, peer, listener or phase) |
//! | `GET /api/connections/ID` | one connection, as an [`api::ConnectionDetail`] |
//! | `POST /api/connections/ID/close` | closes it with the [`api::CloseRequest`] in the body: 202 |
//! | `POST /api/drain` | begins to drain all listeners: 202 |
//! | `GET /api/events` | server-sent events: `summary` each second, `verdict` (the last 100 first), `missed` |
//! | `GET /` | the live page |
//!
//! What is wrong is answered with an [`api::Refused`] and 400, 401, 403, 404, 405, 413 or 503.
//!
//! **Who may ask.** The `Host` of a request is an IP address, `localhost` or a [name of the configuration](AdminConfig::hosts):
//! a page of another site that made its own name point here (DNS rebinding) gets 403. An `Origin`, where there is one, is
//! the admin's own. With a [token](AdminConfig::token) everything but the page's files and the health checks wants
//! `Authorization: Bearer …`; without one, what changes something wants a header `X-Wsbeat: 1`, which no form of another
//! site can send. An address other than loopback needs a token. There is no TLS: put a proxy or a tunnel in front where the
//! way is not trusted.
//!
//! **What it costs.** Counts are read from atomics, everything else is asked of the drivers in slices of a few hundred
//! connections between which they go on; lists are kept for a second, so that paging looks at the drivers once.
//!
//! ```no_run
//! use wsbeat_tokio::admin::api::ListenerInfo;
//! use wsbeat_tokio::admin::{self, Admin, AdminConfig, Listener};
//! use wsbeat_tokio::server::{Handler, Server, ServerConfig};
//!
//! struct Quiet;
//! impl Handler for Quiet {}
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind(ServerConfig::default(), Quiet).await?;
//! // A handler that tells of its verdicts has `verdicts` and pushes them.
//! let (verdicts, feed) = admin::verdicts();
//! let info = ListenerInfo { name: "main".into(), ..ListenerInfo::default() };
//! let listener = Listener::new(info, server.handle());
//! let admin = Admin::bind(AdminConfig::at(([127, 0, 0, 1], 9100).into()), vec![listener], feed)?;
//! tokio::spawn(admin.run());
//! server.run().await;
//! # Ok(())
//! # }
//! ```

mod answer;
pub mod api;
mod config;
mod events;
mod feed;
mod figures;
mod guard;
mod http;
mod list;
mod listener;
mod metrics;
mod one;
mod page;
mod process;
mod routes;
mod snapshot;
mod sse;
mod state;

pub use config::{AdminConfig, AdminError, AdminLimits};
pub use feed::{VerdictFeed, Verdicts, verdicts};
pub use listener::Listener;

use std::net::SocketAddr;
use std::sync::Arc;

use state::State;

/// An admin address that listens; [`run`](Admin::run) makes it serve.
#[derive(Debug)]
pub struct Admin {
    listener: tokio::net::TcpListener,
    local_addr: SocketAddr,
    state: Arc<State>,
    feed: VerdictFeed,
}

impl Admin {
    /// Checks the settings and listens. Called within a tokio runtime with I/O and time on.
    ///
    /// `listeners` are the servers that it tells of, and `feed` brings their verdicts.
    ///
    /// # Errors
    /// A setting that cannot be, or an address that cannot be listened at.
    pub fn bind(config: AdminConfig, listeners: Vec<Listener>, feed: VerdictFeed) -> Result<Self, AdminError> {
        config.check()?;
        let at = |source| AdminError::Listen { address: config.address, source };
        let listener = http::listen(config.address).map_err(at)?;
        let local_addr = listener.local_addr().map_err(at)?;
        Ok(Admin { listener, local_addr, state: Arc::new(State::new(config, listeners)), feed })
    }

    /// The address it listens at, port 0 replaced.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until it is dropped.
    pub async fn run(self) {
        let Admin { listener, state, feed, .. } = self;
        tokio::join!(http::serve(listener, Arc::clone(&state)), feed::pump(feed, &state.news), events::tick(&state));
    }
}
