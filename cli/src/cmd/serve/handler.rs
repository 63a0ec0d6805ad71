//! What the server does with messages, and what it tells of its connections.

use std::sync::Arc;

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{Note, Plane, Token, Verdict};
use wsbeat_core::time::Span;
use wsbeat_tokio::admin::Verdicts;
use wsbeat_tokio::server::{Context, End, Handler, Request, Wants};

use super::limit::{Class, Limit};
use super::lines::{self, Line};
use super::live::Live;
use crate::config::OnMessage;
use crate::logging::{Level, Logger};

/// The handler of `serve`.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    live: Arc<Live>,
    /// The name of its listener, where there are several.
    listener: Option<Arc<str>>,
    limit: Arc<Limit>,
    log: Logger,
    /// Where the admin address hears of verdicts, and under which name.
    verdicts: Option<(Verdicts, Arc<str>)>,
}

impl Serving {
    pub(super) fn new(live: Arc<Live>, listener: Option<Arc<str>>, limit: Arc<Limit>, log: Logger) -> Self {
        Serving { live, listener, limit, log, verdicts: None }
    }

    /// As it is, telling `verdicts` of each verdict under the name of its listener.
    pub(super) fn telling(self, verdicts: Verdicts, listener: &str) -> Self {
        Serving { verdicts: Some((verdicts, listener.into())), ..self }
    }

    /// Logs a line of this kind, unless there were too many.
    fn log(&self, level: Level, kind: &'static str, line: impl FnOnce() -> Line) {
        let class = if level <= Level::Warn { Class::Verdict } else { Class::Other };
        if !self.log.enabled(level) || !self.limit.admits(class, kind) {
            return;
        }
        let Line { mut text, mut facts } = line();
        if let Some(name) = self.listener.as_deref() {
            text.push_str(&format!(", listener {name}"));
            facts = facts.with("listener", name);
        }
        self.log.log(level, &text, || facts);
    }
}

impl Handler for Serving {
    fn wants(&self) -> Wants {
        Wants { rtt: self.log.enabled(Level::Debug), ..Wants::NONE }
    }

    fn open(&mut self, ctx: &mut Context<'_>, request: &Request<'_>) {
        self.log(Level::Info, "open", || lines::open(ctx.id(), ctx.peer(), request));
    }

    fn message(&mut self, ctx: &mut Context<'_>, message: Message<'_>) {
        match self.live.on_message() {
            // A peer that does not read gets no more than it may have waiting; the server counts what it refused.
            OnMessage::Echo => drop(ctx.send(message)),
            OnMessage::Broadcast => drop(ctx.broadcast(message)),
            OnMessage::Ignore => {}
        }
    }

    fn verdict(&mut self, ctx: &mut Context<'_>, verdict: &Verdict, queued_bytes: usize) {
        let (level, profile) = (lines::level(verdict.kind), self.live.profile());
        if level == Level::Warn {
            self.live.give_up();
        }
        let line = || {
            let mut line = lines::verdict(ctx.id(), ctx.peer(), verdict, queued_bytes, profile);
            if let Some(wrong) = lines::wrong(verdict, self.live.message_bytes_max()) {
                line.text.push_str(", ");
                line.text.push_str(&wrong);
            }
            line
        };
        self.log(level, verdict.kind.name(), line);
        if let Some((verdicts, listener)) = self.verdicts.as_ref().filter(|_| lines::is_news(verdict.kind)) {
            verdicts.push(listener, ctx.id(), ctx.peer(), verdict.kind, lines::code(verdict, profile), || line().text);
        }
    }

    fn close(&mut self, ctx: &mut Context<'_>, end: &End) {
        self.log(Level::Info, "over", || lines::end(ctx.id(), ctx.peer(), end));
    }

    fn rtt(&mut self, ctx: &mut Context<'_>, plane: Plane, token: Token, rtt: Span) {
        self.log(Level::Debug, "answered", || lines::answered(ctx.id(), ctx.peer(), plane, token, rtt));
    }

    fn note(&mut self, ctx: &mut Context<'_>, note: &Note) {
        self.log(Level::Info, "note", || lines::note(ctx.id(), ctx.peer(), note));
    }
}
