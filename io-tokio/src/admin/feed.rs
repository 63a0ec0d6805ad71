//! Verdicts as they happen: from the drivers through a bounded queue to the event streams.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc};
use wsbeat_core::event::{ConnId, VerdictKind};

use super::api::{VERSION, VerdictEvent};
use super::sse;
use crate::clock::wall_ms;

/// How many verdicts wait between a driver and the streams.
const QUEUE: usize = 1_024;
/// How many a new stream gets at its beginning.
const KEPT: usize = 100;
/// How far a stream may fall behind before it misses some.
const BEHIND_MAX: usize = 256;

/// Where a server's handler tells of its verdicts. It never waits: when the queue is full, the verdict is counted as missed.
#[derive(Clone, Debug)]
pub struct Verdicts {
    sender: mpsc::Sender<VerdictEvent>,
    missed: Arc<AtomicU64>,
}

/// The other end of a [`Verdicts`], for [`Admin::bind`](super::Admin::bind).
#[derive(Debug)]
pub struct VerdictFeed {
    receiver: mpsc::Receiver<VerdictEvent>,
    missed: Arc<AtomicU64>,
}

/// A queue of verdicts, at most 1,024 long: one end for the handlers, one for the admin address.
#[must_use]
pub fn verdicts() -> (Verdicts, VerdictFeed) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let missed = Arc::<AtomicU64>::default();
    (Verdicts { sender, missed: Arc::clone(&missed) }, VerdictFeed { receiver, missed })
}

impl Verdicts {
    /// Tells that a connection of `listener` was closed or given up; `text` makes the line that explains it.
    pub fn push(
        &self,
        listener: &str,
        id: ConnId,
        peer: SocketAddr,
        verdict: VerdictKind,
        code: Option<u16>,
        text: impl FnOnce() -> String,
    ) {
        // Written out only where there is room.
        let Ok(permit) = self.sender.try_reserve() else {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        permit.send(VerdictEvent {
            v: VERSION,
            at_ms: wall_ms(),
            id: id.number(),
            listener: listener.into(),
            peer: peer.to_string(),
            verdict: verdict.name().into(),
            code,
            text: text(),
        });
    }
}

/// What the event streams are told.
#[derive(Debug)]
pub(super) struct News {
    told: Mutex<Told>,
    /// The summary of each second, while somebody listens.
    pub(super) summaries: broadcast::Sender<Bytes>,
}

#[derive(Debug)]
struct Told {
    /// The newest verdicts, oldest first.
    kept: VecDeque<Bytes>,
    verdicts: broadcast::Sender<Bytes>,
}

impl Default for News {
    fn default() -> Self {
        let told = Told { kept: VecDeque::with_capacity(KEPT), verdicts: broadcast::channel(BEHIND_MAX).0 };
        News { told: Mutex::new(told), summaries: broadcast::channel(2).0 }
    }
}

impl News {
    fn tell(&self, event: Bytes) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.kept.len() >= KEPT {
            told.kept.pop_front();
        }
        told.kept.push_back(event.clone());
        // Nobody may listen.
        let _ = told.verdicts.send(event);
    }

    /// The newest verdicts, and those that come: none twice, none between lost.
    pub(super) fn listen(&self) -> (VecDeque<Bytes>, broadcast::Receiver<Bytes>) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        (told.kept.clone(), told.verdicts.subscribe())
    }
}

/// Passes verdicts on, until nobody can tell of any more.
pub(super) async fn pump(mut feed: VerdictFeed, news: &News) {
    while let Some(event) = feed.receiver.recv().await {
        let missed = feed.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            news.tell(sse::missed(missed));
        }
        news.tell(sse::event("verdict", &event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ConnId = ConnId { index: 0, generation: 16 };

    fn push(verdicts: &Verdicts, count: usize) {
        for n in 0..count {
            let peer = SocketAddr::from(([127, 0, 0, 1], 5));
            verdicts.push("main", ID, peer, VerdictKind::PeerSilent, Some(4408), || format!("line {n}"));
        }
    }

    #[tokio::test]
    async fn a_full_queue_costs_verdicts_and_not_time_and_says_so() {
        let (verdicts, feed) = verdicts();
        push(&verdicts, QUEUE + 7);
        drop(verdicts);
        let news = News::default();
        pump(feed, &news).await;
        let (kept, _) = news.listen();
        assert_eq!(kept.len(), KEPT);
        let text = String::from_utf8(kept.back().unwrap().to_vec()).unwrap();
        assert!(text.contains("event: verdict\n") && text.contains(&format!("\"text\":\"line {}\"", QUEUE - 1)), "{text}");
    }

    #[tokio::test]
    async fn what_was_missed_is_told_before_what_follows() {
        let (verdicts, feed) = verdicts();
        verdicts.missed.store(3, Ordering::Relaxed);
        push(&verdicts, 1);
        drop(verdicts);
        let news = News::default();
        pump(feed, &news).await;
        let (kept, _) = news.listen();
        assert_eq!(kept[0], "event: missed\ndata: {\"v\":1,\"verdicts\":3}\n\n");
        assert_eq!(kept.len(), 2);
    }
}
