//! The opening handshake, from the server's side (RFC 6455 §4.2).

use httparse::Status;
use tungstenite::handshake::derive_accept_key;

use super::config::ServerLimits;
use super::handler::Request;
use super::origin::Origins;
use super::stats::Refusal;

/// What a request's head is answered with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// More of it has to come.
    Wait,
    /// The connection becomes a WebSocket.
    Upgrade {
        request: Request<'a>,
        /// The value of `Sec-WebSocket-Accept`.
        accept: String,
    },
    /// A plain request for the page.
    Page,
    /// A refusal, with what is wrong in words.
    Refuse(Refusal, &'static str),
}

/// What upgrades depend on besides the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) limits: &'a ServerLimits,
    pub(super) origins: &'a Origins,
    /// The dialect's subprotocol.
    pub(super) subprotocol: Option<&'a str>,
}

type Refused = (Refusal, &'static str);

/// Reads the head in `bytes`, all that arrived so far, of which the first `seen` were looked at before.
pub(super) fn answer<'a>(bytes: &'a [u8], seen: usize, terms: &Terms<'a>) -> Answer<'a> {
    let too_large = Answer::Refuse(Refusal::HeadTooLarge, "the head of the request is too large");
    let head_bytes_max = terms.limits.head_bytes_max as usize;
    let Some(end) = end_of_head(bytes, seen) else {
        return if bytes.len() > head_bytes_max { too_large } else { Answer::Wait };
    };
    if end > head_bytes_max {
        return too_large;
    }
    let mut space = [httparse::EMPTY_HEADER; ServerLimits::HEADERS_MAX as usize];
    let mut head = httparse::Request::new(&mut space[..terms.limits.headers_max as usize]);
    match head.parse(&bytes[..end]) {
        Ok(Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Answer::Refuse(Refusal::HeadTooLarge, "too many headers"),
        Ok(Status::Partial) | Err(_) => return Answer::Refuse(Refusal::BadRequest, "not an HTTP request"),
    }
    if has_bare_lf(&bytes[..end]) {
        return Answer::Refuse(Refusal::BadRequest, "a line that does not end in CR LF");
    }
    match judge(&head, &bytes[end..], terms) {
        Ok(answer) => answer,
        Err((refusal, words)) => Answer::Refuse(refusal, words),
    }
}

/// Where the empty line behind the headers ends, however its lines end.
fn end_of_head(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    let lines = bytes[from..].iter().enumerate().filter(|(_, b)| **b == b'\n');
    lines.map(|(i, _)| from + i + 1).find_map(|at| match &bytes[at..] {
        [b'\n', ..] => Some(at + 1),
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => None,
    })
}

fn has_bare_lf(head: &[u8]) -> bool {
    head.iter().enumerate().any(|(i, b)| *b == b'\n' && (i == 0 || head[i - 1] != b'\r'))
}

fn judge<'a>(head: &httparse::Request<'_, 'a>, rest: &[u8], terms: &Terms<'a>) -> Result<Answer<'a>, Refused> {
    if head.method != Some("GET") {
        return Err((Refusal::Method, "only GET is served here"));
    }
    let bad = |words| Err((Refusal::BadRequest, words));
    if head.version != Some(1) {
        return bad("HTTP/1.1 is needed");
    }
    if !rest.is_empty() {
        return bad("bytes behind the request");
    }
    let headers = Headers(head.headers);
    if headers.has("content-length") || headers.has("transfer-encoding") {
        return bad("a request without a body is needed");
    }
    let host = headers.only("host")?.ok_or((Refusal::BadRequest, "no Host"))?;
    let target = head.path.unwrap_or("/");
    if !headers.has("upgrade") && !headers.has("sec-websocket-key") {
        return plain(target);
    }
    let accept = upgrade_key(&headers)?;
    let origin = headers.only("origin")?;
    if origin.is_some_and(|origin| !terms.origins.allow(origin, host)) {
        return Err((Refusal::Origin, "pages of this origin may not connect"));
    }
    let subprotocol = terms.subprotocol.filter(|ours| headers.has_token("sec-websocket-protocol", |t| t == *ours));
    let request = Request { target, host, origin, user_agent: headers.first("user-agent"), subprotocol };
    Ok(Answer::Upgrade { request, accept })
}

fn plain<'a>(target: &str) -> Result<Answer<'a>, Refused> {
    match target.split('?').next() {
        Some("/") => Ok(Answer::Page),
        _ => Err((Refusal::NotFound, "nothing here: a WebSocket client is served at any path, a browser at /")),
    }
}

/// The accept key, where every header of §4.2.1 is as it must be.
fn upgrade_key(headers: &Headers<'_, '_>) -> Result<String, Refused> {
    let bad = |words| Err((Refusal::BadRequest, words));
    if !headers.has_token("upgrade", |t| t.eq_ignore_ascii_case("websocket")) {
        return bad("no Upgrade: websocket");
    }
    if !headers.has_token("connection", |t| t.eq_ignore_ascii_case("upgrade")) {
        return bad("no Connection: Upgrade");
    }
    if headers.only("sec-websocket-version")? != Some("13") {
        return Err((Refusal::Version, "version 13 of the WebSocket protocol is spoken here"));
    }
    match headers.only("sec-websocket-key")? {
        Some(key) if is_key(key) => Ok(derive_accept_key(key.as_bytes())),
        Some(_) => bad("a Sec-WebSocket-Key that is not 16 bytes in base64"),
        None => bad("no Sec-WebSocket-Key"),
    }
}

