//! The way to an open connection: DNS, TCP, TLS, upgrade, under one deadline.

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
    /// Connects once, and sends the subscriptions.
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
        match timeout(after, self.stages(&target, request, &mut stage)).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::Timeout { stage, after }),
        }
    }

    fn builder(&self) -> Builder {
        Builder::new(Role::Client).dialect(self.dialect.clone()).policy(self.config.clone()).answer_faults(self.faults)
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
        let addresses = resolve(target).await?;
        *stage = Stage::Tcp;
        let tcp = connect_tcp(target, addresses).await?;
        let peer = tcp.peer_addr().map_err(|e| tcp_error(target, e))?;
        // A heartbeat is small and waits for nothing.
        tcp.set_nodelay(true).map_err(|e| tcp_error(target, e))?;
        let metered = Metered::new(tcp);
        let meter = metered.meter();
        *stage = Stage::Tls;
        let secured = self.secure(target, metered).await?;
        *stage = Stage::Upgrade;
        let seed = self.seed.unwrap_or_else(random_seed);
        let gate = (!self.faults.is_none()).then(|| GateHandle::new(self.faults, seed, clock));
        let transport = Transport::new(secured, gate.clone());
        let (stream, response) = self.upgrade(request, transport, &clock).await?;
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
        self.subscribe_over(&mut connection).await?;
        Ok(connection)
    }

    async fn subscribe_over(&self, connection: &mut Connection) -> Result<(), ConnectError> {
        for message in &self.subscriptions {
            let sent = connection.heartbeat.send(message.clone()).await;
            sent.map_err(|e| ConnectError::Upgrade(format!("lost before it was subscribed: {e}")))?;
        }
        Ok(())
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
        request: Request,
        transport: Transport,
        clock: &Clock,
    ) -> Result<(WebSocketStream<Transport>, Response), ConnectError> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(self.limits.message_bytes_max))
            .max_frame_size(Some(self.limits.message_bytes_max));
        let upgraded = client_async_with_config(request, transport, Some(config)).await;
        let (stream, response) = upgraded.map_err(|e| upgrade_error(e, clock.now().wall_ms / 1000))?;
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
        return refuse("connect_timeout", format!("{:?}", limits.connect_timeout), "more than zero");
    }
    Ok(())
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    let failed = |source| ConnectError::Dns { host: target.host.clone(), source };
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await.map_err(failed)?;
    let addresses: Vec<_> = found.take(ADDRESSES_MAX).collect();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "no address")));
    }
    Ok(addresses)
}

/// Tries the addresses in turn; one that keeps silent does not hold up the next (RFC 8305).
async fn connect_tcp(target: &Target, addresses: Vec<SocketAddr>) -> Result<TcpStream, ConnectError> {
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
    Err(tcp_error(target, last_error))
}

fn tcp_error(target: &Target, source: io::Error) -> ConnectError {
    ConnectError::Tcp { host: target.host.clone(), port: target.port, source }
}
