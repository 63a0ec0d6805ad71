//! One connection: as a row of the list, in detail, and closing it.

use tokio::time::timeout;
use wsbeat_core::connection::{Phase, PlaneView};
use wsbeat_core::event::ConnId;
use wsbeat_core::time::{Instant, Span};

use super::answer::Problem;
use super::api::{ConnectionDetail, ConnectionRow, PlaneRow, Planes, Sent, VERSION};
use super::figures::micros;
use super::listener::Listener;
use super::state::State;
use crate::server::{CloseReason, CloserLook, ConnectionLook, HandleError, PlaneLook};

pub(super) fn row(listener: &str, look: &ConnectionLook) -> ConnectionRow {
    ConnectionRow {
        id: look.id.number(),
        listener: listener.into(),
        peer: look.peer.to_string(),
        age_ms: millis(look.age),
        phase: phase(look.phase).into(),
        srtt_us: look.srtt().map(micros),
        unanswered: look.unanswered(),
        last_evidence_ms: millis(look.last_byte),
        queue_bytes: look.queued_bytes as u64,
        planes: Planes { transport: look.transport.map(plane), application: look.application.map(plane) },
    }
}

fn plane(look: PlaneLook) -> PlaneRow {
    PlaneRow {
        sent: look.sent,
        unanswered: look.unanswered.into(),
        srtt_us: look.srtt.map(micros),
        last_answer_ms: look.last_answer.map(millis),
        next_due_ms: look.next_due.map(millis),
        recent: None,
    }
}

pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Handshake => "handshake",
        Phase::Open => "open",
        Phase::Closing => "closing",
        Phase::Echoed => "echoed",
        Phase::Ended => "ended",
    }
}

fn millis(span: Span) -> u64 {
    span.as_nanos() / 1_000_000
}

/// A connection in detail.
pub(super) async fn detail(state: &State, number: u64) -> Result<ConnectionDetail, Problem> {
    for (place, listener) in state.listeners.iter().enumerate() {
        let Some(id) = find(state, place, number).await else { continue };
        let asked = timeout(state.limits.timeout, listener.handle.connection(id));
        let found = asked.await.map_err(|_| Problem::Driver)?.map_err(|_| Problem::Driver)?;
        if let Some(look) = found {
            return Ok(told(listener, &look));
        }
    }
    Err(unknown(number))
}

/// Where a connection is: among the open ones, else (it may be closing) among those that were seen last.
async fn find(state: &State, place: usize, number: u64) -> Option<ConnId> {
    if let Some(id) = state.listeners[place].handle.find(number) {
        return Some(id);
    }
    state.snapshots.last_seen(place, number).await
}

fn told(listener: &Listener, look: &CloserLook) -> ConnectionDetail {
    let mut connection = row(listener.name(), &look.glance);
    let now = look.now.at;
    let recent = |plane: &Option<PlaneView>| plane.as_ref().map(|plane| sent(plane, now));
    if let Some(plane) = &mut connection.planes.transport {
        plane.recent = recent(&look.view.transport);
    }
    if let Some(plane) = &mut connection.planes.application {
        plane.recent = recent(&look.view.application);
    }
    ConnectionDetail { v: VERSION, taken_ms: look.now.wall_ms, connection, evidence: evidence(&look.glance) }
}

fn sent(plane: &PlaneView, now: Instant) -> Vec<Sent> {
    let one = |asked: &wsbeat_core::connection::Asked| Sent {
        token: asked.token.0.to_string(),
        written_ms: asked.written.map(|at| millis(now.since(at))),
        answered: asked.answered,
    };
    plane.recent.iter().flatten().map(one).collect()
}

/// What is known of its life, in words.
fn evidence(look: &ConnectionLook) -> String {
    let mut words = format!("last bytes {} s ago", tenths(look.last_byte));
    for (plane, ask, answer) in [(look.transport, "ping", "pong"), (look.application, "heartbeat", "answer")] {
        let Some(plane) = plane else { continue };
        match plane.last_answer {
            Some(ago) => words += &format!(", last {answer} {} s ago", tenths(ago)),
            None => words += &format!(", no {answer} yet"),
        }
        if plane.unanswered > 0 {
            let s = if plane.unanswered == 1 { "" } else { "s" };
            words += &format!(", {} {ask}{s} unanswered", plane.unanswered);
        }
    }
    words
}

fn tenths(span: Span) -> String {
    let tenths = span.as_nanos() / 100_000_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Closes a connection, after what was sent to it before.
pub(super) fn close(state: &State, number: u64, reason: CloseReason) -> Result<(), Problem> {
    for listener in &state.listeners {
        let Some(id) = listener.handle.find(number) else { continue };
        return match listener.handle.close(id, reason) {
            Ok(()) => Ok(()),
            Err(HandleError::Unknown(_)) => Err(unknown(number)),
            Err(HandleError::Full { .. } | HandleError::Stopped) => Err(Problem::Driver),
        };
    }
    Err(unknown(number))
}

fn unknown(number: u64) -> Problem {
    Problem::NotFound(format!("no open connection has the number {number}"))
}
