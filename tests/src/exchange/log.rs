//! What a side of a connection saw.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The WebSocket is open.
    Open,
    /// A heartbeat was sent, with this token.
    Asked(String),
    /// It was answered as the row wants.
    Answered,
    /// An answer with a token that is not waited for.
    WrongAnswer(String),
    /// A heartbeat of the other side's.
    HeardAsk,
    /// A ping frame of the other side's.
    HeardPing,
    /// A request, which was replied to.
    Requested,
    /// A welcome.
    Welcomed,
    /// A message that is no heartbeat.
    Data(String),
    /// From here on it is mute.
    Mute,
    /// The other side was dropped for its silence.
    Dropped,
    /// The connection was closed for its age.
    Lifetime,
    /// The other side's close frame: its code, 0 for an empty body, and reason.
    Closed(u16, String),
    /// The end of the stream.
    End,
}

/// The log of one name; clones share it.
#[derive(Clone, Debug)]
pub struct Log {
    name: String,
    begun: Instant,
    seen: Arc<Mutex<Vec<(Duration, Seen)>>>,
    print: bool,
}

impl Log {
    /// An empty log; with `print` every line goes to standard output as well.
    #[must_use]
    pub fn new(name: &str, print: bool) -> Self {
        Log { name: name.to_owned(), begun: Instant::now(), seen: Arc::default(), print }
    }

    pub(super) fn add(&self, seen: Seen) {
        let t = self.begun.elapsed();
        if self.print {
            println!("{:>9.3} {} {seen:?}", t.as_secs_f64(), self.name);
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push((t, seen));
    }

    /// Everything so far, oldest first, with its time.
    #[must_use]
    pub fn all(&self) -> Vec<(Duration, Seen)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often `which` was seen.
    #[must_use]
    pub fn count(&self, which: impl Fn(&Seen) -> bool) -> usize {
        self.all().iter().filter(|(_, seen)| which(seen)).count()
    }

    /// When `which` was seen last.
    #[must_use]
    pub fn last(&self, which: impl Fn(&Seen) -> bool) -> Option<Duration> {
        self.all().iter().rev().find(|(_, seen)| which(seen)).map(|(t, _)| *t)
    }

    /// Waits until `holds` of the log.
    ///
    /// # Panics
    /// If it does not in time.
    pub async fn until(&self, what: &str, holds: impl Fn(&Log) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !holds(self) {
            assert!(Instant::now() < end, "{}: never {what}; it saw\n{self}", self.name);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().iter().try_for_each(|(t, seen)| writeln!(f, "{:>9.3} {seen:?}", t.as_secs_f64()))
    }
}