/// Sixteen bytes in base64: 22 characters and two signs of padding.
fn is_key(key: &str) -> bool {
    let Some(characters) = key.strip_suffix("==") else { return false };
    characters.len() == 22 && characters.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

struct Headers<'h, 'a>(&'h [httparse::Header<'a>]);

impl<'a> Headers<'_, 'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value)
    }

    fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    fn first(&self, name: &str) -> Option<&'a str> {
        self.all(name).next().and_then(|value| std::str::from_utf8(value).ok()).map(str::trim)
    }

    /// The value of a header that may stand once.
    fn only(&self, name: &str) -> Result<Option<&'a str>, Refused> {
        let mut all = self.all(name);
        let first = all.next();
        if all.next().is_some() {
            return Err((Refusal::BadRequest, "a header twice that may stand once"));
        }
        let text = first.map(std::str::from_utf8).transpose();
        Ok(text.map_err(|_| (Refusal::BadRequest, "a header that is not UTF-8"))?.map(str::trim))
    }

    fn has_token(&self, name: &str, is_it: impl Fn(&str) -> bool) -> bool {
        let lists = self.all(name).filter_map(|value| std::str::from_utf8(value).ok());
        lists.flat_map(|list| list.split(',')).any(|token| is_it(token.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /x?y HTTP/1.1\r\nHost: h:1\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n\r\n";

    fn with<R>(text: &str, check: impl FnOnce(Answer<'_>) -> R) -> R {
        let (limits, origins) = (ServerLimits::default(), Origins::default());
        let terms = Terms { limits: &limits, origins: &origins, subprotocol: Some("b") };
        check(answer(text.as_bytes(), 0, &terms))
    }

    fn refusal(text: &str) -> Option<Refusal> {
        with(text, |a| match a {
            Answer::Refuse(refusal, _) => Some(refusal),
            _ => None,
        })
    }

    #[test]
    fn the_handshake_of_the_rfc_is_accepted() {
        with(GOOD, |a| {
            let Answer::Upgrade { request, accept } = a else { panic!("{a:?}") };
            assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            assert_eq!((request.target, request.host, request.subprotocol), ("/x?y", "h:1", Some("b")));
        });
    }

    #[test]
    fn every_cut_waits() {
        for cut in 0..GOOD.len() {
            with(&GOOD[..cut], |a| assert_eq!(a, Answer::Wait, "cut at {cut}"));
        }
        let (limits, origins) = (ServerLimits::default(), Origins::default());
        let terms = Terms { limits: &limits, origins: &origins, subprotocol: None };
        for seen in 0..GOOD.len() {
            assert!(matches!(answer(GOOD.as_bytes(), seen, &terms), Answer::Upgrade { .. }), "seen {seen}");
        }
    }

    #[test]
    fn each_wrong_request_is_refused_for_what_is_wrong() {
        let swap = |from: &str, to: &str| GOOD.replacen(from, to, 1);
        let huge = format!("X: {}\r\n\r\n", "x".repeat(17 << 10));
        let many = "X: y\r\n".repeat(70);
        let cases = [
            (Refusal::Method, swap("GET", "POST")),
            (Refusal::BadRequest, swap("HTTP/1.1", "HTTP/1.0")),
            (Refusal::BadRequest, swap("Host: h:1\r\n", "")),
            (Refusal::BadRequest, swap("Host: h:1\r\n", "Host: h\r\nHost: h\r\n")),
            (Refusal::BadRequest, swap("WebSocket", "h2c")),
            (Refusal::BadRequest, swap(", Upgrade", "")),
            (Refusal::BadRequest, swap("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=")),
            (Refusal::BadRequest, swap("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key")),
            (Refusal::BadRequest, swap("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")),
            (Refusal::BadRequest, swap("Host", "Content-Length: 0\r\nHost")),
            (Refusal::BadRequest, swap("Host", "Transfer-Encoding: chunked\r\nHost")),
            (Refusal::BadRequest, swap("h:1\r\n", "h:1\n")),
            (Refusal::BadRequest, GOOD.replace("\r\n", "\n")),
            (Refusal::BadRequest, format!("{GOOD}x")),
            (Refusal::BadRequest, String::from("\u{16}\u{3}\u{1}\r\n\r\n")),
            (Refusal::Version, swap("Version: 13", "Version: 8")),
            (Refusal::Version, swap("Sec-WebSocket-Version: 13\r\n", "")),
            (Refusal::HeadTooLarge, swap("\r\n\r\n", &format!("\r\n{huge}"))),
            (Refusal::HeadTooLarge, "GET / HTTP/1.1\r\n".to_owned() + &"x".repeat(17 << 10)),
            (Refusal::HeadTooLarge, swap("\r\n\r\n", &format!("\r\n{many}\r\n"))),
            (Refusal::Origin, swap("Host", "Origin: http://evil.example\r\nHost")),
            (Refusal::Origin, swap("Host", "Origin: null\r\nHost")),
            (Refusal::NotFound, String::from("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")),
        ];
        for (expected, text) in cases {
            assert_eq!(refusal(&text), Some(expected), "{}", text.chars().take(400).collect::<String>());
        }
        with("GET /?a HTTP/1.1\r\nHost: h\r\n\r\n", |a| assert_eq!(a, Answer::Page));
        let same = swap("Host", "Origin: http://h:1\r\nHost");
        with(&same, |a| assert!(matches!(a, Answer::Upgrade { .. })));
    }
}
