//! Rates: what the figures of the server grew by.

use std::collections::VecDeque;

use wsbeat_tokio::admin::api::Summary;

/// How many summaries are kept.
const KEPT: usize = 300;
/// Over how many of them a share is taken.
const SHARE_OVER: usize = 10;

/// The figures of one instant whose growth tells something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    at_ms: u64,
    heartbeats: u64,
    pings: u64,
    matched: u64,
    messages_in: u64,
    messages_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    cpu_us: u64,
}

/// How much of each came in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) heartbeats: u64,
    pub(super) pings: u64,
    pub(super) messages_in: u64,
    pub(super) messages_out: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// Of one core, in thousandths.
    pub(super) cpu_per_mille: u64,
    /// Of the last ten seconds, in thousandths: what is under way counts as well.
    pub(super) unanswered_per_mille: u64,
}

/// The summaries of the last minutes.
#[derive(Debug, Default)]
pub(super) struct History {
    started_ms: u64,
    kept: VecDeque<Figures>,
    asked_per_s: VecDeque<u64>,
}

impl History {
    pub(super) fn push(&mut self, summary: &Summary) {
        if summary.started_ms != self.started_ms {
            // Another process: its figures begin anew.
            *self = History { started_ms: summary.started_ms, ..History::default() };
        }
        let figures = Figures::of(summary);
        if self.kept.back().is_some_and(|last| last.at_ms >= figures.at_ms) {
            return;
        }
        if let Some(last) = self.kept.back() {
            let asked = (figures.heartbeats + figures.pings).saturating_sub(last.heartbeats + last.pings);
            self.asked_per_s.push_back(per_s(asked, figures.at_ms - last.at_ms));
        }
        self.kept.push_back(figures);
        if self.kept.len() > KEPT {
            self.kept.pop_front();
            self.asked_per_s.pop_front();
        }
    }

    /// The rates between the last two summaries.
    pub(super) fn rates(&self) -> Rates {
        let (Some(now), Some(before)) = (self.kept.back(), self.kept.iter().rev().nth(1)) else { return Rates::default() };
        let ms = now.at_ms - before.at_ms;
        let rate = |of: fn(&Figures) -> u64| per_s(of(now).saturating_sub(of(before)), ms);
        Rates {
            heartbeats: rate(|f| f.heartbeats),
            pings: rate(|f| f.pings),
            messages_in: rate(|f| f.messages_in),
            messages_out: rate(|f| f.messages_out),
            bytes_in: rate(|f| f.bytes_in),
            bytes_out: rate(|f| f.bytes_out),
            cpu_per_mille: rate(|f| f.cpu_us) / 1_000,
            unanswered_per_mille: self.unanswered(now),
        }
    }

    fn unanswered(&self, now: &Figures) -> u64 {
        let Some(before) = self.kept.iter().rev().nth(SHARE_OVER).or(self.kept.front()) else { return 0 };
        let sent = (now.heartbeats + now.pings).saturating_sub(before.heartbeats + before.pings);
        let lost = sent.saturating_sub(now.matched.saturating_sub(before.matched));
        (lost * 1_000).checked_div(sent).unwrap_or(0)
    }

    /// Pings and heartbeats in each second, the newest last, at most `count` of them.
    pub(super) fn asked_per_s(&self, count: usize) -> Vec<u64> {
        let skipped = self.asked_per_s.len().saturating_sub(count);
        self.asked_per_s.iter().skip(skipped).copied().collect()
    }
}

impl Figures {
    fn of(summary: &Summary) -> Self {
        Figures {
            at_ms: summary.now_ms,
            heartbeats: summary.pings_sent.application,
            pings: summary.pings_sent.transport,
            matched: summary.answers.transport.matched + summary.answers.application.matched,
            messages_in: summary.messages.received,
            messages_out: summary.messages.sent,
            bytes_in: summary.bytes.received,
            bytes_out: summary.bytes.sent,
            cpu_us: (summary.process.cpu_seconds * 1e6) as u64,
        }
    }
}

fn per_s(count: u64, ms: u64) -> u64 {
    count.saturating_mul(1_000).checked_div(ms).unwrap_or(0)
}
