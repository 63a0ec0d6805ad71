//! The profiles `websockets` and `ws-recipe` beside Python `websockets` and the recipe of Node's `ws`.

use wsbeat_tests::peers::{Bears, Case, Program, Saying, Script, Setting, at_once};

const WEBSOCKETS: Setting = Setting {
    profile: "websockets",
    interval_s: 0.8,
    timeout: Some(0.5),
    close: Some((Some(1011), "keepalive ping timeout")),
    chained: true,
    stands_still: None,
};
const WS_RECIPE: Setting = Setting { profile: "ws-recipe", interval_s: 0.8, timeout: None, close: None, chained: true, stands_still: None };
const LIVES: &str = "ping 1, ping 2, ping 3, ping 4";

#[test]
fn websockets_does_as_python_websockets() {
    let dies = "ping 1, close 1.5";
    WEBSOCKETS.hold(
        Some(Program::WebsocketsServer),
        &[
            Case("answers everything", Script::answering(), LIVES),
            Case("answers late", Script::answering().late(0.25), LIVES),
            Case("answers too late", Script::answering().late(0.75), dies),
            Case("answers with nothing", Script::answering().bearing(Bears::Nothing), dies),
            Case("answers with the wrong payload", Script::answering().bearing(Bears::Wrong), dies),
            Case("answers with the payload before", Script::answering().bearing(Bears::Previous), "ping 1, ping 2, close 2.5"),
            Case("silent", Script::silent(), dies),
            Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, close 2.5"),
            Case("dies after ping 2", Script::answering().first(2), "ping 1, ping 2, ping 3, close 3.5"),
            Case("dies after ping 3", Script::answering().first(3), "ping 1, ping 2, ping 3, ping 4, close 4.5"),
            Case("pongs unasked, no answer", Script::silent().saying_every(Saying::Pong, 0.25, 0.3), dies),
            Case("data, no pong", Script::silent().saying_every(Saying::Text, 0.3, 0.4), dies),
            Case("pings of its own, no pong", Script::silent().saying_every(Saying::Ping, 0.25, 0.5), dies),
        ],
    );
}

/// A timeout longer than the interval: one ping outstanding, so the next goes out on a pong that comes after it was due.
#[test]
fn websockets_does_as_python_websockets_with_longer_timeouts() {
    at_once([1.0, 2.0], |timeout| {
        let dies = if timeout == 1.0 { "ping 1, close 2" } else { "ping 1, close 3" };
        let one_and_a_half = if timeout == 1.0 { dies } else { "ping 1, ping 2.5, ping 4" };
        Setting { timeout: Some(timeout), ..WEBSOCKETS }.hold(
            Some(Program::WebsocketsServer),
            &[
                Case("answers everything", Script::answering(), LIVES),
                Case("answers late", Script::answering().late(0.6), LIVES),
                Case("answers more than an interval late", Script::answering().late(1.5), one_and_a_half),
                Case("silent", Script::silent(), dies),
                Case("pongs unasked, no answer", Script::silent().saying_every(Saying::Pong, 0.25, 0.3), dies),
            ],
        );
    });
}

#[test]
fn ws_recipe_does_as_the_recipe_of_node_ws() {
    let dies = "ping 1, end 2";
    WS_RECIPE.hold(
        Some(Program::WsServer),
        &[
            Case("answers everything", Script::answering(), LIVES),
            Case("answers late", Script::answering().late(0.4), LIVES),
            Case("answers too late", Script::answering().late(1.5), dies),
            Case("answers with nothing", Script::answering().bearing(Bears::Nothing), LIVES),
            Case("answers with the wrong payload", Script::answering().bearing(Bears::Wrong), LIVES),
            Case("silent", Script::silent(), dies),
            Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, end 3"),
            Case("dies after ping 2", Script::answering().first(2), "ping 1, ping 2, ping 3, end 4"),
            Case("dies after ping 3", Script::answering().first(3), "ping 1, ping 2, ping 3, ping 4, end 5"),
            Case("pongs unasked, no answer", Script::silent().saying_every(Saying::Pong, 0.3, 0.65), LIVES),
            Case("one pong before the first ping", Script::silent().saying(Saying::Pong, 0.5), dies),
            Case("data, no pong", Script::silent().saying_every(Saying::Text, 0.3, 0.4), dies),
            Case("pings of its own, no pong", Script::silent().saying_every(Saying::Ping, 0.25, 0.5), dies),
        ],
    );
}

#[test]
fn websockets_does_as_python_websockets_after_its_host_stood_still() {
    Setting { stands_still: Some((2.1, 4.6)), ..WEBSOCKETS }.hold(
        Some(Program::WebsocketsServer),
        &[
            Case("answers everything", Script::answering(), "ping 1, ping 2, ping 4.6, ping 5.6"),
            Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, close 4.6"),
        ],
    );
}

/// Not the original's way: a pong that arrived while the host stood still was in time (rule R1, which holds in every profile). Python
/// `websockets` looks at its clock before it reads, and closes.
#[test]
fn websockets_counts_a_pong_that_arrived_while_its_host_stood_still() {
    let late = Case("answers late", Script::answering().late(0.3), "ping 1, ping 2, ping 4.6, ping 5.6");
    Setting { stands_still: Some((2.1, 4.6)), ..WEBSOCKETS }.hold(None, &[late]);
}
