//! The trace: what happened to connections and what was done about it, one JSON object a line.
//!
//! A person can write one, any language can read one, and a recorded one is a test. The first line is the header: version,
//! seed and the policy in the keys of the configuration file. Every other line has the time `t` in monotonic nanoseconds,
//! perhaps `wall` in Unix milliseconds, the number `conn` of its connection (absent: 1), and either `in`, what happened, or
//! `out`, what was done. [`Trace::read`] reads one, [`Trace::replay`] runs it through the real [`Hub`](crate::hub::Hub),
//! [`Diff`] compares the `out` lines with what the replay does, and a [`Recorder`] writes one.
//!
//! ```text
//! {"v":1,"trace":"wsbeat","seed":7,"ticks":"auto","dialect":"htx-spot-v1","interval":"5s","misses":2}
//! {"t":0,"wall":1492420468027,"conn":1,"in":"open"}
//! {"t":5020000000,"conn":1,"in":"text","data":"{\"pong\":1492420473027}"}
//! ```
//!
//! # Header
//! `v` (1), `trace` (`wsbeat`), `seed` (default 0), `ticks` (`auto`, or absent: recorded), `role` (`server`, the default,
//! or `client`), `dialect` (absent: none), `dialect_toml` (the dialect as a file, where it is none of the embedded), and
//! the settings that [`PolicyConfig`](crate::policy::PolicyConfig) knows. Unknown keys are ignored.
//!
//! # What happens
//! | `in` | keys | |
//! |---|---|---|
//! | `accept` | | its handshake began; where it is left out, `open` says so as well |
//! | `open` | | the upgrade is complete |
//! | `tick` | `budget` | time came to `t`; at most so many connections are visited (absent: all) |
//! | `bytes`, `wrote` | `n` (1) | bytes arrived, bytes were taken by the transport |
//! | `unread` | | the last read did not come to the end of what had arrived |
//! | `ping` | | a ping arrived |
//! | `pong` | `b64` or `of` | a pong with this payload (absent: empty), or with that of our `of`-th ping, arrived |
//! | `text`, `binary` | `data`, `b64` | a message arrived; the dialect says what it means |
//! | `heartbeat`, `answer` | `token` | instead, where the message itself was not recorded |
//! | `data`, `ready` | | the same |
//! | `flushed` | `token`, `of` or `b64` | our heartbeat or ping was written |
//! | `sent` | | a message of the user's was sent |
//! | `close` | `code`, `reason` | the peer's close frame arrived; without `code` its body was empty |
//! | `fault` | `fault` | the peer did wrong: `malformed`, `too-big`, `protocol`, `utf-8`, `assembly`, `handler` |
//! | `lost` | | the stream ended |
//! | `user-ping` | `b64` | the user pings, with this payload |
//! | `user-close` | `code`, `reason` | the user closes |
//! | `drain` | | the server shuts down; without `conn` for all connections |
//! | `reconfigure` | settings | these settings change under all connections, `null` takes one back to its default |
//!
//! # What is done
//! `ping` (`token`, `b64`; a ping of the user's has no `token`), `heartbeat` (`token`, `data`: its text, not compressed),
//! `answer` (`data`), `deliver`, `close` (`code`, `reason`, `verdict` and for silence `unanswered`; an empty body has no
//! `code`), `abort` (`verdict` where the transport took no byte), `note` (`note` and its facts).
//!
//! # Time
//! With `"ticks":"auto"`, for traces that a person writes, time advances exactly to each deadline between the lines, and a
//! ping or heartbeat counts as written at once, unless a `flushed` line of a later time says otherwise. Without it time
//! moves by the lines alone, `tick` lines included, so that a late timer replays late. The wall clock is the last `wall`
//! that was given, plus the whole milliseconds since its line; it is 0 at the first line where none is given.

mod change;
mod diff;
mod digest;
mod done;
mod error;
mod fields;
mod header;
mod line;
mod players;
mod read;
mod record;
mod replay;
mod text;
mod voice;
mod wall;

pub use diff::{Diff, Difference};
pub use digest::Digest;
pub use done::Done;
pub use error::TraceError;
pub use header::{Header, Ticks};
pub use read::{Trace, TraceLimits};
pub use record::Recorder;
pub use replay::Ended;

use crate::event::ConnId;

/// The version of the form of traces that is written, and the newest that is read.
pub const VERSION: u64 = 1;

/// The number that a connection has in traces: one more than its generation.
#[must_use]
pub const fn conn_of(id: ConnId) -> u64 {
    id.generation as u64 + 1
}
