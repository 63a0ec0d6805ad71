//! The upgrade request, and what is wrong with an answer to it.

use std::time::Duration;

use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest;
use tungstenite::error::{Error as WsError, ProtocolError};
use tungstenite::handshake::client::{Request, Response};
use tungstenite::http::header::{HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use tungstenite::http::{HeaderMap, Uri};

use super::ConnectError;

/// Where a URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name or an address, IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) scheme: Scheme,
    uri: Uri,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Ws,
    Wss,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        let refuse = |problem: &str| ConnectError::Url { url: url.to_owned(), problem: problem.to_owned() };
        let uri: Uri = url.parse().map_err(|e: tungstenite::http::uri::InvalidUri| refuse(&e.to_string()))?;
        let scheme = match uri.scheme_str() {
            Some("ws") => Scheme::Ws,
            Some("wss") => Scheme::Wss,
            Some(_) => return Err(refuse("the scheme has to be ws or wss")),
            None => return Err(refuse("no scheme: write ws://HOST or wss://HOST")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("a user and password are not sent: give an Authorization header instead"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(refuse("no host"));
        }
        let default_port = match scheme {
            Scheme::Ws => 80,
            Scheme::Wss => 443,
        };
        // What follows the host is kept as it was written, whether it is a port or not.
        let port = match authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, rest)| rest).split_once(':') {
            None => default_port,
            Some((_, digits)) => match digits.parse::<u16>() {
                Ok(port @ 1..) => port,
                Ok(0) | Err(_) => return Err(refuse("the port has to be a number from 1 to 65535")),
            },
        };
        Ok(Target { host, port, scheme, uri })
    }

    /// The host and port as they stand in a request.
    #[cfg(feature = "proxy")]
    pub(crate) fn authority(&self) -> String {
        let Target { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Whether it is this machine itself.
    #[cfg(feature = "proxy")]
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// The upgrade request with these headers beside those that RFC 6455 §4.1 asks for.
    pub(crate) fn request(&self, headers: &[(String, String)], subprotocol: Option<&str>) -> Result<Request, ConnectError> {
        let mut request =
            self.uri.clone().into_client_request().map_err(|e| ConnectError::Url { url: self.uri.to_string(), problem: e.to_string() })?;
        for (name, value) in headers {
            let (header, value) = checked_header(name, value)?;
            if request.headers().contains_key(&header) && is_ours(&header) {
                return Err(refuse_header(name, "is set by the handshake itself"));
            }
            request.headers_mut().append(header, value);
        }
        if let Some(subprotocol) = subprotocol {
            let value = HeaderValue::from_str(subprotocol).map_err(|e| refuse_header("Sec-WebSocket-Protocol", &e.to_string()))?;
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        Ok(request)
    }
}

fn checked_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), ConnectError> {
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|e| refuse_header(name, &e.to_string()))?;
    let value = HeaderValue::from_str(value).map_err(|e| refuse_header(name, &e.to_string()))?;
    if header == SEC_WEBSOCKET_EXTENSIONS {
        return Err(refuse_header(name, "extensions are not supported"));
    }
    Ok((header, value))
}

fn is_ours(header: &HeaderName) -> bool {
    header.as_str() != "user-agent" && header.as_str() != "cookie"
}

fn refuse_header(name: &str, problem: &str) -> ConnectError {
    ConnectError::Header { name: name.to_owned(), problem: problem.to_owned() }
}

/// What an error of the upgrade means.
pub(super) fn upgrade_error(error: WsError, scheme: Scheme, unix_now_s: u64) -> ConnectError {
    match error {
        WsError::Http(response) => {
            ConnectError::Http { status: response.status().as_u16(), retry_after: retry_after(response.headers(), unix_now_s) }
        }
        WsError::Protocol(ProtocolError::HttparseError(problem)) => {
            let perhaps = match scheme {
                Scheme::Ws => "; perhaps it speaks TLS: wss://",
                Scheme::Wss => "",
            };
            ConnectError::Upgrade(format!("the server does not speak HTTP here ({problem}){perhaps}"))
        }
        other => ConnectError::Upgrade(other.to_string()),
    }
}

