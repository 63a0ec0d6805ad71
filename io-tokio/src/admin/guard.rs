//! Who may ask for what.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use subtle::ConstantTimeEq;

use crate::server::Origins;

/// The header that says a request comes from no form.
const OWN_HEADER: &str = "x-wsbeat";

#[derive(Debug)]
pub(super) struct Guard {
    token: Option<Token>,
    hosts: Vec<String>,
    /// The admin's own origin only.
    origins: Origins,
}

/// A secret that is not shown.
struct Token(Box<[u8]>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Who may ask for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever checks whether the server lives; it tells nothing else.
    Health,
    /// Any page of our own: the files of the live page, which asks for the token itself.
    Page,
    /// Who knows the token.
    Data,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// Not asked for by a name of ours: 403.
    Host,
    /// From a page of another site: 403.
    Origin,
    /// Without the token, or with another: 401.
    Token,
    /// A change that a form of another site could have sent: 403.
    Form,
    /// As many connections as there may be: 503.
    Connections,
    /// As many event streams as there may be: 503.
    Streams,
}

impl Denied {
    /// Every reason, in the order of their definition.
    const ALL: [Denied; 6] = [Denied::Host, Denied::Origin, Denied::Token, Denied::Form, Denied::Connections, Denied::Streams];

    const fn name(self) -> &'static str {
        match self {
            Denied::Host => "host",
            Denied::Origin => "origin",
            Denied::Token => "token",
            Denied::Form => "form",
            Denied::Connections => "connections",
            Denied::Streams => "streams",
        }
    }
}

/// How often each reason was given.
#[derive(Debug, Default)]
pub(super) struct DeniedCounts([AtomicU64; Denied::ALL.len()]);

impl DeniedCounts {
    pub(super) fn add(&self, reason: Denied) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Each reason by its name.
    pub(super) fn all(&self) -> [(&'static str, u64); Denied::ALL.len()] {
        Denied::ALL.map(|reason| (reason.name(), self.0[reason as usize].load(Ordering::Relaxed)))
    }
}

impl Guard {
    pub(super) fn new(token: Option<String>, hosts: Vec<String>) -> Self {
        Guard { token: token.map(|token| Token(token.into_bytes().into())), hosts, origins: Origins::default() }
    }

    pub(super) fn check(&self, access: Access, request: &Parts) -> Result<(), Denied> {
        if access == Access::Health {
            return Ok(());
        }
        let headers = &request.headers;
        let host = host_of(request).filter(|host| self.is_ours(host)).ok_or(Denied::Host)?;
        if !self.is_own_origin(headers, host) {
            return Err(Denied::Origin);
        }
        if access == Access::Page {
            return Ok(());
        }
        // Browsers say so of everything that another site makes them load, images too, which bear no Origin.
        if only(headers, "sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site") {
            return Err(Denied::Origin);
        }
        match &self.token {
            Some(token) if !token.is_borne_by(headers) => Err(Denied::Token),
            None if request.method != Method::GET && request.method != Method::HEAD && only(headers, OWN_HEADER) != Some("1") => {
                Err(Denied::Form)
            }
            _ => Ok(()),
        }
    }

    /// Whether a `Host` is one that only a server here answers to: a name that others own may point here as well.
    fn is_ours(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        let is_address = name.parse::<IpAddr>().is_ok();
        is_address || name.eq_ignore_ascii_case("localhost") || self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
    }

    fn is_own_origin(&self, headers: &HeaderMap, host: &str) -> bool {
        if !headers.contains_key(ORIGIN) {
            return true;
        }
        only(headers, ORIGIN.as_str()).is_some_and(|origin| self.origins.allow(origin, host))
    }
}

impl Token {
    fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        let Some((scheme, token)) = only(headers, AUTHORIZATION.as_str()).and_then(|value| value.split_once(' ')) else {
            return false;
        };
        // In a time that does not depend on how much of it is right; only its length can be guessed from that.
        scheme.eq_ignore_ascii_case("bearer") && bool::from(token.trim().as_bytes().ct_eq(&self.0))
    }
}

