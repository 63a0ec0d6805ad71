//! The library's client for Autobahn's suite: `conformance_client URL AGENT` runs every case of the fuzzing server at URL.
//! Called by `tests/conformance/run.py`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use wsbeat_tokio::client::{Client, Connection, Limits};
use wsbeat_tokio::heartbeat::DialectChoice;

/// Room for the longest message of the suite.
const LIMITS: Limits = Limits { message_bytes_max: 64 << 20, connect_timeout: Duration::from_secs(10) };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(agent)) = (args.next(), args.next()) else {
        return Err("usage: conformance_client URL AGENT".into());
    };
    let count: u32 = match connect(&format!("{url}/getCaseCount")).await?.next().await {
        Some(Ok(Message::Text(count))) => count.parse()?,
        other => return Err(format!("no count of cases: {other:?}").into()),
    };
    for case in 1..=count {
        echo(connect(&format!("{url}/runCase?case={case}&agent={agent}")).await?).await;
    }
    let mut last = connect(&format!("{url}/updateReports?agent={agent}")).await?;
    while last.next().await.is_some() {}
    Ok(())
}

async fn connect(url: &str) -> Result<Connection, wsbeat_tokio::client::ConnectError> {
    Client::new(url).dialect(DialectChoice::None).limits(LIMITS).connect().await
}

/// Sends back what comes, to the end of the connection, whatever it is: the suite judges it.
async fn echo(mut connection: Connection) {
    while let Some(Ok(message)) = connection.next().await {
        let is_data = message.is_text() || message.is_binary();
        if is_data && connection.send(message).await.is_err() {
            break;
        }
    }
}
