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

use clap::{Args, ValueEnum};

use crate::args::{Common, Format};
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
    #[arg(long, value_name = "KEY", value_enum, default_value_t)]
    sort: Sort,
    /// In which order
    #[arg(long, value_name = "ORDER", value_enum, default_value_t)]
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

/// What connections are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
enum Sort {
    /// Their number
    #[default]
    Id,
    /// How long they are open
    Age,
    /// Their round trip
    Rtt,
    /// How many pings and heartbeats they left unanswered
    Unanswered,
    /// What waits for them to read
    Queue,
    /// How long they have said nothing
    LastByte,
    /// Their address
    Peer,
}

impl Sort {
    const ALL: [Sort; 7] = [Sort::Id, Sort::Age, Sort::Rtt, Sort::Unanswered, Sort::Queue, Sort::LastByte, Sort::Peer];

    /// The name in requests.
    const fn name(self) -> &'static str {
        match self {
            Sort::Id => "id",
            Sort::Age => "age",
            Sort::Rtt => "rtt",
            Sort::Unanswered => "unanswered",
            Sort::Queue => "queue",
            Sort::LastByte => "last_byte",
            Sort::Peer => "peer",
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
enum Order {
    /// The smallest first
    #[default]
    Asc,
    /// The largest first
    Desc,
}

impl Order {
    const fn name(self) -> &'static str {
        match self {
            Order::Asc => "asc",
            Order::Desc => "desc",
        }
    }

    const fn turned(self) -> Self {
        match self {
            Order::Asc => Order::Desc,
            Order::Desc => Order::Asc,
        }
    }
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
