//! Feature `spans`: what is logged while something is done for a connection says for which.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message as Frame;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use wsbeat_core::dialect::Message;
use wsbeat_tokio::client::Client;
use wsbeat_tokio::server::{Context, Handler, Server, ServerConfig};

/// A span's name, and those of its fields.
type Named = (&'static str, Vec<&'static str>);

/// Every span that began; and inside which one what the handler logged was.
#[derive(Clone, Default)]
struct Seen {
    spans: Arc<Mutex<BTreeSet<Named>>>,
    said_in: Arc<Mutex<Vec<&'static str>>>,
}

struct Names(Vec<&'static str>);

impl Visit for Names {
    fn record_debug(&mut self, field: &Field, _value: &dyn std::fmt::Debug) {
        self.0.push(field.name());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, _id: &Id, _ctx: LayerContext<'_, S>) {
        if attributes.metadata().target() == "wsbeat" {
            let mut names = Names(vec![]);
            attributes.record(&mut names);
            self.spans.lock().unwrap().insert((attributes.metadata().name(), names.0));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: LayerContext<'_, S>) {
        if event.metadata().target() == "handler" {
            self.said_in.lock().unwrap().extend(ctx.event_span(event).map(|span| span.name()));
        }
    }
}

struct Echo;

impl Handler for Echo {
    fn message(&mut self, ctx: &mut Context<'_>, message: Message<'_>) {
        tracing::info!(target: "handler", "a message");
        let _ = ctx.send(message);
    }
}

#[tokio::test]
async fn what_is_done_for_a_connection_happens_in_its_span() {
    let seen = Seen::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(seen.clone())).unwrap();
    let config = ServerConfig { listen: vec!["127.0.0.1:0".parse().unwrap()], ..ServerConfig::default() };
    let server = Server::bind(config, Echo).await.unwrap();
    let (url, handle) = (format!("ws://{}", server.local_addrs()[0]), server.handle());
    let running = tokio::spawn(server.run());
    let mut client = Client::new(url).connect().await.unwrap();
    client.send(Frame::text("hello")).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Frame::text("hello"));
    handle.shutdown();
    running.await.unwrap();
    assert_eq!(*seen.said_in.lock().unwrap(), ["callback"]);
    let spans = seen.spans.lock().unwrap();
    for wanted in [("callback", vec!["conn", "peer", "callback"]), ("connect", vec!["url"]), ("connection", vec!["role"])] {
        assert!(spans.contains(&wanted), "{wanted:?} in {spans:?}");
    }
}
