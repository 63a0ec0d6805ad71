//! The way to an open connection: DNS, TCP, proxy, TLS, upgrade, under one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::SinkExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wsbeat_core::dialect::Role;

#[cfg(not(feature = "proxy"))]
use super::Proxy;
use super::recording::Recording;
use super::request::{Scheme, Target, check_response, chosen_subprotocol, upgrade_error};
use super::transport::{Secured, Transport};
use super::{Client, ConnectError, Connection, Limits, Stage};
use crate::clock::Clock;
use crate::heartbeat::{Builder, DialectChoice, GateHandle, Metered, random_seed};

/// How long an address may keep the next one waiting (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The most addresses of a host that are tried.
const ADDRESSES_MAX: usize = 16;
/// tungstenite fills its whole read buffer with zeros before every read: a large one costs more than it saves.
const READ_BUFFER_BYTES: usize = 16 << 10;

impl Client {
    /// Connects once, and sends the subscriptions; those of a dialect in which a client has to wait for the server's welcome
    /// leave when that has come, as the connection is polled.
    ///
    /// # Errors
    /// Why it did not come to be, and at which stage.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let target = Target::parse(&self.url)?;
        let request = target.request(&self.headers, self.wanted_subprotocol())?;
        check_limits(&self.limits)?;
        self.builder().check()?;
        let after = self.limits.connect_timeout;
        let mut stage = Stage::Dns;
        let stages = self.stages(&target, request, &mut stage);
        #[cfg(feature = "spans")]
        let stages = tracing::Instrument::instrument(stages, tracing::info_span!(target: "wsbeat", "connect", url = %self.url));
        match timeout(after, stages).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::Timeout { stage, after }),
        }
    }

    fn builder(&self) -> Builder {
        Builder::new(Role::Client)
            .dialect(self.dialect.clone())
            .policy(self.config.clone())
            .answer_faults(self.faults)
            .subscriptions(self.subscriptions.clone())
    }

    fn wanted_subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref().or(match &self.dialect {
            DialectChoice::Named(dialect) => dialect.subprotocol(),
            DialectChoice::Auto | DialectChoice::None => None,
        })
    }

    async fn stages(&self, target: &Target, request: Request, stage: &mut Stage) -> Result<Connection, ConnectError> {
        let clock = self.clock.unwrap_or_default();
        let begun = clock.now().at;
        let tcp = self.reach(target, stage).await?;
        let failed = |e| tcp_error((&target.host, target.port), e);
        let peer = tcp.peer_addr().map_err(failed)?;
        // A heartbeat is small and waits for nothing.
        tcp.set_nodelay(true).map_err(failed)?;
        let metered = Metered::new(tcp);
        let meter = metered.meter();
        *stage = Stage::Tls;
        let secured = self.secure(target, metered).await?;
        *stage = Stage::Upgrade;
        let seed = self.seed.unwrap_or_else(random_seed);
        let gate = (!self.faults.is_none()).then(|| GateHandle::new(self.faults, seed, clock));
        let transport = Transport::new(secured, gate.clone());
        let (stream, response) = self.upgrade(target.scheme, request, transport, &clock).await?;
        if let Some(gate) = &gate {
            gate.watch();
        }
        let builder = self.builder().meter(meter).seed(seed).clock(clock).gate(gate);
        let heartbeat = match self.recording.as_ref().and_then(Recording::next) {
            Some(tap) => builder.build_recorded(stream, tap)?,
            None => builder.build(stream)?,
        };
        let mut connection =
            Connection { heartbeat, peer, upgraded_in: clock.now().at.since(begun).into(), subprotocol: chosen_subprotocol(&response) };
        let subscribed = connection.heartbeat.flush().await;
        subscribed.map_err(|e| ConnectError::Upgrade(format!("lost before it was subscribed: {e}")))?;
        Ok(connection)
    }

    /// A way for bytes to the target: over TCP, or through a proxy's tunnel.
    #[cfg(feature = "proxy")]
    async fn reach(&self, target: &Target, stage: &mut Stage) -> Result<TcpStream, ConnectError> {
        let Some(hop) = super::proxy::route(&self.proxy, target)? else {
            return dial((&target.host, target.port), stage).await;
        };
        let tcp = dial((&hop.host, hop.port), stage).await?;
        *stage = Stage::Proxy;
        hop.tunnel(tcp, target).await
    }

    #[cfg(not(feature = "proxy"))]
    async fn reach(&self, target: &Target, stage: &mut Stage) -> Result<TcpStream, ConnectError> {
        match &self.proxy {
            Proxy::Environment | Proxy::None => dial((&target.host, target.port), stage).await,
            Proxy::Url(proxy) => Err(ConnectError::Proxy { proxy: proxy.clone(), problem: "built without the feature proxy".to_owned() }),
        }
    }

    #[cfg(feature = "tls")]
    async fn secure(&self, target: &Target, stream: Metered<TcpStream>) -> Result<Secured, ConnectError> {
        match target.scheme {
            Scheme::Ws => Ok(Secured::Plain(stream)),
            Scheme::Wss => {
                let tls = super::tls::handshake(&self.trust, &target.host, stream).await?;
                Ok(Secured::Tls(Box::new(tls)))
            }
        }
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_async, reason = "the same signature as with TLS")]
    async fn secure(&self, target: &Target, stream: Metered<TcpStream>) -> Result<Secured, ConnectError> {
        match target.scheme {
            Scheme::Ws => Ok(Secured::Plain(stream)),
            Scheme::Wss => Err(ConnectError::Tls("built without the feature tls".to_owned())),
        }
    }

    async fn upgrade(
        &self,
        scheme: Scheme,
        request: Request,
        transport: Transport,
        clock: &Clock,
    ) -> Result<(WebSocketStream<Transport>, Response), ConnectError> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(self.limits.message_bytes_max))
            .max_frame_size(Some(self.limits.message_bytes_max));
        let upgraded = client_async_with_config(request, transport, Some(config)).await;
        let (stream, response) = upgraded.map_err(|e| upgrade_error(e, scheme, clock.now().wall_ms / 1000))?;
        check_response(&response)?;
        Ok((stream, response))
    }
}

