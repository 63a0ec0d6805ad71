//! What the admin address says, as it stands in JSON.
//!
//! Every answer is one object with `"v":1`. Fields may be added to an object; those that are here keep their names and
//! meaning under this version. Durations are whole milliseconds (`_ms`) or microseconds (`_us`) and, where they belong to a
//! connection, tell how long ago or how soon. Points in time (`now_ms`, `started_ms`, `taken_ms`, `at_ms`) are Unix
//! milliseconds.

mod order;

pub use order::{Order, Sort};

use serde::{Deserialize, Serialize};

/// The version of all forms.
pub const VERSION: u32 = 1;

/// Why a request was not done: `{"v":1,"error":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// 1.
    pub v: u32,
    /// The reason, for people.
    pub error: String,
}

/// `GET /api/summary`, and the event `summary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// 1.
    pub v: u32,
    /// When this was said.
    pub now_ms: u64,
    /// When the admin address began, a moment after the process.
    pub started_ms: u64,
    /// The version of the server.
    pub version: String,
    /// A drain is under way.
    pub draining: bool,
    /// What listens.
    pub listeners: Vec<ListenerInfo>,
    /// Connections that are open now.
    pub connections: u64,
    /// Connections that were upgraded since the beginning.
    pub opened: u64,
    /// Pings and heartbeats sent.
    pub pings_sent: Planes<u64>,
    /// Answers received, by what they were worth.
    pub answers: Answers,
    /// Connections that ended, by how.
    pub closes: Vec<ClosedAs>,
    /// Connections that were refused, by why; each reason, also where it is 0.
    pub refused: Vec<RefusedAs>,
    /// Bytes.
    pub bytes: InOut,
    /// Messages.
    pub messages: Messages,
    /// Round trips, in microseconds.
    pub rtt_us: Planes<Distribution>,
    /// How late the drivers come to their deadlines, in microseconds.
    pub timer_lag_us: Distribution,
    /// The process; a field is 0 where the system does not tell.
    pub process: Process,
}

/// A listener: addresses under one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerInfo {
    /// Its name.
    pub name: String,
    /// Where it listens, such as `ws://127.0.0.1:8888`.
    pub urls: Vec<String>,
    /// The dialect of its heartbeats; none where the plane is off.
    pub dialect: Option<String>,
    /// Whose rules its pings follow; none where the plane is off.
    pub profile: Option<String>,
    /// The time between heartbeats; none where it sends none.
    pub interval_ms: Option<u64>,
    /// The time between pings; none where it sends none.
    pub ping_interval_ms: Option<u64>,
    /// How many drivers it has.
    pub workers: u32,
}

/// One thing for each plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planes<T> {
    /// Of pings, the control frames.
    pub transport: T,
    /// Of heartbeats, in messages.
    pub application: T,
}

/// Answers received, by what they were worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Pongs.
    pub transport: Pongs,
    /// Answers to heartbeats.
    pub application: HeartbeatAnswers,
}

/// Pongs received, by what they were worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pongs {
    /// They matched a ping of ours.
    pub matched: u64,
    /// Their ping was resolved before.
    pub stale: u64,
    /// They answer no ping of ours.
    pub unsolicited: u64,
    /// Empty, while none of our pings was.
    pub empty: u64,
    /// To pings of the user's.
    pub user: u64,
}

/// Answers to heartbeats, by what they were worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAnswers {
    /// They matched a heartbeat of ours.
    pub matched: u64,
    /// Older than the window.
    pub stale: u64,
    /// They had come before.
    pub duplicate: u64,
    /// With a value that we never sent.
    pub mismatched: u64,
    /// Nobody had asked.
    pub unsolicited: u64,
}

/// How many connections ended in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedAs {
    /// What was decided, in kebab case; `lost` where the stream just ended.
    pub verdict: String,
    /// The code of our close frame: 1005 for an empty one, 1006 where none was sent; none for all codes that are not told apart.
    pub code: Option<u16>,
    /// How many.
    pub count: u64,
}

/// How many connections were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAs {
    /// The reason, in kebab case.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// One number for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InOut {
    /// Received.
    #[serde(rename = "in")]
    pub received: u64,
    /// Sent.
    #[serde(rename = "out")]
    pub sent: u64,
}

/// Messages by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// Received, heartbeats and answers included.
    #[serde(rename = "in")]
    pub received: u64,
    /// Sent by the user, broadcasts once for each peer.
    #[serde(rename = "out")]
    pub sent: u64,
    /// Not sent because too much waited for their peer already.
    pub refused: u64,
}

