//! `wsbeat top`.

mod app;
mod client;
mod feed;
mod history;
mod once;
mod screen;
mod view;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use wsbeat_tokio::admin::api::{Order, Sort};

use crate::common::{Common, Format};
use crate::config::duration;
use crate::exit::{Exit, Failure};
use crate::output::Out;
use client::{Client, Query};

/// Watch a running server: connections, rates, round trips, and who was given up and why
///
/// Shows what the admin address of a server says (wsbeat serve --admin ADDR), once a second, until q. When the server is away
/// it says so and tries again. Without a terminal, with --once or in JSON it prints and shows nothing live.
///
/// Keys: q ends; s and S choose what connections are sorted by, r turns the order round; / searches, Esc forgets the
/// search; arrows, PgUp, PgDn, Home and End move; p stops the picture and lets it go on.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TopArgs {
    /// The admin address, as a URL or as HOST:PORT
    #[arg(value_name = "ADMIN-URL", default_value = "http://127.0.0.1:9888")]
    url: String,
    /// The token that the admin address wants
    #[arg(long, value_name = "TOKEN", env = "WSBEAT_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// Print what is there now, and end
    #[arg(long)]
    once: bool,
    /// How often to ask
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// What to sort connections by
    #[arg(long, value_name = "KEY", default_value = "id", value_parser = one_of(&Sort::ALL, sort))]
    sort: Sort,
    /// In which order
    #[arg(long, value_name = "ORDER", default_value = "asc", value_parser = one_of(&Order::ALL, order))]
    order: Order,
    /// Only connections whose number, peer or listener has this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    search: String,
    /// How many connections to show
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

const EXAMPLES: &str = "Examples:
  wsbeat top
  wsbeat top http://127.0.0.1:9888 --sort rtt --order desc
  wsbeat top --once --format json --limit 1000

Exit status: 0 when you leave, 2 usage, 3 when --once, a pipe or JSON finds no server, or it refuses.";

/// The name of an order on the command line, and what it means.
fn sort(key: Sort) -> (&'static str, &'static str) {
    match key {
        Sort::Id => ("id", "Their number"),
        Sort::Age => ("age", "How long they are open"),
        Sort::Rtt => ("rtt", "Their round trip"),
        Sort::Unanswered => ("unanswered", "How many pings and heartbeats they left unanswered"),
        Sort::Queue => ("queue", "What waits for them to read"),
        Sort::LastByte => ("last-byte", "How long they have said nothing"),
        Sort::Peer => ("peer", "Their address"),
    }
}

fn order(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Asc => ("asc", "The smallest first"),
        Order::Desc => ("desc", "The largest first"),
    }
}

/// Reads one of `all` by its name, and tells what there is.
fn one_of<T: Copy + Default + Send + Sync + 'static>(
    all: &'static [T],
    told: fn(T) -> (&'static str, &'static str),
) -> impl TypedValueParser<Value = T> {
    let values = all.iter().map(|one| PossibleValue::new(told(*one).0).help(told(*one).1));
    PossibleValuesParser::new(values).map(move |name| all.iter().copied().find(|one| told(*one).0 == name).unwrap_or_default())
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_millis(100) {
        return Err("at least 100ms".into());
    }
    Ok(interval)
}

pub(crate) fn run(args: TopArgs, common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let client = Client::new(&args.url, args.admin_token.as_deref())?;
    let query = Query { sort: args.sort, order: args.order, search: args.search, limit: args.limit };
    if args.once || common.format != Format::Text || !io::stdout().is_terminal() {
        let again = (common.format == Format::Json && !args.once).then_some(args.interval);
        return once::run(&client, &query, again, out);
    }
    screen::run(client, query, args.interval, common.wants_colour(true))
}
