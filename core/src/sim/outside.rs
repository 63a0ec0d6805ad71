//! Everything around the hub: it carries out actions, and plans what comes of them.

use alloc::vec::Vec;

use super::clients::{Ask, Clients};
use super::fault::{Fault, FaultCounts};
use super::judge::{Judge, number};
use super::link::{Latency, Network};
use super::mutation::Mutation;
use super::plan::Plan;
use super::queue::{Queue, What};
use super::report::Report;
use super::seen::{Seen, What as Shown};
use super::wire::Wire;
use crate::event::{Action, ConnId, Input, Token, Verdict, VerdictKind};
use crate::hub::HubSink;
use crate::policy::{ListenFor, Policy};
use crate::rng::Rng;
use crate::stats::{Histogram, Stats};
use crate::time::{Instant, Now, Span};
use crate::trace::Digest;

/// How long a peer thinks at most before it answers.
pub(super) const THINK_MAX: Span = Span::from_millis(2);

/// How many freezes in a row are slept through.
const FREEZES_MAX: u32 = 4;

/// How peers speak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answers {
    /// They ask with pings.
    by_ping: bool,
    /// They ask with heartbeats.
    by_heartbeat: bool,
}

impl Answers {
    pub(super) fn of(policy: &Policy) -> Self {
        let app = policy.application;
        let listens = app.and_then(|app| app.listen).map(|listen| listen.evidence);
        Answers {
            by_ping: listens == Some(ListenFor::Pings),
            by_heartbeat: listens == Some(ListenFor::Heartbeats) || app.is_some_and(|app| app.answers_peer),
        }
    }

    pub(super) const fn peer_input(self, token: Token) -> Input {
        match self {
            Answers { by_ping: true, .. } => Input::Ping,
            Answers { by_heartbeat: true, .. } => Input::Heartbeat(token),
            _ => Input::Data,
        }
    }
}

pub(super) struct Outside<'a> {
    pub(super) now: Now,
    pub(super) plan: Plan,
    pub(super) clients: Clients,
    pub(super) queue: Queue,
    pub(super) rng: Rng,
    pub(super) faults: FaultCounts,
    pub(super) judge: Judge,
    pub(super) wire: Wire,
    pub(super) answers: Answers,
    /// What was written at once, to be told when the call is over.
    pub(super) flushed: Vec<(ConnId, Input)>,
    pub(super) inputs: u64,
    pub(super) ticks: u64,
    pub(super) network: Network,
    pub(super) calm: Network,
    mutation: Mutation,
    watch: Option<&'a mut dyn FnMut(&Seen)>,
    digest: Digest,
    actions: u64,
    opened: u64,
    false_kills: u64,
    detect_times: Histogram,
    verdicts: [u64; VerdictKind::ALL.len()],
}

impl<'a> Outside<'a> {
    #[allow(clippy::too_many_arguments, reason = "the parts of a scenario, put together in one place")]
    pub(super) fn new(
        judged_as: Policy,
        plan: Plan,
        clients: Clients,
        latency: Latency,
        wire: Wire,
        answers: Answers,
        mutation: Mutation,
        watch: Option<&'a mut dyn FnMut(&Seen)>,
    ) -> Self {
        let network = Network::new(latency, plan.faults, plan.reach.part(4));
        let calm = Network::new(latency, super::fault::Faults::NONE, Span::ZERO);
        Outside {
            now: Now::default(),
            rng: Rng::new(plan.seed ^ 0x6F75_7473),
            judge: Judge::new(judged_as, plan.calm_from),
            plan,
            clients,
            queue: Queue::default(),
            faults: FaultCounts::default(),
            wire,
            answers,
            flushed: Vec::new(),
            inputs: 0,
            ticks: 0,
            network,
            calm,
            mutation,
            watch,
            digest: Digest::default(),
            actions: 0,
            opened: 0,
            false_kills: 0,
            detect_times: Histogram::default(),
            verdicts: [0; VerdictKind::ALL.len()],
        }
    }

    pub(super) fn show(&mut self, now: Now, conn: u64, what: Shown) {
        if let Some(watch) = &mut self.watch {
            watch(&Seen { now, conn, what });
        }
    }

    pub(super) fn is_stormy(&self) -> bool {
        self.plan.is_stormy(self.now.at)
    }

    pub(super) fn strikes(&mut self, fault: Fault) -> bool {
        self.is_stormy() && self.plan.faults.strikes(fault, &mut self.rng)
    }

    /// Whether it strikes; if so it is counted.
    pub(super) fn befalls(&mut self, fault: Fault) -> bool {
        let strikes = self.strikes(fault);
        if strikes {
            self.faults.count(fault);
        }
        strikes
    }

