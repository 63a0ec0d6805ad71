//! tokio-tungstenite, a task for each connection: as its examples do it, and with what can be tuned.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Bytes, Message};

use super::{Job, gzip_heartbeat};

/// How it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Default buffers, a timer for each connection, a compression for each heartbeat.
    Naive,
    /// Small buffers, and one timer and one heartbeat for all that share a phase.
    Tuned,
}

/// How many phases the connections of a tuned server share.
const PHASES: usize = 256;

#[derive(Clone)]
struct Hall {
    job: Job,
    interval: Duration,
    to_all: broadcast::Sender<Message>,
}

/// Serves until it is killed.
pub(super) fn serve(job: Job, interval: Duration, way: Way) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(job, interval, way))
}

async fn accept(job: Job, interval: Duration, way: Way) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    let hall = Hall { job, interval, to_all: broadcast::channel(64).0 };
    let phases = if way == Way::Tuned { phases(&hall) } else { Vec::new() };
    for number in 0.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let hall = hall.clone();
        match way {
            Way::Naive => drop(tokio::spawn(naive(stream, hall))),
            Way::Tuned => drop(tokio::spawn(tuned(stream, hall, phases[number % PHASES].clone()))),
        }
    }
    Ok(())
}

/// A heartbeat for each phase, sent to all that share it.
fn phases(hall: &Hall) -> Vec<watch::Receiver<Option<Message>>> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..PHASES).map(|_| watch::channel(None)).unzip();
    let job = hall.job;
    let mut ticks = interval_at(Instant::now() + hall.interval, hall.interval / PHASES as u32);
    tokio::spawn(async move {
        for sender in senders.iter().cycle() {
            ticks.tick().await;
            let _ = sender.send(Some(heartbeat(job)));
        }
    });
    receivers
}

fn heartbeat(job: Job) -> Message {
    if job == Job::Gzip { Message::Binary(gzip_heartbeat().into()) } else { Message::Ping(Bytes::new()) }
}

async fn naive(stream: TcpStream, hall: Hall) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let mut ticks = interval_at(Instant::now() + hall.interval, hall.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut missed, mut news) = (0, hall.to_all.subscribe());
    loop {
        tokio::select! {
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                if heard(&mut socket, message, &hall, &mut missed).await.is_none() { return }
            }
            _ = ticks.tick() => {
                missed += 1;
                if missed > 2 || socket.send(heartbeat(hall.job)).await.is_err() { return }
            }
            Ok(message) = news.recv() => if socket.send(message).await.is_err() { return },
        }
    }
}

async fn tuned(stream: TcpStream, hall: Hall, mut phase: watch::Receiver<Option<Message>>) {
    let config = WebSocketConfig::default().read_buffer_size(64).write_buffer_size(0);
    let Ok(mut socket) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await else { return };
    phase.mark_unchanged();
    let (mut missed, mut news) = (0, (hall.job == Job::Broadcast).then(|| hall.to_all.subscribe()));
    loop {
        let heard_news = async {
            match &mut news {
                Some(news) => news.recv().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                if heard(&mut socket, message, &hall, &mut missed).await.is_none() { return }
            }
            Ok(()) = phase.changed() => {
                missed += 1;
                let beat = phase.borrow_and_update().clone();
                let Some(beat) = beat else { continue };
                if missed > 2 || socket.send(beat).await.is_err() { return }
            }
            Some(message) = heard_news => if socket.send(message).await.is_err() { return },
        }
    }
}

async fn heard(socket: &mut WebSocketStream<TcpStream>, message: Message, hall: &Hall, missed: &mut u32) -> Option<()> {
    match message {
        Message::Pong(_) => *missed = 0,
        Message::Text(text) if text.starts_with("{\"pong\"") => *missed = 0,
        Message::Text(_) | Message::Binary(_) if hall.job == Job::Broadcast => drop(hall.to_all.send(message)),
        Message::Text(_) | Message::Binary(_) => socket.send(message).await.ok()?,
        Message::Close(_) => return None,
        _ => {}
    }
    Some(())
}
