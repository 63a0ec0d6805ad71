//! The profiles `uwebsockets` and `gorilla-chat` beside their documents, with the scripted peers that the others met beside their
//! originals.

use wsbeat_tests::peers::{Bears, Case, Saying, Script, Setting};

const U_WEB_SOCKETS: Setting =
    Setting { profile: "uwebsockets", interval_s: 0.8, timeout: Some(0.5), close: None, chained: true, stands_still: None };
const GORILLA_CHAT: Setting =
    Setting { profile: "gorilla-chat", interval_s: 0.8, timeout: Some(1.5), close: None, chained: true, stands_still: None };
const LIVES: &str = "ping 1, ping 2, ping 3, ping 4";

/// `idleTimeout` of one and a half intervals with a margin of a half: any byte starts it anew, and who is not idle is not pinged.
#[test]
fn uwebsockets_does_as_its_source_says() {
    let dies = "ping 1, end 1.5";
    U_WEB_SOCKETS.hold(
        None,
        &[
            Case("answers everything", Script::answering(), LIVES),
            Case("answers late", Script::answering().late(0.25), "ping 1, ping 2.25, ping 3.5"),
            Case("answers too late", Script::answering().late(0.75), dies),
            Case("answers with nothing", Script::answering().bearing(Bears::Nothing), LIVES),
            Case("answers with the wrong payload", Script::answering().bearing(Bears::Wrong), LIVES),
            Case("silent", Script::silent(), dies),
            Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, end 2.5"),
            Case("dies after ping 3", Script::answering().first(3), "ping 1, ping 2, ping 3, ping 4, end 4.5"),
            Case("one pong before the first ping", Script::silent().saying(Saying::Pong, 0.5), "ping 1.5, end 2"),
            Case("pongs unasked", Script::silent().saying_every(Saying::Pong, 0.3, 0.6), ""),
            Case("data", Script::silent().saying_every(Saying::Text, 0.3, 0.6), ""),
            Case("pings of its own", Script::silent().saying_every(Saying::Ping, 0.3, 0.6), ""),
            Case("data, less often than the interval", Script::silent().saying_every(Saying::Text, 1.2, 1.2), "ping 1, ping 2.2, ping 3.4"),
        ],
    );
}

/// A ticker that pings, and a read deadline that pongs alone move.
#[test]
fn gorilla_chat_does_as_its_source_says() {
    let dies = "ping 1, end 1.5";
    GORILLA_CHAT.hold(
        None,
        &[
            Case("answers everything", Script::answering(), LIVES),
            Case("answers late", Script::answering().late(0.25), LIVES),
            Case("answers too late", Script::answering().late(0.75), dies),
            Case("answers with nothing", Script::answering().bearing(Bears::Nothing), LIVES),
            Case("answers with the wrong payload", Script::answering().bearing(Bears::Wrong), LIVES),
            Case("silent", Script::silent(), dies),
            Case("dies after ping 1", Script::answering().first(1), "ping 1, ping 2, end 2.5"),
            Case("dies after ping 3", Script::answering().first(3), "ping 1, ping 2, ping 3, ping 4, end 4.5"),
            Case("one pong before the first ping", Script::silent().saying(Saying::Pong, 0.75), "ping 1, ping 2, end 2.25"),
            Case("pongs unasked", Script::silent().saying_every(Saying::Pong, 0.3, 0.65), LIVES),
            Case("data, no pong", Script::silent().saying_every(Saying::Text, 0.3, 0.4), dies),
            Case("pings of its own, no pong", Script::silent().saying_every(Saying::Ping, 0.25, 0.5), dies),
        ],
    );
}
