//! What a server counts, readable from any thread.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection was refused before it was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Refusal {
    /// As many connections as there may be (503).
    Connections,
    /// As many from this address as there may be (503).
    PerIp,
    /// The server is draining (503).
    Draining,
    /// A request that is none, or not the one of RFC 6455 §4.2.1 (400).
    BadRequest,
    /// A method other than GET (400).
    Method,
    /// A head over the limit (431).
    HeadTooLarge,
    /// A version of the protocol other than 13 (426).
    Version,
    /// A web page that may not connect (403).
    Origin,
    /// A plain request for a page that is not there (404).
    NotFound,
    /// The handshake took too long (dropped).
    HandshakeTimeout,
    /// No descriptor was left (dropped).
    Descriptors,
    /// The TLS handshake failed (alert).
    Tls,
}

impl Refusal {
    /// Every reason, in the order of their definition.
    pub const ALL: [Refusal; 12] = [
        Refusal::Connections,
        Refusal::PerIp,
        Refusal::Draining,
        Refusal::BadRequest,
        Refusal::Method,
        Refusal::HeadTooLarge,
        Refusal::Version,
        Refusal::Origin,
        Refusal::NotFound,
        Refusal::HandshakeTimeout,
        Refusal::Descriptors,
        Refusal::Tls,
    ];

    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Refusal::Connections => "connections",
            Refusal::PerIp => "per-ip",
            Refusal::Draining => "draining",
            Refusal::BadRequest => "bad-request",
            Refusal::Method => "method",
            Refusal::HeadTooLarge => "head-too-large",
            Refusal::Version => "version",
            Refusal::Origin => "origin",
            Refusal::NotFound => "not-found",
            Refusal::HandshakeTimeout => "handshake-timeout",
            Refusal::Descriptors => "descriptors",
            Refusal::Tls => "tls",
        }
    }
}

/// A count that one thread writes and any may read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The count now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Only one driver counts, so a load and a store suffice: no locked instruction on the way of a message.
    pub(super) fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    pub(super) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

/// The counts of a server since it began.
#[derive(Debug, Default)]
pub struct ServerStats {
    /// Connections that are open now: upgraded and not over.
    pub open: Count,
    /// Connections that were accepted from the kernel.
    pub accepted: Count,
    /// Connections that were upgraded.
    pub opened: Count,
    /// Upgraded connections that are over.
    pub ended: Count,
    /// Bytes received.
    pub bytes_in: Count,
    /// Bytes that the kernel took.
    pub bytes_out: Count,
    /// Messages received, heartbeats and answers included.
    pub messages_in: Count,
    /// Messages of the user's that were sent, broadcasts once for each peer.
    pub messages_out: Count,
    /// Messages that were not sent because too much waited for their peer already.
    pub messages_refused: Count,
    /// Commands of a handle for connections that had ended.
    pub commands_unknown: Count,
    /// Callbacks that panicked.
    pub handler_panics: Count,
    /// Callbacks that took longer than 1 ms.
    pub handler_slow: Count,
    /// Plain requests that got the page.
    pub pages: Count,
    /// Errors of accept, those of descriptors included.
    pub accept_errors: Count,
    /// Connections that were dropped because their close handshake did not end in time.
    pub close_timeouts: Count,
    refused: [Count; Refusal::ALL.len()],
}

impl ServerStats {
    /// How many connections were refused for this reason.
    #[must_use]
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize].get()
    }

    pub(super) fn refuse(&self, reason: Refusal) {
        self.refused[reason as usize].add(1);
    }

    /// Adds what another worker counted.
    pub(super) fn add_all(&self, other: &ServerStats) {
        // Without `..`: whoever adds a count is told to add it here.
        let ServerStats {
            open,
            accepted,
            opened,
            ended,
            bytes_in,
            bytes_out,
            messages_in,
            messages_out,
            messages_refused,
            commands_unknown,
            handler_panics,
            handler_slow,
            pages,
            accept_errors,
            close_timeouts,
            refused,
        } = other;
        let pairs = [
            (&self.open, open),
            (&self.accepted, accepted),
            (&self.opened, opened),
            (&self.ended, ended),
            (&self.bytes_in, bytes_in),
            (&self.bytes_out, bytes_out),
            (&self.messages_in, messages_in),
            (&self.messages_out, messages_out),
            (&self.messages_refused, messages_refused),
            (&self.commands_unknown, commands_unknown),
            (&self.handler_panics, handler_panics),
            (&self.handler_slow, handler_slow),
            (&self.pages, pages),
            (&self.accept_errors, accept_errors),
            (&self.close_timeouts, close_timeouts),
        ];
        for (sum, n) in pairs.into_iter().chain(self.refused.iter().zip(refused)) {
            sum.add(n.get());
        }
    }
}
