//! The command line: what all subcommands share.

use clap::{ArgAction, Args, ColorChoice, Parser, Subcommand, ValueEnum};

use crate::cmd::{advise, check_config, completions, connect, dialects, load, man, ping, replay, serve, simulate, top};

/// Keeps WebSocket connections honest: serve, connect and watch heartbeats, and learn why a peer was given up
#[derive(Debug, Parser)]
#[command(name = "wsbeat", version, max_term_width = 120, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  wsbeat serve
  wsbeat connect ws://127.0.0.1:8888
  wsbeat dialects

Exit status: 0 done, 1 a negative result, 2 usage or configuration, 3 could not bind or connect,
4 heartbeat lost, 5 the peer closed or broke the protocol otherwise.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Box<serve::ServeArgs>),
    Connect(Box<connect::ConnectArgs>),
    Ping(Box<ping::PingArgs>),
    Load(Box<load::LoadArgs>),
    Advise(advise::AdviseArgs),
    Simulate(Box<simulate::SimulateArgs>),
    Replay(replay::ReplayArgs),
    Top(top::TopArgs),
    Dialects(dialects::DialectsArgs),
    CheckConfig(check_config::CheckConfigArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Options of every subcommand.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// The form of results on standard output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) format: Format,
    /// The form of logs on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) log_format: LogFormat,
    /// Log more: once for openings and ordinary ends, twice for every answer
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log less: once for errors only, twice for nothing
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(crate) quiet: u8,
    /// When to use colour; the environment's NO_COLOR turns it off
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
}

impl Common {
    /// Whether to use colours for a stream that `is_terminal` or not (<https://no-color.org>).
    pub(crate) fn wants_colour(&self, is_terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
    /// Nothing: the exit status says it
    Quiet,
}

/// The form of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_unless_asked_for_or_against() {
        let wants = |choice: &str, is_terminal| Cli::parse_from(["wsbeat", "--color", choice, "dialects"]).common.wants_colour(is_terminal);
        assert!(wants("always", false) && !wants("never", true) && !wants("auto", false));
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        assert_eq!(wants("auto", true), !no_color);
    }
}
