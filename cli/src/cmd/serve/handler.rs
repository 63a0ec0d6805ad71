//! What the server does with messages, and what it tells of its connections.

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{Note, Plane, Token, Verdict};
use wsbeat_core::policy::Profile;
use wsbeat_core::time::Span;
use wsbeat_tokio::admin::Verdicts;
use wsbeat_tokio::server::{Context, End, Handler, Request};

use super::lines;
use crate::config::{OnMessage, ServeConfig};
use crate::logging::{Level, Logger};

/// The handler of `serve`.
#[derive(Debug)]
pub(super) struct Serving {
    on_message: OnMessage,
    profile: Option<Profile>,
    log: Logger,
    /// The name of the listener.
    listener: Box<str>,
    /// Where the admin address hears of verdicts.
    verdicts: Option<Verdicts>,
}

impl Serving {
    pub(super) fn new(listener: &str, config: &ServeConfig, log: Logger, verdicts: Option<Verdicts>) -> Self {
        let profile = config.policy.transport.as_ref().map(|transport| transport.profile);
        Serving { on_message: config.on_message, profile, log, listener: listener.into(), verdicts }
    }
}

impl Handler for Serving {
    fn open(&mut self, ctx: &mut Context<'_>, request: &Request<'_>) {
        if self.log.enabled(Level::Info) {
            let line = lines::open(ctx.id(), ctx.peer(), request);
            self.log.log(Level::Info, &line.text, || line.facts);
        }
    }

    fn message(&mut self, ctx: &mut Context<'_>, message: Message<'_>) {
        match self.on_message {
            // A peer that does not read gets no more than it may have waiting; the server counts what it refused.
            OnMessage::Echo => drop(ctx.send(message)),
            OnMessage::Broadcast => drop(ctx.broadcast(message)),
            OnMessage::Ignore => {}
        }
    }

    fn verdict(&mut self, ctx: &mut Context<'_>, verdict: &Verdict, queued_bytes: usize) {
        let level = lines::level(verdict.kind);
        let verdicts = self.verdicts.as_ref().filter(|_| lines::is_news(verdict.kind));
        if !self.log.enabled(level) && verdicts.is_none() {
            return;
        }
        let line = lines::verdict(ctx.id(), ctx.peer(), verdict, queued_bytes, self.profile);
        if let Some(verdicts) = verdicts {
            let code = lines::code(verdict, self.profile);
            verdicts.push(&self.listener, ctx.id(), ctx.peer(), verdict.kind, code, &line.text);
        }
        self.log.log(level, &line.text, || line.facts);
    }

    fn close(&mut self, ctx: &mut Context<'_>, end: &End) {
        if self.log.enabled(Level::Info) {
            let line = lines::end(ctx.id(), ctx.peer(), end);
            self.log.log(Level::Info, &line.text, || line.facts);
        }
    }

    fn rtt(&mut self, ctx: &mut Context<'_>, plane: Plane, token: Token, rtt: Span) {
        if self.log.enabled(Level::Debug) {
            let line = lines::answered(ctx.id(), ctx.peer(), plane, token, rtt);
            self.log.log(Level::Debug, &line.text, || line.facts);
        }
    }

    fn note(&mut self, ctx: &mut Context<'_>, note: &Note) {
        if self.log.enabled(Level::Info) {
            let line = lines::note(ctx.id(), ctx.peer(), note);
            self.log.log(Level::Info, &line.text, || line.facts);
        }
    }
}
