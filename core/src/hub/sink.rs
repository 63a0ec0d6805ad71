//! Where the actions of a hub's connections go.

use crate::event::{Action, ConnId, Counter, Plane, Sink, Token};
use crate::stats::Stats;
use crate::time::Span;

/// Where the actions of a hub's connections go. Any `FnMut(ConnId, Action)` is one.
pub trait HubSink {
    /// Something has to be done for `id`.
    fn action(&mut self, id: ConnId, action: Action);
    /// An answer matched: the time from the writing of `token` to its answer.
    fn rtt(&mut self, _id: ConnId, _plane: Plane, _token: Token, _rtt: Span) {}
}

impl<F: FnMut(ConnId, Action)> HubSink for F {
    fn action(&mut self, id: ConnId, action: Action) {
        self(id, action);
    }
}

/// The sink of one connection: counts, and passes on with the id.
pub(super) struct Out<'a, S> {
    pub(super) id: ConnId,
    pub(super) stats: &'a mut Stats,
    pub(super) out: &'a mut S,
}

impl<S: HubSink> Sink for Out<'_, S> {
    fn action(&mut self, action: Action) {
        self.out.action(self.id, action);
    }

    fn count(&mut self, counter: Counter) {
        self.stats.add(counter);
    }

    fn rtt(&mut self, plane: Plane, token: Token, rtt: Span) {
        self.stats.record(plane, rtt);
        self.out.rtt(self.id, plane, token, rtt);
    }
}
