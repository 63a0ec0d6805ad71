//! Prometheus text, as the parser of the Python client library understands it.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::install::{install_packages, sources};

/// A family of metrics.
#[derive(Clone, Debug, Deserialize)]
pub struct Family {
    /// Its name; of a counter, without `_total`.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is.
    pub help: String,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    /// Its name, with what the type adds to that of its family.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    value: String,
}

impl Sample {
    /// Its value.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value.parse().expect("a number")
    }
}

/// What the parser understands of `text`. Where Python or the package is missing, the test says so and gets nothing.
///
/// # Panics
/// If the parser refuses the text; instead of skipping, if `WSBEAT_INTEROP=require`.
#[must_use]
pub fn parse_metrics(test: &str, text: &str) -> Option<Vec<Family>> {
    let python = match install_packages("prometheus", "import prometheus_client.parser") {
        Ok(python) => python,
        Err(reason) => {
            assert!(env::var("WSBEAT_INTEROP").as_deref() != Ok("require"), "{test} cannot be skipped here: {reason}");
            // Past the capturing of a passing test's output: a skip is to be seen.
            let _ = writeln!(io::stderr(), "{test} skipped: {reason}");
            return None;
        }
    };
    let mut command = Command::new(python);
    command.arg(sources().join("parse_metrics.py")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut parser = command.spawn().expect("starts");
    parser.stdin.take().expect("is piped").write_all(text.as_bytes()).expect("reads");
    let output = parser.wait_with_output().expect("ends");
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}