/// The host that was asked for: `Host`, and the same where the target names one too.
fn host_of(request: &Parts) -> Option<&str> {
    let host = only(&request.headers, HOST.as_str())?;
    let target = request.uri.authority().map(hyper::http::uri::Authority::as_str);
    target.is_none_or(|target| target.eq_ignore_ascii_case(host)).then_some(host)
}

/// The name or address in a `Host`, without port and brackets.
fn name_of(host: &str) -> Option<&str> {
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return (port.is_empty() || is_port(port.strip_prefix(':')?)).then_some(address);
    }
    match host.split_once(':') {
        Some((name, port)) => is_port(port).then_some(name),
        None => Some(host),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// The value of a header that stands once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then_some(())?;
    first.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: Method, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = hyper::Request::builder().method(method).uri("/api/summary");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn get(headers: &[(&'static str, &str)]) -> Result<(), Denied> {
        Guard::new(None, vec!["Admin.example".into()]).check(Access::Data, &parts(Method::GET, headers))
    }

    #[test]
    fn only_addresses_localhost_and_configured_names_are_ours() {
        for host in ["127.0.0.1:9", "127.0.0.1", "[::1]:9", "[::1]", "localhost", "LOCALHOST:80", "admin.example:9", "10.1.2.3:4"] {
            assert_eq!(get(&[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example:9", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:x", "[::1", "[::1]x", ""] {
            assert_eq!(get(&[("host", host)]), Err(Denied::Host), "{host}");
        }
        assert_eq!(get(&[]), Err(Denied::Host));
        assert_eq!(get(&[("host", "localhost"), ("host", "localhost")]), Err(Denied::Host));
    }

    #[test]
    fn a_target_that_names_another_host_is_refused() {
        let request = hyper::Request::builder().uri("http://evil.example/").header("host", "127.0.0.1:9").body(()).unwrap();
        let guard = Guard::new(None, Vec::new());
        assert_eq!(guard.check(Access::Page, &request.into_parts().0), Err(Denied::Host));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let host = ("host", "127.0.0.1:9");
        assert_eq!(get(&[host, ("origin", "http://127.0.0.1:9")]), Ok(()));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:8", "http://127.0.0.1:9.evil.example", ""] {
            assert_eq!(get(&[host, ("origin", origin)]), Err(Denied::Origin), "{origin}");
        }
        assert_eq!(get(&[host, ("sec-fetch-site", "cross-site")]), Err(Denied::Origin));
        assert_eq!(get(&[host, ("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(get(&[host, ("sec-fetch-site", "none")]), Ok(()));
    }

    #[test]
    fn what_changes_something_wants_a_header_that_no_form_sends() {
        let post = |headers: &[(&'static str, &str)]| Guard::new(None, Vec::new()).check(Access::Data, &parts(Method::POST, headers));
        let host = ("host", "localhost");
        assert_eq!(post(&[host]), Err(Denied::Form));
        assert_eq!(post(&[host, ("content-type", "application/x-www-form-urlencoded")]), Err(Denied::Form));
        assert_eq!(post(&[host, ("x-wsbeat", "1")]), Ok(()));
    }

    #[test]
    fn a_token_is_wanted_whole() {
        let guard = Guard::new(Some("s3cret".into()), Vec::new());
        let with = |value: &str| guard.check(Access::Data, &parts(Method::POST, &[("host", "[::1]"), ("authorization", value)]));
        assert_eq!(with("Bearer s3cret"), Ok(()));
        assert_eq!(with("bearer s3cret"), Ok(()));
        for wrong in ["Bearer s3cre", "Bearer s3crett", "Bearer ", "Bearer", "Basic s3cret", "s3cret", "Bearer S3cret"] {
            assert_eq!(with(wrong), Err(Denied::Token), "{wrong}");
        }
        let without = parts(Method::GET, &[("host", "localhost"), ("x-wsbeat", "1")]);
        assert_eq!(guard.check(Access::Data, &without), Err(Denied::Token));
        assert_eq!(guard.check(Access::Page, &without), Ok(()));
        assert_eq!(guard.check(Access::Health, &parts(Method::GET, &[])), Ok(()));
    }
}
