//! The tests' exchange as a program: `cargo run -p wsbeat-tests --example exchange -- 127.0.0.1:8899`, then connect to
//! `ws://127.0.0.1:8899/htx-spot-v1?period_ms=1000&fault=mute&after=5`. It prints what it sees of each connection.

use std::env;

use wsbeat_tests::exchange::{Exchange, ROWS, Voice};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mut exchange = Exchange::start(address, Voice::Printed).await?;
    println!("listening on ws://{}", exchange.address);
    for row in ROWS {
        println!("  {}", exchange.url(row.id));
    }
    exchange.run().await;
    Ok(())
}
