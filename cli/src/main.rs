//! The `wsbeat` command: servers, clients and tools around the rules of [`wsbeat_core`], over the sockets of [`wsbeat_tokio`].
//!
//! | subcommands | what they do |
//! |---|---|
//! | `serve` | a server, from flags or a file: several listeners, workers, TLS, an admin address with a live page, traces |
//! | `connect`, `ping` | one client: answers heartbeats as an exchange's would, or asks for the round trip |
//! | `load` | many clients: spacing, lateness and latency of a server under load, with objectives |
//! | `top` | the admin address of a running server, in a terminal |
//! | `advise`, `dialects`, `check-config` | what settings mean before they meet a network |
//! | `replay`, `simulate` | the rules without a network: a recorded trace decided again, a storm in virtual time |
//! | `completions`, `man` | for shells and packages |
//!
//! Each is a file in `cmd`, and its flags are documented there: they are the help texts, and the pages of `man`. What
//! connects to a server goes by `outbound`; settings from flags, environment and files become one thing in `config`; what is
//! said goes to standard output by `output` and to standard error by `logging`, for people or as JSON. How it ended is a
//! number of `exit`: 0 done, 1 a negative result, 2 usage, 3 unreachable, 4 a heartbeat lost, 5 the peer closed.
//!
//! ```console
//! $ wsbeat serve --listen 127.0.0.1:8888 --dialect htx-spot-v1
//! $ wsbeat connect ws://127.0.0.1:8888
//! ```
#![allow(rustdoc::broken_intra_doc_links, reason = "the docs of flags are help texts, in which [::1]:8888 is an address")]

mod cmd;
mod command;
mod common;
mod config;
mod escape;
mod exit;
mod human;
mod json;
mod logging;
mod outbound;
mod output;
mod recording;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _};

use command::{Cli, Command};
use common::Common;
use exit::{Exit, Failure};
use logging::Logger;
use output::Out;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let command = Cli::command().color(help_color(&arguments));
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let (log, guard) = Logger::start(&cli.common);
    let mut out = Out::stdout(&cli.common);
    let exit = run(cli.command, &cli.common, &mut out, &log).unwrap_or_else(|failure| {
        failure.messages.iter().for_each(|message| log.fail(message));
        failure.exit
    });
    log.close();
    guard.finish();
    exit.into()
}

fn run(command: Command, common: &Common, out: &mut Out, log: &Logger) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => cmd::serve::run(*args, out, log),
        Command::Connect(args) => cmd::connect::run(*args, out, log),
        Command::Ping(args) => cmd::ping::run(*args, out, log),
        Command::Load(args) => cmd::load::run(&args, out, log),
        Command::Advise(args) => cmd::advise::run(&args, out),
        Command::Simulate(args) => cmd::simulate::run(&args, out),
        Command::Replay(args) => cmd::replay::run(&args, out),
        Command::Top(args) => cmd::top::run(args, common, out),
        Command::Dialects(args) => cmd::dialects::run(args, out),
        Command::CheckConfig(args) => cmd::check_config::run(&args, out),
        Command::Completions(args) => cmd::completions::run(&args, Cli::command(), out),
        Command::Man(args) => cmd::man::run(&args, &Cli::command(), out),
    }
}

/// The colour of help and usage errors, which are written before the arguments are known.
fn help_color(arguments: &[OsString]) -> ColorChoice {
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    let wanted = words.clone().find_map(|word| word.strip_prefix("--color=")).or_else(|| {
        words.find(|word| *word == "--color")?;
        words.next()
    });
    match wanted {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_shows_three_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = help.lines().filter(|line| line.starts_with("  wsbeat ")).count();
            assert!(examples >= 3, "{}: {help}", command.get_name());
        }
    }

    #[test]
    fn colour_of_help_is_asked_for_in_both_forms() {
        let choice = |words: &[&str]| help_color(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(choice(&["wsbeat", "--color", "never"]), ColorChoice::Never);
        assert_eq!(choice(&["wsbeat", "--color=always"]), ColorChoice::Always);
        assert_eq!(choice(&["wsbeat", "--color"]), ColorChoice::Auto);
    }
}