/// What the frame library does not look at in the server's answer.
pub(super) fn check_response(response: &Response) -> Result<(), ConnectError> {
    match response.headers().get(SEC_WEBSOCKET_EXTENSIONS) {
        None => Ok(()),
        // RFC 6455 §4.1: an extension that was not asked for fails the connection.
        Some(_) => Err(ConnectError::Upgrade("the server chose an extension that nobody asked for".to_owned())),
    }
}

/// The subprotocol that the server chose.
pub(super) fn chosen_subprotocol(response: &Response) -> Option<String> {
    let value = response.headers().get(SEC_WEBSOCKET_PROTOCOL)?;
    value.to_str().ok().map(str::to_owned)
}

/// `Retry-After` (RFC 9110 §10.2.3), as seconds or as a date.
fn retry_after(headers: &HeaderMap, unix_now_s: u64) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = value.parse::<u64>() {
        return Some(Duration::from_secs(secs));
    }
    let at = unix_of_date(value)?;
    Some(Duration::from_secs(at.saturating_sub(unix_now_s)))
}

/// The Unix time in seconds of an IMF-fixdate (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn unix_of_date(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = date.split_once(", ")?;
    let mut parts = date.strip_suffix(" GMT")?.split([' ', ':']);
    let day: u64 = parts.next()?.parse().ok().filter(|d| (1..=31).contains(d))?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|m| *m == name)? as u64 + 1;
    let year: u64 = parts.next()?.parse().ok().filter(|y| (1970..=9999).contains(y))?;
    let mut clock = [0_u64; 3];
    for part in &mut clock {
        *part = parts.next()?.parse().ok().filter(|n| *n <= 60)?;
    }
    // Days from the civil calendar, with years that begin in March so that the leap day comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + clock[0]) * 60 + clock[1]) * 60 + clock[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_a_host_and_a_port() {
        let target = |url: &str| Target::parse(url).map(|t| (t.host, t.port, t.scheme)).unwrap();
        assert_eq!(target("ws://example.org"), ("example.org".into(), 80, Scheme::Ws));
        assert_eq!(target("wss://example.org/ws?x=1"), ("example.org".into(), 443, Scheme::Wss));
        assert_eq!(target("ws://[::1]:8888/"), ("::1".into(), 8888, Scheme::Ws));
    }

    #[test]
    fn urls_that_cannot_be_connected_to_say_why() {
        let bad = [
            "",
            "example.org",
            "http://example.org",
            "ws://",
            "ws://host:99999",
            "ws://a:0",
            "ws://a:",
            "ws://[::1]:x",
            "ws://u:p@host/",
            "ws:///path",
            "ws://a b",
        ];
        for url in bad {
            let Err(ConnectError::Url { url: named, problem }) = Target::parse(url) else {
                panic!("{url} was taken");
            };
            assert_eq!(named, url);
            assert!(!problem.is_empty());
        }
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused_by_name() {
        let target = Target::parse("ws://example.org").unwrap();
        for (name, value) in [
            ("X-Bad", "line\r\nbreak"),
            ("bad name", "x"),
            ("", "x"),
            ("Sec-WebSocket-Key", "x"),
            ("Host", "other"),
            ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ] {
            let headers = [(name.to_owned(), value.to_owned())];
            let refused = target.request(&headers, None).unwrap_err();
            assert!(matches!(refused, ConnectError::Header { name: n, .. } if n == name));
        }
        let request = target.request(&[("Cookie".into(), "a=b".into()), ("Cookie".into(), "c=d".into())], Some("v1")).unwrap();
        assert_eq!(request.headers().get_all("cookie").iter().count(), 2);
        assert_eq!(request.headers()["sec-websocket-protocol"], "v1");
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let read = |value: &str, now| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
            retry_after(&headers, now)
        };
        let secs = |n| Some(Duration::from_secs(n));
        assert_eq!(read("120", 0), secs(120));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_700), secs(77));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT", u64::MAX), secs(0));
        assert_eq!(read("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_799), secs(1));
        for junk in ["soon", "-1", "1.5", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", ", GMT"] {
            assert_eq!(read(junk, 0), None, "{junk}");
        }
    }
}
