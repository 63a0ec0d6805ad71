//! HTTP answers, as bytes.

use std::fmt::Write;

use super::stats::Refusal;

/// The answer that upgrades.
pub(super) fn upgrade(accept: &str, subprotocol: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
    out.extend_from_slice(accept.as_bytes());
    if let Some(subprotocol) = subprotocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(subprotocol.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// The page.
pub(super) fn page(html: &str) -> String {
    let security = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
        connect-src 'self'; img-src data:; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\n";
    complete("200 OK", "text/html; charset=utf-8", security, html)
}

/// The answer to a request that is refused; `retry_after_s` goes with those that may come again.
pub(super) fn refusal(reason: Refusal, words: &str, retry_after_s: u64) -> String {
    let mut extra = String::new();
    let status = match reason {
        Refusal::Connections | Refusal::PerIp | Refusal::Draining | Refusal::Descriptors => {
            // Writing to a string cannot fail.
            let _ = write!(extra, "Retry-After: {retry_after_s}\r\n");
            "503 Service Unavailable"
        }
        // Nothing is answered in HTTP where TLS did not come to be.
        Refusal::BadRequest | Refusal::Method | Refusal::Tls => "400 Bad Request",
        Refusal::HandshakeTimeout => "408 Request Timeout",
        Refusal::HeadTooLarge => "431 Request Header Fields Too Large",
        Refusal::Version => {
            extra.push_str("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
            "426 Upgrade Required"
        }
        Refusal::Origin => "403 Forbidden",
        Refusal::NotFound => "404 Not Found",
    };
    complete(status, "text/plain; charset=utf-8", &extra, &format!("{words}\n"))
}

fn complete(status: &str, content_type: &str, extra: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{extra}Cache-Control: no-store\r\n\
         Connection: close\r\n\r\n{body}"
    )
}
