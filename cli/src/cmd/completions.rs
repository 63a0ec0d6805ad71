//! `wsbeat completions`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Command};
use clap_complete::Shell;
use wsbeat_core::dialect::Dialect;
use wsbeat_core::policy::Profile;

use crate::exit::{Exit, Failure};
use crate::output::Out;

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wsbeat completions bash > ~/.local/share/bash-completion/completions/wsbeat
  wsbeat completions zsh > ~/.zfunc/_wsbeat
  wsbeat completions fish > ~/.config/fish/completions/wsbeat.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Of `all`, the whole command.
pub(crate) fn run(args: &CompletionsArgs, all: Command, out: &mut Out) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    let mut command = with_known_values(all);
    clap_complete::generate(args.shell, &mut command, "wsbeat", &mut script);
    out.raw(String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// The command with the names that it knows but takes others beside, such as dialects of the user's own.
fn with_known_values(command: Command) -> Command {
    let subcommands: Vec<String> = command.get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
    let dialects = || Dialect::presets().iter().map(Dialect::id).chain(["none", "auto"]);
    command.mut_subcommands(|subcommand| {
        let names: &[String] = if subcommand.get_name() == "man" { &subcommands } else { &[] };
        let subcommand = subcommand.mut_subcommands(|nested| match nested.get_name() {
            "show" => nested.mut_arg("id", |arg| arg.value_parser(PossibleValuesParser::new(dialects()))),
            _ => nested,
        });
        subcommand.mut_args(|arg| match arg.get_id().as_str() {
            "dialect" => arg.value_parser(PossibleValuesParser::new(dialects())),
            "profile" => arg.value_parser(PossibleValuesParser::new(Profile::ALL.map(Profile::name))),
            "subcommand" => arg.value_parser(PossibleValuesParser::new(names)),
            _ => arg,
        })
    })
}
