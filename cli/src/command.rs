//! The command line as a whole: every subcommand.

use clap::{Parser, Subcommand};

use crate::cmd::{advise, check_config, completions, connect, dialects, load, man, ping, replay, serve, simulate, top};
use crate::common::Common;

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cmd::man::{name, page};

    #[test]
    fn colours_are_for_terminals_unless_asked_for_or_against() {
        let wants = |choice: &str, is_terminal| Cli::parse_from(["wsbeat", "--color", choice, "dialects"]).common.wants_colour(is_terminal);
        assert!(wants("always", false) && !wants("never", true) && !wants("auto", false));
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        assert_eq!(wants("auto", true), !no_color);
    }

    #[test]
    fn every_subcommand_has_a_page_that_names_its_options() {
        let all = Cli::command();
        let mut command = all.clone().disable_help_subcommand(true);
        command.build();
        let mut commands = vec![&command];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands());
            let page = page(command, &all).unwrap();
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "\"SEE ALSO\""] {
                assert!(page.contains(&format!(".SH {section}\n")), "{}: {section}", name(command));
            }
            for long in command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(clap::Arg::get_long) {
                let roff = format!("\\-\\-{}", long.replace('-', "\\-"));
                assert!(page.contains(&roff), "{}: --{long}", name(command));
            }
        }
    }
}
