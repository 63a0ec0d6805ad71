//! From a request's head to an open connection, or to a refusal.

use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Token};
use wsbeat_core::dialect::Role;
use wsbeat_core::event::{ConnId, Input};

use super::driver::Driver;
use super::frame;
use super::handler::{Handler, Request};
use super::handshake::{self, Answer, Terms};
use super::linger::Known;
use super::output::Kind;
use super::response;
use super::shared::Live;
use super::slot::{Slot, Stage};
use super::stats::Refusal;
use super::tls::{ALERT, TlsConfig};

impl<H: Handler> Driver<H> {
    /// A connection came: it has its place, or hears why not.
    pub(super) fn accepted(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.world.shared.stats.accepted.add(1);
        match self.world.workers.enter(peer.ip()) {
            Ok(()) => {}
            Err(reason @ Refusal::PerIp) => return self.turn_away(stream, reason, "too many connections from this address"),
            Err(reason) => return self.turn_away(stream, reason, "too many connections"),
        }
        let tls = self.tls.as_ref().and_then(TlsConfig::accept);
        let Ok(id) = self.world.accept() else {
            self.world.workers.leave(peer.ip());
            return self.turn_away(stream, Refusal::Connections, "too many connections");
        };
        let address = self.world.addresses.enter(peer.ip());
        let mut slot = Slot::new(stream, tls, id, address, peer.port());
        // Edge-triggered, and asked for once: interest in writing costs nothing until a write has found no room.
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.registry.register(&mut slot.stream, Token(id.index as usize), interest);
        self.world.insert(id, slot);
        if registered.is_err() {
            self.world.input(id, Input::Lost);
            self.settle(None);
        }
    }

    fn turn_away(&mut self, stream: TcpStream, reason: Refusal, words: &str) {
        self.world.shared.stats.refuse(reason);
        let answer = response::refusal(reason, words, self.retry_after_s());
        // A TLS handshake for the sake of a refusal would cost what is refused.
        let answer = if self.tls.is_some() { &ALERT[..] } else { answer.as_bytes() };
        let now = self.world.now.at;
        self.linger.answer(stream, None, &self.registry, answer, now, Known::No);
    }

    /// Spread, so that those who were turned away together do not come back together.
    fn retry_after_s(&mut self) -> u64 {
        5 + self.rng.below(26)
    }

    /// More of a request's head came.
    pub(super) fn head(&mut self, id: ConnId, bytes: &[u8]) {
        let Some(slot) = self.world.slot(id) else { return };
        let mut whole = slot.busy.as_mut().map_or_else(Vec::new, |b| std::mem::take(&mut b.head));
        let seen = whole.len();
        let head = if whole.is_empty() {
            bytes
        } else {
            whole.extend_from_slice(bytes);
            &whole
        };
        let (limits, origins) = (self.world.limits, std::sync::Arc::clone(&self.origins));
        let dialect = self.world.dialect.clone();
        let terms = Terms { limits: &limits, origins: &origins, subprotocol: dialect.as_ref().and_then(|d| d.subprotocol()) };
        match handshake::answer(head, seen, &terms) {
            Answer::Wait => {
                if whole.is_empty() {
                    whole = bytes.to_vec();
                }
                if let Some(slot) = self.world.slot(id) {
                    slot.busy().head = whole;
                }
            }
            Answer::Upgrade { request, accept } => self.upgrade(id, &request, &accept),
            Answer::Page => {
                self.world.shared.stats.pages.add(1);
                let page = response::page(&self.page);
                self.dismiss(id, page.as_bytes());
            }
            Answer::Refuse(reason, words) => self.refuse(id, reason, words),
        }
    }

    /// Answers a connection in its handshake with a refusal.
    pub(super) fn refuse(&mut self, id: ConnId, reason: Refusal, words: &str) {
        self.world.shared.stats.refuse(reason);
        let answer = response::refusal(reason, words, self.retry_after_s());
        self.dismiss(id, answer.as_bytes());
    }

    /// Answers a connection in its handshake for good.
    fn dismiss(&mut self, id: ConnId, answer: &[u8]) {
        let Some((slot, _)) = self.world.remove(id) else { return };
        self.world.input(id, Input::Lost);
        let now = self.world.now.at;
        let tls = slot.busy.and_then(|busy| busy.tls);
        self.linger.answer(slot.stream, tls, &self.registry, answer, now, Known::Yes);
    }

    fn upgrade(&mut self, id: ConnId, request: &Request<'_>, accept: &str) {
        self.world.cork(id);
        let mut answer = Vec::new();
        response::upgrade(accept, request.subprotocol, &mut answer);
        self.world.emit(id, &answer, Kind::Data);
        let Some(slot) = self.world.slot(id) else { return };
        slot.stage = Stage::Open;
        slot.opened = true;
        slot.settle();
        let stats = &self.world.shared.stats;
        stats.opened.add(1);
        stats.open.add(1);
        self.world.shared.set_live(id, Live::Yes);
        self.world.input(id, Input::Opened);
        self.hello(id);
        self.settle(None);
        self.call(id, "open", |handler, ctx| handler.open(ctx, request));
        self.settle(None);
        self.world.uncork();
        self.settle(None);
    }

    fn hello(&mut self, id: ConnId) {
        let Some(hello) = self.world.dialect.as_ref().and_then(|d| d.hello(Role::Server)) else {
            return;
        };
        let hello = frame::message(hello);
        self.world.emit(id, &hello, Kind::Data);
    }
}