/// How often which length came, in microseconds.
///
/// Quantiles are rounded up to the end of their bucket, at most a quarter too high; none where nothing was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many were counted.
    pub count: u64,
    /// The median.
    pub p50: Option<u64>,
    /// Nine of ten do not exceed it.
    pub p90: Option<u64>,
    /// 99 of a hundred do not exceed it.
    pub p99: Option<u64>,
    /// The longest.
    pub max: Option<u64>,
    /// The buckets that are not empty, ascending: where each ends (`null`: no end), and how many fell into it alone.
    pub buckets: Vec<(Option<u64>, u64)>,
}

/// The process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Its memory that is resident.
    pub resident_bytes: u64,
    /// The CPU time that it took, user and system, all threads.
    pub cpu_seconds: f64,
    /// Its open descriptors.
    pub open_fds: u64,
}

/// `GET /api/connections`: a page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsPage {
    /// 1.
    pub v: u32,
    /// How many connections there are, those that are closing included.
    pub total: u64,
    /// How many of them match the search.
    pub matched: u64,
    /// When they were looked at, at most about a second ago.
    pub taken_ms: u64,
    /// The `cursor` of the next page; none at the end.
    pub next: Option<String>,
    /// The connections.
    pub connections: Vec<ConnectionRow>,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRow {
    /// Its number, as in logs.
    pub id: u64,
    /// The name of its listener.
    pub listener: String,
    /// The peer's address.
    pub peer: String,
    /// Since it opened.
    pub age_ms: u64,
    /// `open`, `closing` (we sent a close frame) or `echoed` (the peer did).
    pub phase: String,
    /// The smoothed round trip of its pings, else of its heartbeats.
    pub srtt_us: Option<u64>,
    /// Pings and heartbeats that stand unanswered.
    pub unanswered: u64,
    /// Since its last byte came; the opening counts as one.
    pub last_evidence_ms: u64,
    /// The bytes that wait for the peer to read.
    pub queue_bytes: u64,
    /// Its planes, each where it is on.
    pub planes: Planes<Option<PlaneRow>>,
}

/// A plane of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaneRow {
    /// Pings or heartbeats sent; none where a connection does not count them (tokens that are timestamps).
    pub sent: Option<u64>,
    /// How many stand unanswered.
    pub unanswered: u64,
    /// The smoothed round trip, where one is kept.
    pub srtt_us: Option<u64>,
    /// Since the last answer came.
    pub last_answer_ms: Option<u64>,
    /// Until the next one is due; 0 where that has come, none where none is.
    pub next_due_ms: Option<u64>,
    /// The newest pings or heartbeats that are remembered, oldest first; only of one connection alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recent: Option<Vec<Sent>>,
}

/// A ping or heartbeat that is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its token, as a decimal number in text: it may be more than a script's numbers hold.
    pub token: String,
    /// Since it was written; none where it waits.
    pub written_ms: Option<u64>,
    /// Its answer has come.
    pub answered: bool,
}

/// `GET /api/connections/ID`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionDetail {
    /// 1.
    pub v: u32,
    /// When it was looked at.
    pub taken_ms: u64,
    /// The connection.
    #[serde(flatten)]
    pub connection: ConnectionRow,
    /// What is known of its life, in words.
    pub evidence: String,
}

/// `POST /api/connections/ID/close`; each field may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseRequest {
    /// The close code; default 1000.
    pub code: Option<u16>,
    /// The reason, at most 123 bytes; default none.
    pub reason: Option<String>,
}

/// What was asked for will be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// 1.
    pub v: u32,
    /// Whether it was this request that began it.
    pub began: bool,
}

/// The event `verdict`: a connection was closed or given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictEvent {
    /// 1.
    pub v: u32,
    /// When it was decided.
    pub at_ms: u64,
    /// The connection's number.
    pub id: u64,
    /// The name of its listener.
    pub listener: String,
    /// The peer's address.
    pub peer: String,
    /// What was decided, in kebab case.
    pub verdict: String,
    /// The code of the close frame that was sent, if one with a code was.
    pub code: Option<u16>,
    /// The line that the log has.
    pub text: String,
}

/// The event `missed`: so many verdicts came faster than they were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedEvent {
    /// 1.
    pub v: u32,
    /// How many are missing here.
    pub verdicts: u64,
}
