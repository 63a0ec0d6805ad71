//! A route of an axum application whose WebSockets are kept honest: `cargo run -p wsbeat-tokio --features axum --example axum_route`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::get;
use futures_util::SinkExt;
use wsbeat_core::dialect::{Dialect, Role};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::heartbeat::{AxumSocket, Builder, DialectChoice, Event};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/", get(|| async { "the WebSocket is at /ws" })).route(
        "/ws",
        get(|upgrade: WebSocketUpgrade| async { upgrade.max_message_size(1 << 20).max_frame_size(1 << 20).on_upgrade(echo) }),
    );
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8888".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on ws://{}/ws", listener.local_addr()?);
    axum::serve(listener, app).await
}

/// Echoes, under heartbeats as HTX has them: a gzip'd `{"ping":…}` every 500 ms, closed after two unanswered ones.
async fn echo(socket: WebSocket) {
    let config = PolicyConfig { interval: Some(Duration::from_millis(500)), ..PolicyConfig::default() };
    let dialect = Dialect::preset("htx-spot-v1").cloned().map_or(DialectChoice::None, DialectChoice::Named);
    let made = Builder::new(Role::Server).dialect(dialect).policy(config).build(AxumSocket::new(socket));
    let mut connection = match made {
        Ok(connection) => connection,
        Err(error) => return println!("{error}"),
    };
    while let Some(event) = connection.next_event().await {
        match event {
            Event::Message(message) => {
                if let Err(error) = connection.send(message).await {
                    println!("not echoed: {error}");
                }
            }
            Event::Answered { rtt, .. } => println!("answered in {rtt:?}"),
            Event::Verdict(verdict) => println!("closed: {verdict}"),
            _ => {}
        }
    }
    if let Some(ending) = connection.ending() {
        println!("ended: {ending}");
    }
}
