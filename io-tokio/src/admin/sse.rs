//! Server-sent events, as they go on the wire.

use bytes::Bytes;
use serde::Serialize;

use super::api::{MissedEvent, VERSION};

/// An event.
pub(super) fn event(name: &str, data: &impl Serialize) -> Bytes {
    // JSON on one line: no event can hold a line that is not its own. These forms can always be written.
    let json = serde_json::to_string(data).unwrap_or_else(|_| "{}".into());
    Bytes::from(format!("event: {name}\ndata: {json}\n\n"))
}

/// That a stream has not told so many verdicts.
pub(super) fn missed(verdicts: u64) -> Bytes {
    event("missed", &MissedEvent { v: VERSION, verdicts })
}
