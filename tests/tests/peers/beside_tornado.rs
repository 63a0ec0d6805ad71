//! The Tornado profiles beside Tornado itself: scripted peers at both, the same pings and the same close at the same times.

use wsbeat_tests::peers::{Bears, Case, Program, Saying, Script, Setting, Tornado, at_once};

/// What the article means by a timeout of two intervals lies on a boundary; this lies between two ticks.
const OLD: Setting =
    Setting { profile: "tornado-6.4", interval_s: 0.8, timeout: Some(2.5), close: Some((None, "")), chained: false, stands_still: None };
const NEW: Setting = Setting {
    profile: "tornado-6.5",
    interval_s: 0.8,
    timeout: None,
    close: Some((Some(1000), "ping timed out")),
    chained: true,
    stands_still: None,
};

#[test]
fn tornado_6_4_does_as_tornado_6_4_2() {
    let lives = "ping 1, ping 2, ping 3, ping 4";
    let dies = "ping 1, ping 2, close 3";
    OLD.hold(
        Some(Program::PlainServer(Tornado::V6_4)),
        &[
            Case("answers everything", Script::answering(), lives),
            Case("answers late", Script::answering().late(0.4), lives),
            Case("answers more than an interval late", Script::answering().late(1.5), lives),
            Case("answers too late", Script::answering().late(2.3), dies),
            Case("answers with nothing", Script::answering().bearing(Bears::Nothing), lives),
            Case("answers with the wrong payload", Script::answering().bearing(Bears::Wrong), lives),
            Case("silent", Script::silent(), dies),
            Case("silent, and ignores the close", Script::silent().ignoring_close(), dies),
            Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, ping 3, close 4"),
            Case("dies after ping 2", Script::answering().first(2), "ping 1, ping 2, ping 3, ping 4, close 5"),
            Case("dies after ping 3", Script::answering().first(3), "ping 1, ping 2, ping 3, ping 4, ping 5, close 6"),
            Case("pongs unasked, no answer", Script::silent().saying_every(Saying::Pong, 0.25, 0.7), lives),
            Case("one pong before the first ping", Script::silent().saying(Saying::Pong, 0.75), "ping 1, ping 2, ping 3, close 4"),
            Case("data, no pong", Script::silent().saying_every(Saying::Text, 0.3, 0.4), dies),
            Case("pings of its own, no pong", Script::silent().saying_every(Saying::Ping, 0.25, 0.5), dies),
        ],
    );
}

/// Two intervals, the article's setting: ticks are late by something, so the second one closes. One interval or less: everybody is
/// closed at the first tick, healthy or not.
#[test]
fn tornado_6_4_does_as_tornado_6_4_2_on_the_boundaries() {
    at_once([(2.0, "ping 1, close 2"), (1.0, "close 1"), (0.5, "close 1"), (0.0, "close 1")], |(timeout, dies)| {
        let healthy = if timeout < 2.0 { dies } else { "ping 1, ping 2, ping 3, ping 4" };
        Setting { timeout: Some(timeout), ..OLD }.hold(
            Some(Program::PlainServer(Tornado::V6_4)),
            &[
                Case("answers everything", Script::answering(), healthy),
                Case("answers late", Script::answering().late(0.4), healthy),
                Case("silent", Script::silent(), dies),
                Case("data, no pong", Script::silent().saying_every(Saying::Text, 0.3, 0.4), dies),
            ],
        );
    });
}

/// The last pong counts, also where it came late: closed at the first tick that is more than the timeout after it.
#[test]
fn tornado_6_4_does_as_tornado_6_4_2_with_the_articles_timeout_when_somebody_dies() {
    let late = Script::answering().late(0.4);
    Setting { timeout: Some(2.0), ..OLD }.hold(
        Some(Program::PlainServer(Tornado::V6_4)),
        &[
            Case("dies after ping 1", late.first(1), "ping 1, ping 2, ping 3, close 4"),
            Case("dies after ping 2", late.first(2), "ping 1, ping 2, ping 3, ping 4, close 5"),
            Case("one pong before the first ping", Script::silent().saying(Saying::Pong, 0.5), "ping 1, ping 2, close 3"),
        ],
    );
}

