//! The lines that a server logs, and their facts.

use std::net::SocketAddr;

use wsbeat_core::event::{ConnId, Note, Plane, Token, Verdict, VerdictKind};
use wsbeat_core::policy::Profile;
use wsbeat_core::time::{Instant, Span};
use wsbeat_tokio::server::{End, Request};

use crate::escape::one_line;
use crate::json::Object;
use crate::logging::Level;

/// The longest text of a peer's that a line shows, in characters.
const PEER_CHARS_MAX: usize = 200;

/// A line for people, and the same for machines.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) facts: Object,
}

fn facts(event: &str, id: ConnId, peer: SocketAddr) -> Object {
    Object::default().with("event", event).with("conn", id.number()).with("peer", peer.to_string())
}

fn micros(span: Span) -> u64 {
    span.as_nanos() / 1_000
}

/// The beginning of a peer's text.
fn capped(text: &str) -> String {
    let mut short: String = text.chars().take(PEER_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn shown(text: &str) -> String {
    one_line(&capped(text))
}

/// How much a verdict matters: peers that were given up matter; those that left, were asked to leave or never came in
/// do not, and the abort after a close was announced by that close.
pub(super) const fn level(kind: VerdictKind) -> Level {
    match kind {
        VerdictKind::PeerClosed
        | VerdictKind::Lifetime
        | VerdictKind::Drain
        | VerdictKind::User
        | VerdictKind::Handshake
        | VerdictKind::CloseTimeout => Level::Info,
        _ => Level::Warn,
    }
}

/// Whether the live page tells of a verdict as it happens: of what we decided about a peer, not of peers that left or never
/// came in, which are many and only counted.
pub(super) const fn is_news(kind: VerdictKind) -> bool {
    !matches!(kind, VerdictKind::PeerClosed | VerdictKind::Handshake | VerdictKind::CloseTimeout)
}

/// Whether the connection was dropped without a close frame.
fn is_abort(verdict: &Verdict, profile: Option<Profile>) -> bool {
    let without_close = matches!(profile, Some(Profile::WsRecipe | Profile::UWebSockets | Profile::GorillaChat));
    match verdict.kind {
        VerdictKind::WriteStalled | VerdictKind::Handshake | VerdictKind::CloseTimeout => true,
        kind => kind.is_silence() && without_close && verdict.plane == Plane::Transport,
    }
}

/// The code of the close frame that a verdict sends, if it sends one with a code.
pub(super) fn code(verdict: &Verdict, profile: Option<Profile>) -> Option<u16> {
    verdict.code.filter(|_| !is_abort(verdict, profile))
}

/// The line that says why a peer was given up.
pub(super) fn verdict(id: ConnId, peer: SocketAddr, v: &Verdict, queued_bytes: usize, profile: Option<Profile>) -> Line {
    let abort = is_abort(v, profile);
    let act = match (abort, v.code) {
        (true, _) => "abort".to_owned(),
        (false, Some(code)) => format!("close {code}"),
        (false, None) => "close".to_owned(),
    };
    let ago = |at: Instant| micros(v.now.since(at));
    let facts = facts("verdict", id, peer)
        .with("act", if abort { "abort" } else { "close" })
        .with_some("code", code(v, profile))
        .with("reason", v.reason)
        .with("verdict", v.kind.name())
        .with("plane", v.plane.name())
        .with("unanswered", v.unanswered)
        .with_some("token", v.token.map(|token| token.0))
        .with("last_answer_us_ago", v.last_answer.map(ago))
        .with("oldest_written_us_ago", v.written.map(ago))
        .with("last_byte_us_ago", ago(v.last_byte))
        .with("deadline_us_ago", ago(v.deadline))
        .with("write_queue_bytes", queued_bytes);
    Line { text: format!("conn={} {act} {v}, write queue {queued_bytes} B", id.number()), facts }
}

/// What was wrong with what the peer sent, where the facts of the verdict do not say it.
pub(super) fn wrong(v: &Verdict, message_bytes_max: u32) -> Option<String> {
    match v.kind {
        VerdictKind::TooBig => Some(format!("{} (max_message {message_bytes_max} B)", v.reason)),
        VerdictKind::Protocol | VerdictKind::Assembly => Some(v.reason.to_owned()),
        _ => None,
    }
}

/// A connection opened.
pub(super) fn open(id: ConnId, peer: SocketAddr, request: &Request<'_>) -> Line {
    let mut text = format!("conn={} open {peer} {}", id.number(), shown(request.target));
    for (name, value) in [("origin", request.origin), ("user-agent", request.user_agent)] {
        if let Some(value) = value {
            text.push_str(&format!(" {name}={}", shown(value)));
        }
    }
    Line {
        text,
        facts: facts("open", id, peer)
            .with("target", capped(request.target))
            .with("host", capped(request.host))
            .with("origin", request.origin.map(capped))
            .with("user_agent", request.user_agent.map(capped))
            .with("subprotocol", request.subprotocol),
    }
}

/// A connection is over.
pub(super) fn end(id: ConnId, peer: SocketAddr, end: &End) -> Line {
    let why = end.verdict.as_ref().map_or("lost", |verdict| verdict.kind.name());
    let mut text = format!("conn={} over {why}, peer's code {}", id.number(), end.peer_code);
    if !end.peer_reason.is_empty() {
        text.push_str(&format!(" {}", shown(&end.peer_reason)));
    }
    Line {
        text,
        facts: facts("over", id, peer)
            .with("verdict", end.verdict.as_ref().map(|verdict| verdict.kind.name()))
            .with("peer_code", end.peer_code)
            .with("peer_reason", &*end.peer_reason),
    }
}

/// A ping or heartbeat was answered.
pub(super) fn answered(id: ConnId, peer: SocketAddr, plane: Plane, token: Token, rtt: Span) -> Line {
    let what = match plane {
        Plane::Transport => "ping",
        Plane::Application => "heartbeat",
    };
    let us = micros(rtt);
    Line {
        text: format!("conn={} {what} {} answered in {}.{:03} ms", id.number(), token.0, us / 1_000, us % 1_000),
        facts: facts("answered", id, peer).with("plane", plane.name()).with("token", token.0).with("rtt_us", us),
    }
}

/// Something worth knowing.
pub(super) fn note(id: ConnId, peer: SocketAddr, note: &Note) -> Line {
    let (text, facts) = match *note {
        Note::Stalled { lateness } => (
            format!("conn={} host stalled: {} ms late, nobody judged", id.number(), micros(lateness) / 1_000),
            facts("stalled", id, peer).with("lateness_us", micros(lateness)),
        ),
        Note::Clamped { from, to } => (
            format!("conn={} ping timeout cut from {from:?} to {to:?}, as tornado-6.5 does", id.number()),
            facts("clamped", id, peer).with("from_us", micros(from)).with("to_us", micros(to)),
        ),
    };
    Line { text, facts }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ConnId = ConnId { index: 3, generation: 16 };

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 50_000))
    }

    fn silent(code: Option<u16>) -> Verdict {
        Verdict {
            kind: VerdictKind::PeerSilent,
            code,
            reason: "heartbeat timeout",
            plane: Plane::Application,
            token: None,
            written: Some(Instant::from_millis(4_999)),
            unanswered: 2,
            last_answer: None,
            last_byte: Instant::ZERO,
            deadline: Instant::from_secs(15),
            now: Instant::from_secs(15),
        }
    }

    #[test]
    fn a_verdict_is_explained_in_the_form_that_scripts_know() {
        let line = verdict(ID, peer(), &silent(Some(4408)), 0, None);
        assert_eq!(
            line.text,
            "conn=17 close 4408 peer-silent: 2 unanswered, last answer never, oldest heartbeat written 10.001 s ago, \
             no bytes for 15.0 s, write queue 0 B"
        );
        let facts = line.facts.to_string();
        for fact in ["\"conn\":17", "\"code\":4408", "\"verdict\":\"peer-silent\"", "\"oldest_written_us_ago\":10001000"] {
            assert!(facts.contains(fact), "{fact} in {facts}");
        }
    }

    #[test]
    fn an_empty_close_has_no_code_and_an_abort_is_called_one() {
        assert!(verdict(ID, peer(), &silent(None), 0, None).text.starts_with("conn=17 close peer-silent: "));
        let stalled = Verdict { kind: VerdictKind::WriteStalled, ..silent(Some(4408)) };
        assert!(verdict(ID, peer(), &stalled, 9, None).text.starts_with("conn=17 abort write-stalled: "));
        let recipe = Verdict { plane: Plane::Transport, ..silent(None) };
        let line = verdict(ID, peer(), &recipe, 0, Some(Profile::WsRecipe));
        assert!(line.text.starts_with("conn=17 abort peer-silent: "));
    }

    #[test]
    fn what_was_wrong_is_said_of_those_who_broke_a_rule_and_of_no_others() {
        let said = |kind, reason| wrong(&Verdict { kind, reason, ..silent(Some(1009)) }, 1 << 20);
        assert_eq!(said(VerdictKind::TooBig, "message too big").as_deref(), Some("message too big (max_message 1048576 B)"));
        assert_eq!(said(VerdictKind::Protocol, "invalid UTF-8").as_deref(), Some("invalid UTF-8"));
        assert_eq!(said(VerdictKind::PeerSilent, "heartbeat timeout"), None);
    }

    #[test]
    fn who_leaves_is_no_warning_and_who_is_given_up_is() {
        assert_eq!(level(VerdictKind::PeerClosed), Level::Info);
        assert_eq!(level(VerdictKind::PeerSilent), Level::Warn);
        assert_eq!(level(VerdictKind::TooManyPings), Level::Warn);
    }

    #[test]
    fn threat_24_what_a_peer_says_is_cut_where_it_gets_long() {
        let target = format!("/{}", "a".repeat(16_000));
        let request = Request { target: &target, host: "h", origin: None, user_agent: Some("x\u{1b}[2Jy"), subprotocol: None };
        let line = open(ID, peer(), &request);
        assert!(line.text.len() < 400 && line.facts.to_string().len() < 600, "{}", line.text);
        assert!(line.text.ends_with("… user-agent=x\\u{1b}[2Jy"), "{}", line.text);
    }

    #[test]
    fn threat_24_what_a_peer_says_cannot_forge_a_line() {
        let end = end(ID, peer(), &End { verdict: None, peer_code: 1000, peer_reason: "bye\nconn=18 close".into() });
        assert_eq!(end.text, "conn=17 over lost, peer's code 1000 bye\\nconn=18 close");
    }
}
