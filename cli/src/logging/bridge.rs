//! The library's own logs (crate `tracing`), in the form of ours.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::{Level, Logger};
use crate::escape::one_line;
use crate::json::Object;

impl Logger {
    /// Takes the logs of the libraries from now on. A second logger changes nothing.
    pub(crate) fn take_library_logs(&self) {
        let subscriber = tracing_subscriber::registry().with(Bridge(self.clone()));
        // Somebody else's subscriber was there before: theirs it is.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

struct Bridge(Logger);

impl<S: Subscriber> Layer<S> for Bridge {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        // Of what it would say in more detail we say more ourselves.
        let is_ours = metadata.target().starts_with("wsbeat") && *metadata.level() <= tracing::Level::INFO;
        is_ours && self.0.enabled(level(*metadata.level()))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut facts = Facts::default();
        event.record(&mut facts);
        let line = facts.message + &facts.text;
        self.0.log(level(*event.metadata().level()), &line, || facts.fields);
    }
}

const fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG | tracing::Level::TRACE => Level::Debug,
    }
}

#[derive(Default)]
struct Facts {
    message: String,
    text: String,
    fields: Object,
}

impl Facts {
    fn put(&mut self, field: &Field, shown: &str, value: impl serde::Serialize) {
        if field.name() == "message" {
            self.message = one_line(shown);
            return;
        }
        self.text.push_str(&format!(" {}={}", field.name(), one_line(shown)));
        self.fields = std::mem::take(&mut self.fields).with(field.name(), value);
    }
}

impl Visit for Facts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let shown = format!("{value:?}");
        self.put(field, &shown, &shown);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value.to_string(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value.to_string(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &value.to_string(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &value.to_string(), value);
    }
}