fn check_limits(limits: &Limits) -> Result<(), ConnectError> {
    let refuse = |field, value, limit| Err(ConnectError::Limit { field, value, limit });
    if !(125..=Limits::MESSAGE_BYTES_CEILING).contains(&limits.message_bytes_max) {
        return refuse("message_bytes_max", limits.message_bytes_max.to_string(), "125 bytes to 1 GiB");
    }
    if limits.connect_timeout.is_zero() {
        return refuse("connect_timeout", "0s".to_owned(), "more than zero");
    }
    Ok(())
}

/// A name or an address, and a port.
type Endpoint<'a> = (&'a str, u16);

async fn dial(to: Endpoint<'_>, stage: &mut Stage) -> Result<TcpStream, ConnectError> {
    let addresses = resolve(to).await?;
    *stage = Stage::Tcp;
    connect_tcp(to, addresses).await
}

async fn resolve((host, port): Endpoint<'_>) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |source| ConnectError::Dns { host: host.to_owned(), source };
    let found = tokio::net::lookup_host((host, port)).await.map_err(failed)?;
    let addresses = in_turn(found);
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "no address")));
    }
    Ok(addresses)
}

/// The addresses to try, those of both families in turn and the resolver's first one first (RFC 8305 §4): a network
/// without a way for one family costs one attempt's delay, however many addresses it has.
fn in_turn(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut found = found.peekable();
    let first_is_v6 = found.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found.partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let both = std::iter::from_fn(|| match (first.next(), second.next()) {
        (None, None) => None,
        (a, b) => Some([a, b]),
    });
    both.flatten().flatten().take(ADDRESSES_MAX).collect()
}

/// Tries the addresses in turn; one that keeps silent does not hold up the next (RFC 8305 §5).
async fn connect_tcp(to: Endpoint<'_>, addresses: Vec<SocketAddr>) -> Result<TcpStream, ConnectError> {
    let mut attempts = JoinSet::new();
    let mut last_error = io::Error::from(io::ErrorKind::NotConnected);
    for address in addresses {
        attempts.spawn(TcpStream::connect(address));
        match timeout(ATTEMPT_DELAY, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => last_error = error,
            Ok(Some(Err(_)) | None) | Err(_) => {}
        }
    }
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last_error = error,
            Err(_) => {}
        }
    }
    Err(tcp_error(to, last_error))
}

fn tcp_error((host, port): Endpoint<'_>, source: io::Error) -> ConnectError {
    ConnectError::Tcp { host: host.to_owned(), port, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_are_tried_in_turn() {
        let parse = |all: &[&str]| all.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let found = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"]);
        assert_eq!(in_turn(found.into_iter()), parse(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"]));
        let many = (0..40).map(|n| SocketAddr::from(([10, 0, 0, n], 1))).chain(parse(&["[::1]:1"]));
        let tried = in_turn(many);
        assert_eq!(tried.len(), ADDRESSES_MAX);
        assert!(tried[1].is_ipv6());
    }
}
