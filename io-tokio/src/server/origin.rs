//! Which web pages may connect (RFC 6455 §10.2).

use std::fmt;
use std::str::FromStr;

/// The web pages that may connect besides those of the host that was asked for.
///
/// Browsers name the page's origin in every handshake; whatever sends none is no browser and passes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Origins {
    allowed: Vec<OriginPattern>,
}

/// `scheme://host[:port]`, where a label of the host may be `*`; or `*` alone for all origins, `null` included.
///
/// Without a port it matches the scheme's own. `*` stands for exactly one label: `https://*.example.com` matches
/// `https://a.example.com`, but neither `https://a.b.example.com` nor `https://example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    All,
    One(Origin),
}

/// A pattern that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("origin {0:?}: write scheme://host[:port], with * for one label of the host, or * alone for all")]
pub struct OriginError(String);

/// Scheme and host in lower case; the port resolved where the scheme has one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origins {
    /// These patterns besides the host that was asked for.
    #[must_use]
    pub fn allowing(allowed: Vec<OriginPattern>) -> Self {
        Origins { allowed }
    }

    /// Whether a page of `origin` may connect to `host`, the request's `Host`.
    #[must_use]
    pub fn allow(&self, origin: &str, host: &str) -> bool {
        let page = Origin::parse(origin);
        if page.as_ref().is_some_and(|page| page.is_at(host)) {
            return true;
        }
        self.allowed.iter().any(|pattern| match (&pattern.0, &page) {
            (Pattern::All, _) => true,
            (Pattern::One(one), Some(page)) => one.matches(page),
            (Pattern::One(_), None) => false,
        })
    }
}

impl FromStr for OriginPattern {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text == "*" {
            return Ok(OriginPattern(Pattern::All));
        }
        let wrong = || OriginError(text.into());
        let origin = Origin::parse(text).ok_or_else(wrong)?;
        let labels_are_whole = origin.host.split('.').all(|label| label == "*" || !label.contains('*'));
        if !labels_are_whole {
            return Err(wrong());
        }
        Ok(OriginPattern(Pattern::One(origin)))
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::All => f.write_str("*"),
            Pattern::One(o) if o.port == own_port(&o.scheme) => write!(f, "{}://{}", o.scheme, o.host),
            Pattern::One(o) => write!(f, "{}://{}:{}", o.scheme, o.host, o.port.unwrap_or(0)),
        }
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let scheme_is_one = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !scheme_is_one {
            return None;
        }
        let (host, port) = authority_parts(authority)?;
        let port = port.or(own_port(&scheme));
        Some(Origin { scheme, host, port })
    }

    fn is_at(&self, host_header: &str) -> bool {
        authority_parts(host_header).is_some_and(|(host, port)| host == self.host && port.or(own_port(&self.scheme)) == self.port)
    }

    fn matches(&self, page: &Origin) -> bool {
        if self.scheme != page.scheme || self.port != page.port {
            return false;
        }
        let (mut ours, mut theirs) = (self.host.split('.'), page.host.split('.'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some("*"), Some(label)) if !label.is_empty() => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    }
}

/// Host in lower case and port, where `text` is nothing but these.
fn authority_parts(text: &str) -> Option<(String, Option<u16>)> {
    let end_of_host = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at(end_of_host);
    let host_is_one = !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"/\\?#@,".contains(&b));
    if !host_is_one {
        return None;
    }
    let port = match rest {
        "" => None,
        _ => Some(rest.strip_prefix(':')?.parse().ok()?),
    };
    Some((host.to_ascii_lowercase(), port))
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(patterns: &[&str]) -> Origins {
        Origins::allowing(patterns.iter().map(|p| p.parse().unwrap()).collect())
    }

    #[test]
    fn threat_12_the_host_that_was_asked_for_passes_and_no_other() {
        let none = Origins::default();
        for (origin, host) in [
            ("http://example.com", "example.com"),
            ("https://Example.com", "example.COM:443"),
            ("http://127.0.0.1:8888", "127.0.0.1:8888"),
            ("http://[::1]:8888", "[::1]:8888"),
        ] {
            assert!(none.allow(origin, host), "{origin} at {host}");
        }
        for (origin, host) in [
            ("null", "example.com"),
            ("http://example.com:81", "example.com"),
            ("http://example.com.evil.org", "example.com"),
            ("http://evilexample.com", "example.com"),
            ("http://example.com@evil.org", "example.com"),
            ("http://example.com/", "example.com"),
            ("example.com", "example.com"),
            ("", ""),
        ] {
            assert!(!none.allow(origin, host), "{origin} at {host}");
        }
    }

    #[test]
    fn threat_12_patterns_stand_for_whole_labels() {
        let some = origins(&["https://*.example.com", "http://localhost:3000"]);
        assert!(some.allow("https://a.example.com", "h"));
        assert!(some.allow("http://localhost:3000", "h"));
        for origin in [
            "https://example.com",
            "https://a.b.example.com",
            "https://.example.com",
            "http://a.example.com",
            "https://a.example.com:8443",
            "https://a.example.com.evil.org",
            "http://localhost",
            "null",
        ] {
            assert!(!some.allow(origin, "h"), "{origin}");
        }
        assert!(origins(&["*"]).allow("null", "h"));
        for wrong in ["", "example.com", "https://a*.example.com", "https://", "https://h:99999", "https://h/p"] {
            assert!(wrong.parse::<OriginPattern>().is_err(), "{wrong}");
        }
        assert_eq!("HTTPS://*.Example.com".parse::<OriginPattern>().unwrap().to_string(), "https://*.example.com");
    }
}
