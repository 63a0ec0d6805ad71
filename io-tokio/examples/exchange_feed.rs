//! A feed of an exchange that is connected again whenever it is lost: recognises the exchange's heartbeats, answers them, and
//! subscribes anew each time: `cargo run -p wsbeat-tokio --example exchange_feed -- wss://api.example.org/ws '{"sub":"market.btcusdt.trade"}'`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tokio::client::{Backoff, Client, ClientEvent};
use wsbeat_tokio::heartbeat::Event;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let url = words.next().ok_or("exchange_feed URL [SUBSCRIPTION]...")?;
    // No data and no heartbeat for this long: the feed is stale, whatever TCP says.
    let policy = PolicyConfig { feed_timeout: Some(Duration::from_secs(30)), ..PolicyConfig::default() };
    let client = words.fold(Client::new(url).policy(policy), |client, words| client.subscribe(Message::text(words)));
    let backoff = Backoff { base: Duration::from_millis(100), attempts_max: Some(10), ..Backoff::default() };
    let mut feed = client.reconnecting(backoff);
    while let Some(event) = feed.next_event().await {
        match event {
            ClientEvent::Connected { peer, .. } => println!("connected {peer}"),
            ClientEvent::Event(Event::Message(message)) => println!("{message}"),
            ClientEvent::Event(Event::Asked { token, .. }) => println!("heartbeat {} answered", token.0),
            ClientEvent::Event(Event::Dialect(id)) => println!("dialect {id}"),
            ClientEvent::Event(_) => {}
            ClientEvent::Closed(ending) => println!("{ending}"),
            ClientEvent::ConnectFailed(error) => println!("{error}"),
            ClientEvent::ReconnectingIn { delay, .. } => println!("again in {delay:?}"),
            ClientEvent::GaveUp(why) => println!("gave up: {why:?}"),
        }
    }
    Ok(())
}
