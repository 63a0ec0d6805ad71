//! Where to and from where a connection goes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::config::LoadError;
use crate::client::ConnectError;
use crate::client::request::Target;

/// How many connections share one source address. Linux has 28,232 ports to give and looks among every other one first: from
/// 14,000 connections on it searches for each, which costs thirty times what connecting does.
const PER_SOURCE: u32 = 12_000;

/// The first address of the target's.
pub(super) fn resolve(target: &Target) -> Result<SocketAddr, LoadError> {
    let failed = |source| ConnectError::Dns { host: target.host.clone(), source };
    let found = (target.host.as_str(), target.port).to_socket_addrs().map_err(failed)?.next();
    Ok(found.ok_or_else(|| failed(io::Error::new(io::ErrorKind::NotFound, "no address")))?)
}

/// On loopback every address of 127.0.0.0/8 is ours: many connections come from several.
fn source(to: SocketAddr, number: u32) -> Option<SocketAddr> {
    let step = number / PER_SOURCE;
    let is_v4_loopback = matches!(to.ip(), IpAddr::V4(ip) if ip.is_loopback());
    (is_v4_loopback && step > 0).then(|| SocketAddr::from((Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + step), 0)))
}

/// Begins a connection, the `number`-th of all.
pub(super) fn connect(to: SocketAddr, number: u32) -> io::Result<TcpStream> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_come_from_several_addresses() {
        let to = "127.0.0.1:80".parse().unwrap();
        assert_eq!(source(to, 11_999), None);
        assert_eq!(source(to, 12_000), Some("127.0.0.2:0".parse().unwrap()));
        assert_eq!(source(to, 35_999), Some("127.0.0.3:0".parse().unwrap()));
        assert_eq!(source("192.0.2.1:80".parse().unwrap(), 60_000), None);
    }
}
