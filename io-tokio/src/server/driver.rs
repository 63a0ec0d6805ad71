//! One driver: the loop.

use std::net::SocketAddr;

use super::config::ServerConfig;
use super::error::BindError;
use super::handle::Handle;
use super::world::World;
use super::{Handler, Summary};

/// One driver: it owns all sockets of a worker.
#[derive(Debug)]
pub(super) struct Driver<H> {
    handler: H,
    world: World,
}

impl<H: Handler> Driver<H> {
    pub(super) fn bind(_config: ServerConfig, _handler: H) -> Result<(Self, Vec<SocketAddr>), BindError> {
        todo!()
    }

    pub(super) fn handle(&self) -> Handle {
        self.world.handle()
    }

    pub(super) async fn run(self) -> Summary {
        let _ = self.handler;
        todo!()
    }
}
