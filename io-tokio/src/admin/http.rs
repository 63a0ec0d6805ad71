//! Connections to the admin address: as many as may be, none of them for ever.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use super::config::AdminLimits;
use super::guard::Denied;
use super::routes;
use super::state::State;

/// The connections that may wait in the kernel.
const BACKLOG: i32 = 64;
/// How long accepting rests when there is no descriptor for another connection.
const EXHAUSTED_REST: Duration = Duration::from_millis(100);

/// Listens; an IPv6 address takes IPv6 only.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves for ever; all connections end with it.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let connections_max = state.limits.connections_max as usize;
    // Those beyond the limit are told so, as long as they are no more than that again.
    let (served, told) = (Arc::new(Semaphore::new(connections_max)), Arc::new(Semaphore::new(connections_max)));
    let mut connections = JoinSet::new();
    let router = routes::router(Arc::clone(&state));
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(EXHAUSTED_REST).await;
            continue;
        };
        if let Ok(place) = Arc::clone(&served).try_acquire_owned() {
            let (service, limits) = (TowerToHyperService::new(router.clone()), state.limits);
            connections.spawn(async move {
                let _place = place;
                connection(stream, limits, service).await;
            });
            continue;
        }
        let (problem, limits) = (state.denied(Denied::Connections), state.limits);
        if let Ok(place) = Arc::clone(&told).try_acquire_owned() {
            connections.spawn(async move {
                let _place = place;
                connection(stream, limits, service_fn(move |_| std::future::ready(Ok::<_, Infallible>(problem.last_answer())))).await;
            });
        }
    }
}

async fn connection<S>(stream: TcpStream, limits: AdminLimits, service: S)
where
    S: hyper::service::Service<hyper::Request<Incoming>, Response = axum::response::Response, Error = Infallible>,
{
    let mut stream = TimeoutStream::new(stream);
    // Reading is bounded by hyper, which knows what it waits for; an event stream reads nothing for hours.
    stream.set_write_timeout(Some(limits.timeout));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.timeout).max_buf_size(limits.head_bytes_max as usize);
    // How it ended is the client's business: there is nobody else to tell.
    let _ = builder.serve_connection(TokioIo::new(Box::pin(stream)), service).await;
}
