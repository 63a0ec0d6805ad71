//! `wsbeat dialects`.

use clap::{Args, Subcommand};
use wsbeat_core::dialect::{Codec, Dialect, Initiator, Layer};

use crate::config::{duration_text, find_dialect, load_dialects};
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::output::Out;

/// List the known dialects, show one, or check a file of your own
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wsbeat dialects
  wsbeat dialects show htx-spot-v1 > mine.toml
  wsbeat dialects check mine.toml")]
pub(crate) struct DialectsArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the known dialects (what is done without a word)
    #[command(after_help = "Examples:
  wsbeat dialects list
  wsbeat dialects list --format json
  wsbeat dialects list | grep unverified")]
    List,
    /// Print one as a file that serve and connect load with --dialects FILE, with notes
    #[command(after_help = "Examples:
  wsbeat dialects show htx-spot-v1
  wsbeat dialects show okx > mine.toml
  wsbeat dialects show blog --format json")]
    Show {
        /// Its id
        id: String,
    },
    /// Check a file of dialects, by the road that serve takes
    #[command(after_help = "Examples:
  wsbeat dialects check mine.toml
  wsbeat dialects check mine.toml --format json
  wsbeat dialects show okx > mine.toml && wsbeat dialects check mine.toml")]
    Check {
        /// The file
        file: String,
    },
}

/// What who lists dialects should know of the profiles of the transport plane.
pub(crate) const TORNADO_TRAP: &str = "\
tornado-6.4 closes every healthy peer when ping_timeout < ping_interval, and when they are equal as soon as a tick is late:
as its original does; it keeps peers only while their round trip is below ping_timeout - ping_interval.
tornado-6.5 cuts a ping_timeout longer than ping_interval to it. Neither has a default interval: give --ping-interval.";

pub(crate) fn run(args: DialectsArgs, out: &mut Out) -> Result<Exit, Failure> {
    match args.action.unwrap_or(Action::List) {
        Action::List => list(out),
        Action::Show { id } => show(&id, out),
        Action::Check { file } => check(&file, out),
    }
}

fn list(out: &mut Out) -> Result<Exit, Failure> {
    let all = Dialect::presets();
    let rows: Vec<[String; 6]> = all.iter().map(row).collect();
    let head = ["id", "asks", "wire", "every", "death", "status"].map(String::from);
    let mut width = [0; 6];
    for row in rows.iter().chain([&head]) {
        for (width, cell) in width.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    out.text(|| line(&head, &width))?;
    for (dialect, row) in all.iter().zip(&rows) {
        out.line(|| line(row, &width), || facts(dialect))?;
    }
    out.text(|| format!("\nOf the profiles of the transport plane (serve --profile) two have a trap:\n{TORNADO_TRAP}"))?;
    Ok(Exit::Done)
}

fn row(dialect: &Dialect) -> [String; 6] {
    [
        dialect.id().into(),
        asks(dialect).into(),
        wire(dialect),
        duration_text(dialect.interval()),
        dialect.death().into(),
        status(dialect).into(),
    ]
}

fn line(cells: &[String; 6], width: &[usize; 6]) -> String {
    let cells: Vec<String> = cells.iter().zip(width).map(|(cell, width)| format!("{cell:width$}")).collect();
    cells.join("  ").trim_end().to_owned()
}

const fn asks(dialect: &Dialect) -> &'static str {
    match dialect.initiator() {
        Initiator::Server => "server",
        Initiator::Client => "client",
        Initiator::Both => "both",
        Initiator::OneWay => "one-way",
    }
}

fn wire(dialect: &Dialect) -> String {
    let layer = match dialect.layer() {
        Layer::Control => "control",
        Layer::Text => "text",
        Layer::Binary => "binary",
    };
    match dialect.codec() {
        Codec::Identity => layer.into(),
        Codec::Gzip => format!("gzip {layer}"),
        Codec::Deflate => format!("deflate {layer}"),
    }
}

fn status(dialect: &Dialect) -> &'static str {
    if dialect.is_verified() { "verified" } else { "unverified" }
}

fn facts(dialect: &Dialect) -> Object {
    Object::event("dialect")
        .with("id", dialect.id())
        .with("asks", asks(dialect))
        .with("wire", wire(dialect))
        .with("interval", duration_text(dialect.interval()))
        .with("death", dialect.death())
        .with("status", status(dialect))
        .with("unverified", dialect.unverified().collect::<Vec<_>>())
        .with("subprotocol", dialect.subprotocol())
        .with("source", dialect.source())
}

fn show(id: &str, out: &mut Out) -> Result<Exit, Failure> {
    let dialect = find_dialect(id, &[]).map_err(|problem| Failure::usage(format_args!("{id}: {problem}")))?;
    out.line(|| format!("{}\n{}", notes(&dialect), dialect.to_toml().trim_end()), || facts(&dialect).with("toml", dialect.to_toml()))?;
    Ok(Exit::Done)
}

/// What a person should know, as comments of the file.
fn notes(dialect: &Dialect) -> String {
    let unverified: Vec<&str> = dialect.unverified().collect();
    let mut notes = format!("# {}: {}\n# status: {}", dialect.id(), dialect.source(), status(dialect));
    if !unverified.is_empty() {
        notes.push_str(&format!(" (not checked against the source: {})", unverified.join(", ")));
    }
    notes.push_str(&format!("\n# to change it: edit, then wsbeat serve --dialects FILE --dialect {}", dialect.id()));
    notes
}

fn check(file: &str, out: &mut Out) -> Result<Exit, Failure> {
    let loaded = load_dialects(file).map_err(|problem| Failure::usage(format_args!("{file}: {problem}")))?;
    let ids: Vec<&str> = loaded.iter().map(Dialect::id).collect();
    out.line(
        || format!("{file}: ok: {}", ids.join(", ")),
        || Object::event("dialects").with("file", file).with("ok", true).with("ids", &ids),
    )?;
    Ok(Exit::Done)
}