#[test]
fn tornado_6_5_does_as_tornado_6_6_1() {
    let lives = "ping 1, ping 2, ping 3, ping 4";
    let dies = "ping 1, close 2";
    NEW.hold(
        Some(Program::PlainServer(Tornado::V6_6)),
        &[
            Case("answers everything", Script::answering(), lives),
            Case("answers late", Script::answering().late(0.4), lives),
            Case("answers too late", Script::answering().late(1.5), dies),
            Case("answers with nothing", Script::answering().bearing(Bears::Nothing), lives),
            Case("answers with the wrong payload", Script::answering().bearing(Bears::Wrong), lives),
            Case("silent", Script::silent(), dies),
            Case("silent, and ignores the close", Script::silent().ignoring_close(), dies),
            Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, close 3"),
            Case("dies after ping 2", Script::answering().first(2), "ping 1, ping 2, ping 3, close 4"),
            Case("dies after ping 3", Script::answering().first(3), "ping 1, ping 2, ping 3, ping 4, close 5"),
            Case("pongs unasked, no answer", Script::silent().saying_every(Saying::Pong, 0.3, 0.7), lives),
            Case("one pong before the first ping", Script::silent().saying(Saying::Pong, 0.75), dies),
            Case("data, no pong", Script::silent().saying_every(Saying::Text, 0.3, 0.4), dies),
            Case("pings of its own, no pong", Script::silent().saying_every(Saying::Ping, 0.25, 0.5), dies),
        ],
    );
}

/// A timeout counts from the ping, one above the interval is the interval, and with zero nobody is looked at.
#[test]
fn tornado_6_5_does_as_tornado_6_6_1_with_other_timeouts() {
    let lives = "ping 1, ping 2, ping 3, ping 4";
    at_once([(0.5, "ping 1, close 1.5"), (2.0, "ping 1, close 2"), (0.0, lives)], |(timeout, dies)| {
        let in_time = f64::min(timeout, 1.0) / 2.0;
        let before_the_second = match timeout {
            0.0 => lives,
            0.5 => "ping 1, ping 2, close 2.5",
            _ => "ping 1, ping 2, close 3",
        };
        let answers_once = Script::answering().first(1);
        Setting { timeout: Some(timeout), ..NEW }.hold(
            Some(Program::PlainServer(Tornado::V6_6)),
            &[
                Case("answers everything", Script::answering(), lives),
                Case("answers late", Script::answering().late(in_time), lives),
                Case("answers too late", Script::answering().late(timeout.max(0.5) + 0.25), dies),
                Case("silent", Script::silent(), dies),
                Case("dies after ping 1", answers_once, before_the_second),
                Case("one pong before the second ping", answers_once.saying(Saying::Pong, 1.75), before_the_second),
                Case("data, no pong", Script::silent().saying_every(Saying::Text, 0.3, 0.4), dies),
            ],
        );
    });
}

/// A host that slept. The old way looks whether a ping went out of late before it blames anybody, and keeps its grid; the new one
/// counts on from the late ping.
#[test]
fn the_tornado_profiles_do_as_tornado_after_their_host_stood_still() {
    let old = [
        Case("answers everything", Script::answering(), "ping 1, ping 2, ping 4.6, ping 5, ping 6"),
        Case("answers late", Script::answering().late(0.4), "ping 1, ping 2, ping 4.6, ping 5, ping 6"),
        Case("silent", Script::silent(), "ping 1, ping 2, ping 4.6, close 5"),
        Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, ping 4.6, close 5"),
    ];
    let new = [
        Case("answers everything", Script::answering(), "ping 1, ping 2, ping 4.6, ping 5.6"),
        Case("silent", Script::silent(), "ping 1, close 2"),
        Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, close 4.6"),
    ];
    at_once([(OLD, Tornado::V6_4, &old[..]), (NEW, Tornado::V6_6, &new[..])], |(setting, original, cases)| {
        Setting { stands_still: Some((2.25, 4.6)), ..setting }.hold(Some(Program::PlainServer(original)), cases);
    });
}

/// Not the original's way: a pong that arrived while the host stood still was in time (rule R1, which holds in
/// every profile). Tornado 6.6.1 looks at its clock before it reads, and closes.
#[test]
fn tornado_6_5_counts_a_pong_that_arrived_while_its_host_stood_still() {
    let late = Case("answers late", Script::answering().late(0.4), "ping 1, ping 2, ping 4.6, ping 5.6");
    Setting { stands_still: Some((2.25, 4.6)), ..NEW }.hold(None, &[late]);
}