    pub(super) fn below(&mut self, span: Span) -> Span {
        Span::from_nanos(self.rng.below(span.as_nanos()))
    }

    // Connections.

    pub(super) fn connected(&mut self, client: u32, id: ConnId) {
        self.opened += 1;
        self.clients.connected(client, id, self.now.at);
    }

    /// A client connects again, within a second, as soon as it works.
    pub(super) fn ended(&mut self, id: ConnId) {
        let Some(client) = self.clients.of(id) else {
            return;
        };
        let token = self.clients.get(client).map_or(0, |c| c.previous);
        self.clients.disconnected(client);
        let delay = self.below(Span::from_secs(1));
        self.connects_later(client, delay);
        if self.strikes(Fault::SlotReuse) {
            // Counted when it finds the slot in other hands.
            self.queue.push(self.now.at.after(delay.times(2)), client, id, What::Answer(Token(token)));
        }
    }

    pub(super) fn connects_later(&mut self, client: u32, delay: Span) {
        let nobody = ConnId { index: u32::MAX, generation: 0 };
        if let Some(at) = self.wakes(client, self.now.at.after(delay)) {
            self.queue.push(at, client, nobody, What::Connects);
        }
    }

    /// When the peer of `client` works, from `at` on.
    pub(super) fn wakes(&self, client: u32, at: Instant) -> Option<Instant> {
        let mut at = at;
        for _ in 0..FREEZES_MAX {
            match self.plan.frozen_until(client, at) {
                None => break,
                Some((_, Instant::NEVER)) => return None,
                Some((_, until)) => at = until,
            }
        }
        Some(at)
    }

    /// The peer gets our close, and answers with its own, or with the end of the stream.
    fn closed(&mut self, id: ConnId, verdict: &Verdict) {
        let Some(client) = self.clients.of(id) else {
            return;
        };
        let Some(arrives) = self.answered_at(client, self.now.at) else {
            return;
        };
        let echo = verdict.kind == VerdictKind::PeerClosed;
        let what = if echo { What::Lost } else { What::PeerClose(verdict.code.unwrap_or(0)) };
        self.queue.push(arrives, client, id, what);
    }

    /// What a verdict was worth.
    fn judged(&mut self, id: ConnId, verdict: &Verdict) {
        if let Some(n) = VerdictKind::ALL.iter().position(|kind| *kind == verdict.kind) {
            self.verdicts[n] += 1;
        }
        let Some(client) = self.clients.of(id).filter(|_| verdict.kind.is_silence()) else {
            return;
        };
        let now = self.now.at;
        let dead = self.clients.get(client).map(|c| c.dies_at).filter(|at| *at <= now);
        let away = |at| self.plan.frozen_until(client, at).or_else(|| self.plan.cut_until(client, at)).map(|(from, _)| from);
        match dead.or_else(|| away(now)).or_else(|| verdict.written.and_then(away)) {
            Some(since) => self.detect_times.record(now.since(since)),
            None => self.false_kills += 1,
        }
    }

    pub(super) fn report(self, open_at_end: u64, stats: Stats) -> Report {
        let (breaches, breaches_count) = self.judge.breaches();
        Report {
            seed: self.plan.seed,
            connections: self.clients.len(),
            length: self.plan.ends.since(Instant::ZERO),
            storm: self.plan.storm_ends.since(Instant::ZERO),
            opened: self.opened,
            open_at_end,
            inputs: self.inputs,
            actions: self.actions,
            ticks: self.ticks,
            false_kills: self.false_kills,
            detect_times: self.detect_times,
            faults: self.faults,
            stats,
            breaches,
            breaches_count,
            digest: self.digest.finish(),
            verdicts: self.verdicts,
        }
    }
}

impl HubSink for Outside<'_> {
    fn action(&mut self, id: ConnId, action: Action) {
        self.actions += 1;
        if self.mutation == Mutation::LosesCloses && matches!(action, Action::Close(_)) {
            return;
        }
        self.judge.action(id, &action);
        self.digest.action(self.now.at, number(id), &action);
        self.show(self.now, number(id), Shown::Action(action));
        match action {
            Action::Ping(payload) => self.ask(id, Ask::Ping(payload)),
            Action::Heartbeat(token) => self.ask(id, Ask::Heartbeat(token)),
            Action::Close(verdict) => {
                self.judged(id, &verdict);
                self.closed(id, &verdict);
            }
            Action::Abort(verdict) => {
                self.judged(id, &verdict);
                self.ended(id);
            }
            Action::Answer(_) | Action::Deliver | Action::UserPing | Action::Note(_) => {}
        }
    }
}
