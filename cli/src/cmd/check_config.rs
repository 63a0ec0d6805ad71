//! `wsbeat check-config`.

use std::path::PathBuf;

use clap::Args;

use crate::config;
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::output::Out;

/// Check a configuration file of serve
///
/// Every key and value is read as serve reads it. Exits with 0 where serve would take the file alone, with 2 and every mistake by its line where not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wsbeat check-config wsbeat.toml
  wsbeat check-config wsbeat.toml --format json
  wsbeat serve --print-config > wsbeat.toml && wsbeat check-config wsbeat.toml")]
pub(crate) struct CheckConfigArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: &CheckConfigArgs, out: &mut Out) -> Result<Exit, Failure> {
    config::read_file(&args.file)?.read()?;
    let file = args.file.display().to_string();
    out.line(|| format!("{file}: ok"), || Object::event("config").with("file", &file).with("ok", true))?;
    Ok(Exit::Done)
}
