//! What is told of errors, verdicts and runs comes out whole, and a writer that takes no more is not passed over.

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use wsbeat_core::dialect::{Dialect, DialectError};
use wsbeat_core::event::{Action, Payload, Plane, Token, Verdict, VerdictKind};
use wsbeat_core::policy::{Policy, PolicyConfig, PolicyError};
use wsbeat_core::sim::Scenario;
use wsbeat_core::time::{Instant, Span};
use wsbeat_core::trace::{Digest, Done, TraceError};

/// A writer that takes so many bytes.
struct Narrow(usize);

impl fmt::Write for Narrow {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// What is shown, which fits only where all of it does.
#[track_caller]
fn shown(what: &impl Display) -> String {
    let whole = what.to_string();
    for bytes in 0..whole.len() {
        assert_eq!(write!(Narrow(bytes), "{what}"), Err(fmt::Error), "{bytes} of {whole}");
    }
    assert_eq!(write!(Narrow(whole.len()), "{what}"), Ok(()));
    whole
}

fn verdict(kind: VerdictKind) -> Verdict {
    Verdict {
        kind,
        code: Some(4408),
        reason: "heartbeat timeout",
        plane: Plane::Application,
        token: None,
        written: Some(Instant::from_secs(5)),
        unanswered: 2,
        last_answer: Some(Instant::from_secs(1)),
        last_byte: Instant::from_secs(2),
        deadline: Instant::from_secs(15),
        now: Instant::from_secs(15),
    }
}

#[test]
fn a_verdict_is_told_with_its_facts() {
    let silent = verdict(VerdictKind::PeerSilent);
    let line = "peer-silent: 2 unanswered, last answer 14.000 s ago, oldest heartbeat written 10.000 s ago, no bytes for 13.0 s";
    assert_eq!(shown(&silent), line);
    let fresh = Verdict { plane: Plane::Transport, last_answer: None, written: None, unanswered: 0, ..silent };
    assert_eq!(shown(&fresh), "peer-silent: 0 unanswered, last answer never, no bytes for 13.0 s");
}

#[test]
fn a_setting_is_told_by_field_value_and_limit() {
    let error = PolicyConfig::default().set("misses", "0").unwrap_err();
    assert_eq!(shown(&error), "misses = 0: 1 to 255");
    let PolicyError { field, value, limit } = error;
    assert_eq!((field, value.as_str(), limit.as_str()), ("misses", "0", "1 to 255"));
    for (config, line) in [
        (PolicyConfig { pings_per_s: Some(0), ..PolicyConfig::default() }, "pings_per_s = 0: 1 to 4294967295"),
        (PolicyConfig { pings_burst: Some(0), ..PolicyConfig::default() }, "pings_burst = 0: 1 to 4294967295"),
    ] {
        assert_eq!(shown(&config.check(wsbeat_core::policy::Plan::default()).unwrap_err()), line);
    }
    let one = PolicyConfig { pings_per_s: Some(1), pings_burst: Some(1), ..PolicyConfig::default() };
    let limits = one.check(wsbeat_core::policy::Plan::default()).unwrap().limits;
    assert_eq!((limits.pings_per_s, limits.pings_burst), (1, 1));
}

#[test]
fn a_dialect_is_told_as_far_as_it_is_known() {
    let error = |dialect: &str, field: &str, value: &str, line| DialectError {
        dialect: dialect.into(),
        field: field.into(),
        value: value.into(),
        limit: "why".into(),
        line,
    };
    assert_eq!(shown(&error("own", "death", "soon", Some(7))), "line 7: dialect own: death = soon: why");
    assert_eq!(shown(&error("own", "death", "", None)), "dialect own: death: why");
    assert_eq!(shown(&error("", "", "", None)), "why");
    let twice = Dialect::load("dialect = 5").unwrap_err();
    assert_eq!((twice.dialect.as_str(), twice.line), ("", Some(1)), "{twice}");
    assert!(shown(&twice).starts_with("line 1: "), "{twice}");
}

#[test]
fn a_trace_is_told_as_far_as_it_is_known() {
    let error = |key: &str, value: &str| TraceError { line: 3, key: key.into(), value: value.into(), limit: "why".into() };
    assert_eq!(shown(&error("t", "x\u{1b}")), "line 3: t = x\\u{1b}: why");
    assert_eq!(shown(&error("t", "")), "line 3: t: why");
    assert_eq!(shown(&error("", "")), "line 3: why");
}

fn done(action: Action, said: &[u8]) -> Done<'_> {
    Done { at: Instant::from_millis(1_500), conn: 3, action, said }
}

#[test]
fn what_was_done_is_told_for_a_person() {
    let told = |action, said| shown(&done(action, said));
    assert_eq!(told(Action::Ping(Payload::Empty), b""), "1.500000000 conn=3 ping");
    assert_eq!(told(Action::Ping(Payload::Four(9)), b""), "1.500000000 conn=3 ping 9");
    assert_eq!(told(Action::UserPing, b"x"), "1.500000000 conn=3 ping of the user's");
    assert_eq!(told(Action::Heartbeat(Token(7)), b""), "1.500000000 conn=3 heartbeat 7");
    assert!(told(Action::Close(verdict(VerdictKind::PeerSilent)), b"").ends_with("no bytes for 13.0 s"));
    assert!(told(Action::Abort(verdict(VerdictKind::WriteStalled)), b"").contains("write-stalled"));
}

#[test]
fn a_heartbeat_whose_words_are_not_known_is_a_line_without_them() {
    let mut line = String::new();
    done(Action::Heartbeat(Token(7)), b"").write_line(&mut line);
    done(Action::Heartbeat(Token(8)), b"{\"ping\":8}").write_line(&mut line);
    let lines = concat!(
        "{\"t\":1500000000,\"conn\":3,\"out\":\"heartbeat\",\"token\":7}\n",
        "{\"t\":1500000000,\"conn\":3,\"out\":\"heartbeat\",\"token\":8,\"data\":\"{\\\"ping\\\":8}\"}\n",
    );
    assert_eq!(line, lines);
}

#[test]
fn a_digest_and_a_span_show_what_they_hold() {
    let digest = Digest::default();
    assert_eq!(format!("{digest:?}"), format!("Digest({})", digest.finish()));
    assert_eq!(format!("{:?}", Span::from_millis(1_500)), "1.5s");
    assert_eq!(Span::from_secs(9).part(0), Span::from_secs(9), "a part of zero counts as the whole");
}

#[test]
fn a_run_is_told_to_its_last_line() {
    let run = |judged: Policy| {
        let scenario = Scenario::new(Policy::strict()).connections(2).freeze(1, Duration::from_secs(30), None);
        shown(&scenario.judged_as(judged).run(Duration::from_secs(120)))
    };
    assert!(run(Policy::strict()).ends_with("\nlaws broken 0"));
    let mut faster = Policy::strict();
    faster.transport = faster.transport.map(|t| wsbeat_core::policy::Transport { interval: Span::from_secs(7), ..t });
    let broken = run(faster);
    assert!(broken.contains("\nbroken at ") && !broken.ends_with("laws broken 0"), "{broken}");
}
