//! A dense WebSocket server: one driver owns all its sockets. Unix only: it watches them by descriptor.
//!
//! No task, timer, channel or read buffer per connection: an idle one costs its place in two tables. The core's
//! [`Hub`](wsbeat_core::hub::Hub) decides about pings, heartbeats and closes; the driver maps its actions onto sockets, and
//! tungstenite reads the frames. What the user of the server writes is a [`Handler`] of callbacks; other tasks reach in through a [`Handle`].
//!
//! ```no_run
//! use wsbeat_core::dialect::Message;
//! use wsbeat_tokio::server::{Context, Handler, Server, ServerConfig};
//!
//! struct Echo;
//! impl Handler for Echo {
//!     fn message(&mut self, ctx: &mut Context<'_>, message: Message<'_>) {
//!         // A peer that does not read is refused more than it may have waiting: nothing to do about it here.
//!         let _ = ctx.send(message);
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind(ServerConfig::default(), Echo).await?;
//! let summary = server.run().await;
//! # Ok(())
//! # }
//! ```

mod accept;
mod addresses;
mod agree;
mod agreements;
mod asking;
mod assembling;
mod callbacks;
mod config;
mod control;
mod cork;
mod drain;
mod draining;
mod driver;
mod emit;
mod end;
mod error;
mod escape;
mod figures;
mod frame;
mod handle;
mod handler;
mod handshake;
mod linger;
mod look;
mod looks;
mod origin;
mod output;
mod per_ip;
mod presence;
mod reading;
mod recording;
mod response;
mod running;
mod shared;
mod slot;
mod stats;
#[cfg_attr(not(feature = "tls"), path = "tls_off.rs")]
mod tls;
mod turn;
mod upgrade;
mod waking;
mod workers;
mod world;

use std::net::SocketAddr;
use std::ops::ControlFlow;

use wsbeat_core::dialect::Role;
use wsbeat_core::trace::{Header, Ticks};

pub use config::{Numbering, ServerConfig, ServerLimits};
pub use control::{CloseReason, PingPayload};
pub use end::End;
pub use error::{BindError, CloseReasonError, HandleError, PayloadTooLong, ReconfigureError, SendError};
pub use escape::Escaped;
pub use figures::{Closes, Figures};
pub use handle::Handle;
pub use handler::{Context, Handler, Request, Wants};
pub use looks::{CloserLook, ConnectionLook, Looks, PlaneLook};
pub use origin::{OriginError, OriginPattern, Origins};
pub use stats::{Count, Refusal, ServerStats};
pub use tls::{TlsConfig, TlsConfigError};

use crate::tape::Tape;
use driver::Driver;

/// A server that listens; [`run`](Server::run) makes it serve.
#[derive(Debug)]
pub struct Server<H> {
    /// One for each worker; at least one.
    drivers: Vec<Driver<H>>,
    handle: Handle,
    local_addrs: Vec<SocketAddr>,
    /// What decides, for the head of a trace.
    header: Header,
}

/// What a server did, told at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many connections were upgraded.
    pub opened: u64,
    /// How many were dropped unfinished when the drain time was up, or at a second request.
    pub dropped: u64,
    /// How it ended.
    pub ending: Ending,
}

/// How a server ended; of several workers, the last of these that one of them came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Every connection ended within the drain time.
    Drained,
    /// The drain time was up.
    TimeUp,
    /// It was asked to end now.
    Shutdown,
    /// The system no longer let it watch its sockets.
    Failed,
}

impl<H: Handler> Server<H> {
    /// Checks the settings and listens; connections are accepted once it runs. Called within a tokio runtime with I/O and time on.
    ///
    /// # Errors
    /// A setting that cannot be, more than one worker, or an address that cannot be listened at.
    pub async fn bind(config: ServerConfig, handler: H) -> Result<Self, BindError> {
        if config.workers > 1 {
            let limit = "1 with one handler: bind_each makes one for each worker";
            return Err(BindError::Limit { field: "workers", value: config.workers.into(), limit });
        }
        Server::listen(config, std::iter::once(handler))
    }

    /// As [`bind`](Server::bind), for any number of [`workers`](ServerConfig::workers): `make` gives the handler of each, by
    /// its place from 0. Callbacks of different workers run at the same time, each handler's one after another.
    ///
    /// # Errors
    /// A setting that cannot be, or an address that cannot be listened at.
    pub async fn bind_each(config: ServerConfig, make: impl FnMut(u32) -> H) -> Result<Self, BindError> {
        let places = 0..config.workers;
        Server::listen(config, places.map(make))
    }

    fn listen(config: ServerConfig, handlers: impl Iterator<Item = H>) -> Result<Self, BindError> {
        let (drivers, handle, local_addrs) = Driver::bind(&config, handlers)?;
        let header =
            Header { seed: config.seed, ticks: Ticks::Recorded, role: Role::Server, dialect: config.dialect, config: config.policy };
        Ok(Server { drivers, handle, local_addrs, header })
    }

    /// Records a [trace](wsbeat_core::trace) of all that the hub is told and says, from the beginning to the end; of several
    /// workers, the first one's: see [`record_each`](Server::record_each).
    ///
    /// `tap` takes whole lines, several at once, after each turn of the driver and at its end. It runs on the driver: it must
    /// not wait. What it breaks on ends the recording, as does [`Handle::set_policy`], whose policy a trace cannot say. The
    /// trace says what messages meant to the heartbeats; no message of the user's is in it.
    #[must_use]
    pub fn record(self, tap: impl FnMut(&str) -> ControlFlow<()> + Send + 'static) -> Self {
        self.record_each(std::iter::once(tap))
    }

    /// As [`record`](Server::record), a trace for each worker: they have hubs of their own, and each hub's trace replays
    /// alone. A worker that `taps` has none for records nothing.
    #[must_use]
    pub fn record_each<T>(mut self, taps: impl IntoIterator<Item = T>) -> Self
    where
        T: FnMut(&str) -> ControlFlow<()> + Send + 'static,
    {
        for (driver, tap) in self.drivers.iter_mut().zip(taps) {
            driver.record(Tape::start(&self.header, Box::new(tap)));
        }
        self
    }

    /// The addresses it listens at, in the order they were given, port 0 replaced.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// A handle for other tasks and threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until a [`Handle`] asked for the end, and tells what was done. Dropped before that, it ends the server at once.
    ///
    /// Each worker's driver runs on a thread of its own, within the context of this runtime: callbacks may spawn tasks on it.
    pub async fn run(self) -> Summary {
        running::run(self.drivers, self.handle).await
    }
}
