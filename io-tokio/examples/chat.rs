//! A chat: what one says, all hear. The server keeps the heartbeats of its guests, gzip'd `{"ping":…}` as HTX has them, and shows
//! out who no longer answers: `cargo run -p wsbeat-tokio --example chat`, then `wsbeat connect ws://127.0.0.1:8888` twice.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

#[cfg(unix)]
mod room {
    use std::time::Duration;

    use wsbeat_core::dialect::{Dialect, Message};
    use wsbeat_core::event::Verdict;
    use wsbeat_core::policy::PolicyConfig;
    use wsbeat_tokio::server::{Context, End, Handler, Request, Server, ServerConfig};

    struct Chat;

    impl Handler for Chat {
        fn open(&mut self, ctx: &mut Context<'_>, _request: &Request<'_>) {
            let (name, count) = (ctx.id().number(), ctx.count());
            ctx.broadcast(Message::Text(&format!("guest {name} comes: {count} here")));
        }

        fn message(&mut self, ctx: &mut Context<'_>, message: Message<'_>) {
            if let Message::Text(words) = message {
                let name = ctx.id().number();
                ctx.broadcast(Message::Text(&format!("guest {name}: {words}")));
            }
        }

        fn verdict(&mut self, ctx: &mut Context<'_>, verdict: &Verdict, _queued_bytes: usize) {
            println!("guest {}: {verdict}", ctx.id().number());
        }

        fn close(&mut self, ctx: &mut Context<'_>, _end: &End) {
            let name = ctx.id().number();
            ctx.broadcast(Message::Text(&format!("guest {name} is gone")));
        }
    }

    pub(crate) async fn serve(address: &str) -> Result<(), Box<dyn std::error::Error>> {
        let config = ServerConfig {
            listen: vec![address.parse()?],
            dialect: Dialect::preset("htx-spot-v1").cloned(),
            policy: PolicyConfig { interval: Some(Duration::from_millis(500)), ..PolicyConfig::default() },
            ..ServerConfig::default()
        };
        let server = Server::bind(config, Chat).await?;
        println!("listening on ws://{}/", server.local_addrs()[0]);
        server.run().await;
        Ok(())
    }
}

#[cfg(unix)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    room::serve(&std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8888".to_owned())).await
}

#[cfg(not(unix))]
fn main() {
    println!("the server watches its sockets by descriptor: Unix only");
}
