//! What all commands share that connect to a server: how to get there, and what its end means.

pub(crate) mod ending;
pub(crate) mod judge;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use wsbeat_core::dialect::Dialect;
use wsbeat_tokio::client::{Client, ConnectError, Limits, Trust};
use wsbeat_tokio::heartbeat::DialectChoice;

use crate::config::{duration, find_dialect, load_dialects};
use crate::escape::one_line;
use crate::exit::{Exit, Failure};

/// How a server is connected to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Way {
    /// A header of the upgrade request; may be repeated
    #[arg(short = 'H', long, value_name = "K: V", value_parser = header)]
    header: Vec<(String, String)>,
    /// The subprotocol to ask for [default: the dialect's]
    #[arg(long, value_name = "NAME")]
    subprotocol: Option<String>,
    /// Trust the certificates in this PEM file and no others
    #[arg(long, value_name = "FILE", conflicts_with = "insecure", value_hint = ValueHint::FilePath)]
    ca: Option<PathBuf>,
    /// Check no certificate: for tests
    #[arg(long)]
    insecure: bool,
    /// How long DNS, TCP, TLS and the upgrade may take together
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = duration)]
    pub(crate) connect_timeout: Duration,
}

impl Way {
    /// A client of `url` that goes this way.
    ///
    /// # Errors
    /// The file of certificates cannot be used.
    pub(crate) fn client(&self, url: &str, limits: Limits) -> Result<Client, Failure> {
        let limits = Limits { connect_timeout: self.connect_timeout, ..limits };
        let mut client = Client::new(url).limits(limits).trust(self.trust()?);
        if let Some(name) = &self.subprotocol {
            client = client.subprotocol(name);
        }
        for (name, value) in &self.header {
            client = client.header(name, value);
        }
        Ok(client)
    }

    /// The headers of the upgrade request.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        self.header.clone()
    }

    /// Whom a `wss://` server is believed.
    ///
    /// # Errors
    /// The file of certificates cannot be used.
    pub(crate) fn trust(&self) -> Result<Trust, Failure> {
        let Some(file) = &self.ca else {
            return Ok(if self.insecure { Trust::Insecure } else { Trust::Platform });
        };
        let wrong = |problem: &str| Failure::usage(format_args!("--ca {}: {problem}", file.display()));
        let bytes = std::fs::read(file).map_err(|error| wrong(&error.to_string()))?;
        let is_certificate = bytes.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE);
        if !is_certificate {
            return Err(wrong("no certificate in PEM form in it"));
        }
        Ok(Trust::CaFile(file.clone()))
    }
}

/// How a certificate begins in PEM form (RFC 7468 §5).
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// The dialect of this name: `auto`, `none`, or an id, of those in the file `own` too.
///
/// # Errors
/// There is none of that name, or the file cannot be read.
pub(crate) fn dialect(name: &str, own: Option<&str>) -> Result<DialectChoice, Failure> {
    let own = match own {
        Some(file) => load_dialects(file).map_err(|problem| Failure::usage(format_args!("{file}: {problem}")))?,
        None => Vec::new(),
    };
    match name {
        "auto" => {
            // They are loaded at their first use; that shall not be the first heartbeat, whose answer is timed.
            let _ = Dialect::presets();
            Ok(DialectChoice::Auto)
        }
        "none" => Ok(DialectChoice::None),
        id => match find_dialect(id, &own) {
            Ok(dialect) => Ok(DialectChoice::Named(dialect)),
            Err(problem) => Err(Failure::usage(format_args!("--dialect {id}: {problem}"))),
        },
    }
}

/// Why there is no connection to `url`.
pub(crate) fn not_connected(url: &str, error: &ConnectError) -> Failure {
    match error {
        ConnectError::Url { .. } | ConnectError::Header { .. } | ConnectError::Policy(_) | ConnectError::Limit { .. } => {
            Failure::usage(error)
        }
        // What the server said may be in it.
        _ => Failure::new(Exit::Unreachable, format_args!("cannot connect to {url}: {}", one_line(&error.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_split_at_its_first_colon() {
        assert_eq!(header("X-Key:  a:b "), Ok(("X-Key".into(), "a:b".into())));
        assert!(header("no colon").is_err());
    }
}
