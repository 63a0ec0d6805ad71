//! The upgrade from the client's side (RFC 6455 §4.1).

use httparse::Status;
use tungstenite::handshake::client::{Request, generate_key};
use tungstenite::handshake::derive_accept_key;
use tungstenite::http::header::SEC_WEBSOCKET_KEY;

/// The longest answer that is read.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;

/// The request that every connection sends: one key serves all, as nothing between us and the server keeps answers.
pub(super) struct Opening {
    pub(super) request: Vec<u8>,
    accept: String,
}

/// What the answer says so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// More of it has to come.
    Wait,
    /// Upgraded; frames begin at this byte.
    Upgraded(usize),
    /// It is no upgrade, and why.
    Refused(String),
}

impl Opening {
    pub(super) fn new(request: &Request) -> Self {
        let key = request.headers().get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok()).map_or_else(generate_key, str::to_owned);
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut text = format!("GET {target} HTTP/1.1\r\n").into_bytes();
        for (name, value) in request.headers() {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        Opening { request: text, accept: derive_accept_key(key.as_bytes()) }
    }

    /// Reads the answer in `bytes`, all that has come of it.
    pub(super) fn answer(&self, bytes: &[u8]) -> Answer {
        let mut space = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut space);
        let end = match head.parse(bytes) {
            Ok(Status::Complete(end)) => end,
            Ok(Status::Partial) if bytes.len() <= HEAD_BYTES_MAX => return Answer::Wait,
            Ok(Status::Partial) => return Answer::Refused(format!("an answer of more than {HEAD_BYTES_MAX} bytes")),
            Err(error) => return Answer::Refused(format!("no HTTP answer: {error}")),
        };
        let status = head.code.unwrap_or(0);
        if status != 101 {
            return Answer::Refused(format!("HTTP status {status} {}", head.reason.unwrap_or_default()));
        }
        let value = |name: &str| head.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
        if value("sec-websocket-accept") != Some(self.accept.as_bytes()) {
            return Answer::Refused("a Sec-WebSocket-Accept that does not match the key".into());
        }
        if value("sec-websocket-extensions").is_some() {
            return Answer::Refused("the server chose an extension that nobody asked for".into());
        }
        Answer::Upgraded(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> Opening {
        let request = Request::builder().uri("ws://h:1/a?b").header("Host", "h:1").header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        Opening::new(&request.body(()).unwrap())
    }

    #[test]
    fn the_answer_of_the_rfc_is_an_upgrade_at_every_cut() {
        let opening = opening();
        assert_eq!(opening.request, b"GET /a?b HTTP/1.1\r\nhost: h:1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x89\x00";
        let end = answer.len() - 2;
        for cut in 0..end {
            assert_eq!(opening.answer(&answer[..cut]), Answer::Wait, "cut at {cut}");
        }
        assert_eq!(opening.answer(answer), Answer::Upgraded(end));
    }

    #[test]
    fn what_is_no_upgrade_is_told() {
        let opening = opening();
        let told = |text: &[u8]| match opening.answer(text) {
            Answer::Refused(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), "HTTP status 503 Service Unavailable");
        assert!(told(b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: nonsense\r\n\r\n").contains("does not match"));
        assert!(told(b"SSH-2.0-x\r\n\r\n").contains("no HTTP answer"));
        assert!(told(&[b"HTTP/1.1 200 OK\r\nA: ".as_slice(), &[b'a'; 20_000]].concat()).contains("more than 16384"));
    }
}
