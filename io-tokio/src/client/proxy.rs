//! The way through a proxy: HTTP CONNECT (RFC 9110 §9.3.6) or SOCKS 5 (RFC 1928).

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;
use tungstenite::http::Uri;

use super::request::{Scheme, Target};
use super::{ConnectError, Proxy};

/// How many bytes of a proxy's answer are read, and how many headers.
const ANSWER_BYTES_MAX: usize = 16 << 10;
const ANSWER_HEADERS_MAX: usize = 64;

/// A proxy that stands between us and a target.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    intercept: Intercept,
    kind: Kind,
    /// A name or an address, IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Connect,
    Socks5,
}

/// The proxy on the way to `target`; `None` where there is none.
pub(super) fn route(proxy: &Proxy, target: &Target) -> Result<Option<Hop>, ConnectError> {
    let matcher = match proxy {
        Proxy::None => return Ok(None),
        // As in Go and others: what runs on this machine is not looked for at a proxy.
        Proxy::Environment if target.is_loopback() => return Ok(None),
        Proxy::Environment => Matcher::from_env(),
        Proxy::Url(url) => Matcher::builder().all(url.as_str()).build(),
    };
    match (matcher.intercept(&as_http(target)?), proxy) {
        (Some(intercept), _) => hop(intercept).map(Some),
        (None, Proxy::Url(url)) => Err(refused(&hidden(url), "no proxy's URL: write http://HOST:PORT or socks5://HOST:PORT")),
        (None, Proxy::None | Proxy::Environment) => Ok(None),
    }
}

/// The target as the variables of the environment name it: `ws` goes by `HTTP_PROXY`, `wss` by `HTTPS_PROXY`.
fn as_http(target: &Target) -> Result<Uri, ConnectError> {
    let scheme = match target.scheme {
        Scheme::Ws => "http",
        Scheme::Wss => "https",
    };
    let url = format!("{scheme}://{}/", target.authority());
    url.parse().map_err(|_| ConnectError::Url { url, problem: "no host that a proxy could be asked for".to_owned() })
}

fn hop(intercept: Intercept) -> Result<Hop, ConnectError> {
    let uri = intercept.uri();
    let name = uri.to_string();
    let (kind, default_port) = match uri.scheme_str() {
        Some("http") => (Kind::Connect, 80),
        Some("socks5" | "socks5h") => (Kind::Socks5, 1080),
        Some(other) => return Err(refused(&name, &format!("a proxy is spoken to over http, socks5 or socks5h, not {other}"))),
        None => return Err(refused(&name, "no scheme")),
    };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(default_port);
    if host.is_empty() {
        return Err(refused(&name, "no host"));
    }
    Ok(Hop { intercept, kind, host, port })
}

impl Hop {
    /// Its name in errors: without its password.
    fn name(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let scheme = match self.kind {
            Kind::Connect => "http",
            Kind::Socks5 => "socks5",
        };
        format!("{scheme}://{host}:{}", self.port)
    }

    /// Has the proxy at the other end of `tcp` connect to `target`. The proxy looks up the target's name.
    pub(super) async fn tunnel(&self, tcp: TcpStream, target: &Target) -> Result<TcpStream, ConnectError> {
        match self.kind {
            Kind::Connect => self.connect(tcp, target).await,
            Kind::Socks5 => self.socks(tcp, target).await,
        }
    }

    async fn socks(&self, tcp: TcpStream, target: &Target) -> Result<TcpStream, ConnectError> {
        let to = (target.host.as_str(), target.port);
        let tunnel = match self.intercept.raw_auth() {
            Some((user, password)) => Socks5Stream::connect_with_password_and_socket(tcp, to, user, password).await,
            None => Socks5Stream::connect_with_socket(tcp, to).await,
        };
        Ok(tunnel.map_err(|e| refused(&self.name(), &e.to_string()))?.into_inner())
    }

    async fn connect(&self, mut tcp: TcpStream, target: &Target) -> Result<TcpStream, ConnectError> {
        let lost = |e: std::io::Error| refused(&self.name(), &e.to_string());
        let authority = target.authority();
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
        if let Some(credentials) = self.intercept.basic_auth() {
            request.extend([b"Proxy-Authorization: ", credentials.as_bytes(), b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        tcp.write_all(&request).await.map_err(lost)?;
        let mut answer = Vec::new();
        loop {
            if tcp.read_buf(&mut answer).await.map_err(lost)? == 0 {
                return Err(refused(&self.name(), "it ended the connection before its answer was whole"));
            }
            if self.allows(&answer)? {
                return Ok(tcp);
            }
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(refused(&self.name(), "an answer of more than 16 KiB"));
            }
        }
    }

    /// Whether `answer` is whole and opens the tunnel.
    fn allows(&self, answer: &[u8]) -> Result<bool, ConnectError> {
        let mut headers = [httparse::EMPTY_HEADER; ANSWER_HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let head = response.parse(answer).map_err(|e| refused(&self.name(), &format!("no HTTP answer: {e}")))?;
        let httparse::Status::Complete(len) = head else {
            return Ok(false);
        };
        match response.code {
            // We speak first: what comes behind the answer is none of the target's.
            Some(200..=299) if answer.len() > len => Err(refused(&self.name(), "bytes behind its answer")),
            Some(200..=299) => Ok(true),
            status => {
                let said = format!("status {} {}", status.unwrap_or(0), response.reason.unwrap_or_default().escape_debug());
                Err(refused(&self.name(), said.trim_end()))
            }
        }
    }
}

fn refused(proxy: &str, problem: &str) -> ConnectError {
    ConnectError::Proxy { proxy: proxy.to_owned(), problem: problem.to_owned() }
}

/// A proxy's URL without its user and password.
fn hidden(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(proxy: &str, target: &str) -> Result<Option<Hop>, ConnectError> {
        route(&Proxy::Url(proxy.to_owned()), &Target::parse(target).unwrap())
    }

    #[test]
    fn a_proxys_url_leads_to_a_host_and_a_port() {
        for (url, host, port, kind) in [
            ("http://proxy.example:3128", "proxy.example", 3128, Kind::Connect),
            ("proxy.example:3128", "proxy.example", 3128, Kind::Connect),
            ("http://[::1]:8080", "::1", 8080, Kind::Connect),
            ("socks5://127.0.0.1", "127.0.0.1", 1080, Kind::Socks5),
            ("socks5h://u:p@127.0.0.1:9050", "127.0.0.1", 9050, Kind::Socks5),
        ] {
            let hop = through(url, "ws://example.org").unwrap().unwrap();
            assert_eq!((hop.host.as_str(), hop.port, hop.kind), (host, port, kind), "{url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_spoken_to_is_refused_without_its_password() {
        for url in ["ftp://u:secret@proxy:1", "https://u:secret@proxy:1", "http://u:secret@", ""] {
            let error = through(url, "wss://example.org").unwrap_err();
            assert!(matches!(&error, ConnectError::Proxy { .. }), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_runs_on_this_machine_is_reached_without_the_environments_proxy() {
        for url in ["ws://localhost:1", "ws://127.0.0.9", "wss://[::1]:2"] {
            let target = Target::parse(url).unwrap();
            assert!(target.is_loopback(), "{url}");
            assert!(route(&Proxy::Environment, &target).unwrap().is_none());
        }
        for url in ["ws://localhost.example", "ws://128.0.0.1", "ws://[::2]"] {
            assert!(!Target::parse(url).unwrap().is_loopback(), "{url}");
        }
    }
}
