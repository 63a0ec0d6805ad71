//! Connecting: where to, from where, and how fast.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::{Domain, Protocol, Socket, Type};
use wsbeat_core::event::{ConnId, Input};
use wsbeat_core::time::{Instant, Span};

use super::config::LoadError;
use super::driver::Driver;
use super::report::Failure;
use super::slot::{Slot, Stage};
use crate::client::ConnectError;
use crate::client::request::Target;

/// How many connections are on their way at once: a listener's backlog holds them.
const UNDER_WAY_MAX: u32 = 512;
/// How many connections share one source address; a system has some 28,000 ports to give.
const PER_SOURCE: u32 = 20_000;

/// The first address of the target's.
pub(super) fn resolve(target: &Target) -> Result<SocketAddr, LoadError> {
    let failed = |source| ConnectError::Dns { host: target.host.clone(), source };
    let found = (target.host.as_str(), target.port).to_socket_addrs().map_err(failed)?.next();
    Ok(found.ok_or_else(|| failed(io::Error::new(io::ErrorKind::NotFound, "no address")))?)
}

/// On loopback every address of 127.0.0.0/8 is ours: more connections than ports come from several.
fn source(to: SocketAddr, number: u32) -> Option<SocketAddr> {
    let step = number / PER_SOURCE;
    let is_v4_loopback = matches!(to.ip(), IpAddr::V4(ip) if ip.is_loopback());
    (is_v4_loopback && step > 0).then(|| SocketAddr::from((Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + step), 0)))
}

fn connect(to: SocketAddr, number: u32) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A heartbeat is small and waits for nothing.
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = source(to, number) {
        socket.bind(&source.into())?;
    }
    match socket.connect(&to.into()) {
        // EINPROGRESS has no kind of its own on every system.
        Err(e) if e.kind() != io::ErrorKind::WouldBlock && e.raw_os_error() != Some(IN_PROGRESS) => Err(e),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const IN_PROGRESS: i32 = 115;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const IN_PROGRESS: i32 = 36;

impl Driver {
    /// Begins the connections that the ramp asks for by now.
    pub(super) fn dial(&mut self) {
        while self.dialed < self.config.connections && self.under_way < UNDER_WAY_MAX && self.dial_due() <= self.now.at {
            let number = self.dialed;
            self.dialed += 1;
            if let Err(error) = self.dial_one(number) {
                self.report.fail(Failure::Tcp, || error.to_string());
            }
        }
    }

    fn dial_one(&mut self, number: u32) -> io::Result<()> {
        let mut stream = connect(self.way.address, number)?;
        let id = self.hub.accept(self.now, self.policy).map_err(io::Error::other)?;
        let index = id.index as usize;
        let registered = self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = registered {
            self.input(id, Input::Lost);
            return Err(error);
        }
        let is_silent = self.rng.below(1_000_000) < u64::from(self.config.silent_ppm);
        let tls = self.way.tls.as_ref().and_then(|tls| tls.begin());
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(Slot::new(stream, id.generation, is_silent, tls));
        self.under_way += 1;
        Ok(())
    }

    /// When the next connection is due: the k-th of n after k/n of the ramp.
    pub(super) fn dial_due(&self) -> Instant {
        if self.dialed == self.config.connections {
            return Instant::NEVER;
        }
        let ramp = Span::from(self.config.ramp);
        self.began.after(ramp.part(u64::from(self.config.connections)).times(u64::from(self.dialed)))
    }

    /// Whether connections wait for others to get through.
    pub(super) fn is_crowded(&self) -> bool {
        self.under_way >= UNDER_WAY_MAX
    }

    /// TCP has come to something.
    pub(super) fn connected(&mut self, id: ConnId) {
        let Some(slot) = self.slot(id) else { return };
        let failed = slot.stream.take_error().ok().flatten().or_else(|| slot.stream.peer_addr().err());
        match failed {
            Some(error) if error.kind() == io::ErrorKind::NotConnected => {}
            Some(error) => self.failed(id, Failure::Tcp, error.to_string()),
            None => {
                slot.stage = Stage::Upgrading;
                let request = std::mem::take(&mut self.request);
                self.write(id, &request, None);
                self.request = request;
            }
        }
    }

    /// A connection did not come to be.
    pub(super) fn failed(&mut self, id: ConnId, failure: Failure, why: String) {
        if self.remove(id).is_some() {
            self.under_way -= 1;
            self.report.fail(failure, || why);
            self.input(id, Input::Lost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_ports_come_from_several_addresses() {
        let to = "127.0.0.1:80".parse().unwrap();
        assert_eq!(source(to, 19_999), None);
        assert_eq!(source(to, 20_000), Some("127.0.0.2:0".parse().unwrap()));
        assert_eq!(source(to, 59_999), Some("127.0.0.3:0".parse().unwrap()));
        assert_eq!(source("192.0.2.1:80".parse().unwrap(), 60_000), None);
    }
}
