//! How a connection ended, told.

use wsbeat_core::event::Verdict;
use wsbeat_tokio::heartbeat::{Ending, PeerClose};

use crate::escape::one_line;
use crate::json::Object;

/// How a connection ended, in the words of the summary.
pub(crate) fn closed(ending: &Ending) -> String {
    match (&ending.verdict, &ending.peer_close) {
        (Some(Verdict { code: Some(code), .. }), _) => format!("closed {code}"),
        (Some(_), _) => "dropped".into(),
        (None, Some(PeerClose { code: Some(code), .. })) => format!("closed {code}"),
        (None, Some(PeerClose { code: None, .. })) => "closed without a code".into(),
        (None, None) => "lost".into(),
    }
}

/// How a connection ended, for machines.
pub(crate) fn closed_json(ending: &Ending) -> Object {
    let peer = ending.peer_close.as_ref();
    Object::event("closed")
        .with("by", if ending.verdict.is_some() { "us" } else { "peer" })
        .with("code", code(ending))
        .with("verdict", ending.verdict.map(|verdict| verdict.kind.name()))
        .with("explanation", ending.verdict.map(|verdict| verdict.to_string()))
        .with("peer_code", peer.and_then(|close| close.code))
        .with("peer_reason", peer.map(|close| &close.reason))
        .with("error", ending.error.as_deref())
}

/// The code it ended with, where it had one.
pub(crate) fn code(ending: &Ending) -> Option<u16> {
    match &ending.verdict {
        Some(verdict) => verdict.code,
        None => ending.peer_close.as_ref().and_then(|close| close.code),
    }
}

/// Why a connection ended, for the log; nothing where we closed it because we were asked to.
pub(crate) fn why(ending: &Ending) -> String {
    match (&ending.verdict, &ending.peer_close) {
        (Some(verdict), _) => match verdict.code {
            Some(code) => format!("close {code} {verdict}"),
            None => format!("abort {verdict}"),
        },
        (None, Some(close)) => {
            let code = close.code.map_or("without a code".into(), |code| code.to_string());
            format!("the peer closed {code} {}", one_line(&close.reason)).trim_end().to_owned()
        }
        (None, None) => match &ending.error {
            Some(error) => format!("connection lost: {}", one_line(error)),
            None => "connection lost: the stream ended without a close".into(),
        },
    }
}
