//! Dialect files.

use std::time::Duration;

use wsbeat_core::connection::{Connection, Phase};
use wsbeat_core::dialect::{Decoder, Dialect, DialectError, Encoder, Message, Role};
use wsbeat_core::event::{Action, Input, Token};
use wsbeat_core::policy::PolicyConfig;
use wsbeat_core::rng::Chance;
use wsbeat_core::time::{Instant, Now};

use super::ends::Ends;

/// How many deadlines a connection under a loaded dialect lives through.
const TICKS: usize = 12;

/// A TOML file.
///
/// It gives dialects or one error that says what is wrong, at a line of the file. Each dialect is the same when it is written
/// and loaded again, has a plan for both sides or an error that names a field, beats on a connection by the laws 3, 6 and 10,
/// and hears its own heartbeats without harm.
pub fn dialect_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Dialect::load(text) {
        Err(error) => explained(&error, text),
        Ok(dialects) => dialects.iter().for_each(one),
    }
}

fn explained(error: &DialectError, text: &str) {
    assert!(!error.limit.is_empty(), "{error:?}");
    assert!(error.line.is_none_or(|line| (1..=text.lines().count().max(1) + 1).contains(&line)), "{error:?}");
    let shown = error.to_string();
    // What was given may be shown with escapes.
    assert!(shown.len() <= 8 * text.len() + 1_024, "{} bytes of error for {} of file", shown.len(), text.len());
}

fn one(dialect: &Dialect) {
    let again = reloaded(dialect);
    assert_eq!(again.to_toml(), dialect.to_toml());
    let faster = PolicyConfig { interval: Some(Duration::from_secs(1)), misses: Some(3), ..PolicyConfig::default() };
    if let Ok(tuned) = dialect.tuned(&faster) {
        reloaded(&tuned);
    }
    for role in [Role::Server, Role::Client] {
        talk(dialect, role);
        for config in [PolicyConfig::default(), faster.clone()] {
            beat(dialect, role, &config);
        }
    }
}

fn reloaded(dialect: &Dialect) -> Dialect {
    let written = dialect.to_toml();
    let mut again = Dialect::load(&written).unwrap_or_else(|e| panic!("{e} in\n{written}"));
    assert_eq!(again.len(), 1);
    assert_eq!(&again[0], dialect, "in\n{written}");
    again.remove(0)
}

/// What one side says, the other reads without harm.
fn talk(dialect: &Dialect, role: Role) {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let asked = dialect.heartbeat_from(role, Token(u64::MAX), &mut encoder);
    let _ = dialect.decode(role.other(), asked, 0, &mut decoder);
    for message in dialect.hello(role).into_iter().chain([Message::Text("{\"ping\":1}"), Message::Binary(b"\x1f\x8b")]) {
        let _ = dialect.decode(role.other(), message, 0, &mut decoder);
    }
}

fn beat(dialect: &Dialect, role: Role, config: &PolicyConfig) {
    let policy = match dialect.plan(role, config).and_then(|plan| config.check(plan)) {
        Ok(policy) => policy,
        Err(error) => return assert!(!error.field.is_empty() && !error.limit.is_empty(), "{error:?}"),
    };
    let mut connection = Connection::accepted(&policy, Now::default(), Chance::new(1, 1));
    let (mut ends, mut now, mut input) = (Ends::default(), Instant::ZERO, Input::Opened);
    for _ in 0..TICKS {
        let mut sent = vec![];
        let present = Now::new(now, now.as_nanos() / 1_000_000);
        let mut deadline = connection.step(&policy, present, input, &mut |action| {
            ends.see(&action);
            sent.push(action);
        });
        assert!(input != Input::Tick || deadline > now, "law 3: {deadline:?} at {now:?}");
        for action in sent {
            let flushed = match action {
                Action::Ping(payload) => Input::PingFlushed(payload),
                Action::Heartbeat(token) => Input::HeartbeatFlushed(token),
                _ => continue,
            };
            deadline = connection.step(&policy, present, flushed, &mut |action| ends.see(&action));
        }
        ends.after(connection.phase());
        if connection.phase() == Phase::Ended || deadline == Instant::NEVER {
            return;
        }
        assert!(deadline >= now, "{deadline:?} is in the past at {now:?}");
        (now, input) = (deadline, Input::Tick);
    }
}
