//! What the admin address says, asked over HTTP.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::{Agent, Body, http::Response};
use wsbeat_tokio::admin::api::{ConnectionsPage, Order, Refused, Sort, Summary, VerdictEvent};

use crate::exit::{Exit, Failure};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read: a page of a thousand connections takes a quarter of it.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// Which connections to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) sort: Sort,
    pub(super) order: Order,
    pub(super) search: String,
    pub(super) limit: u32,
}

/// What came out of the stream of events.
#[derive(Debug)]
pub(super) enum Event {
    /// A connection was given up or closed.
    Verdict(VerdictEvent),
    /// The figures of this second.
    Summary(Box<Summary>),
}

/// Asks one admin address.
#[derive(Clone, Debug)]
pub(super) struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A client of the address at `url`, which may leave out `http://`.
    ///
    /// # Errors
    /// It is no such address.
    pub(super) fn new(url: &str, token: Option<&str>) -> Result<Self, Failure> {
        let wrong = |problem: &str| Failure::usage(format_args!("{url}: {problem}"));
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        if scheme != "http" {
            return Err(wrong("an admin address speaks http://"));
        }
        let base = format!("http://{}", rest.trim_end_matches('/'));
        let parsed: ureq::http::Uri = base.parse().map_err(|_| wrong("no URL"))?;
        if parsed.host().is_none_or(str::is_empty) || parsed.path().len() > 1 || parsed.query().is_some() {
            return Err(wrong("write it as http://127.0.0.1:9888"));
        }
        // Proxies of the environment are for the world outside.
        let config = Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0);
        let config = config.timeout_connect(Some(PATIENCE)).timeout_recv_response(Some(PATIENCE)).timeout_per_read(Some(PATIENCE));
        Ok(Client { agent: config.build().new_agent(), base, token: token.map(str::to_owned) })
    }

    /// The address.
    pub(super) fn url(&self) -> &str {
        &self.base
    }

    /// The figures now.
    pub(super) fn summary(&self) -> Result<Summary, Failure> {
        self.json("/api/summary")
    }

    /// The connections.
    pub(super) fn connections(&self, query: &Query) -> Result<ConnectionsPage, Failure> {
        let Query { sort, order, search, limit } = query;
        let search: String = search.bytes().map(escaped).collect();
        self.json(&format!("/api/connections?limit={limit}&sort={}&order={}&q={search}", sort.name(), order.name()))
    }

    /// The stream of events, until it ends, nothing comes for a while, or `take` has enough and says so with `false`.
    pub(super) fn events(&self, mut take: impl FnMut(Event) -> bool) -> Result<(), Failure> {
        let mut response = self.get("/api/events")?;
        let mut name = String::new();
        for line in BufReader::new(response.body_mut().as_reader()).lines() {
            let line = line.map_err(|error| self.failed(&error))?;
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                // An event that we do not know is none of ours.
                if let Some(event) = self.event(&name, data)?
                    && !take(event)
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn event(&self, name: &str, data: &str) -> Result<Option<Event>, Failure> {
        let read = match name {
            "verdict" => serde_json::from_str(data).map(Event::Verdict),
            "summary" => serde_json::from_str(data).map(|summary| Event::Summary(Box::new(summary))),
            _ => return Ok(None),
        };
        read.map(Some).map_err(|error| self.failed(&error))
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let mut response = self.get(path)?;
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(|error| self.failed(&error))?;
        serde_json::from_str(&text).map_err(|error| self.failed(&error))
    }

    fn get(&self, path: &str) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().map_err(|error| self.failed(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().unwrap_or_default();
        let reason = serde_json::from_str(&text).map_or_else(|_| "is this an admin address?".into(), |refused: Refused| refused.error);
        Err(self.failed(&format_args!("HTTP status {}: {reason}", status.as_u16())))
    }

    fn failed(&self, problem: &dyn std::fmt::Display) -> Failure {
        Failure::new(Exit::Unreachable, format_args!("{}: {problem}", self.base))
    }
}

/// A byte of a query, escaped where it has to be (RFC 3986 §2.3).
fn escaped(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_what_is_always_the_same() {
        for (given, base) in [
            ("http://127.0.0.1:9888", "http://127.0.0.1:9888"),
            ("http://localhost:1/", "http://localhost:1"),
            ("127.0.0.1:9888", "http://127.0.0.1:9888"),
            ("[::1]:9090", "http://[::1]:9090"),
        ] {
            assert_eq!(Client::new(given, None).unwrap().url(), base);
        }
    }

    #[test]
    fn what_is_no_admin_address_is_said_to_be_none() {
        for wrong in ["ws://127.0.0.1:9888", "https://127.0.0.1:9888", "http://", "http://a/metrics", "http://a?x", "a b"] {
            assert_eq!(Client::new(wrong, None).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn a_search_is_escaped() {
        assert_eq!("[::1] &é".bytes().map(escaped).collect::<String>(), "%5B%3A%3A1%5D%20%26%C3%A9");
    }
}
