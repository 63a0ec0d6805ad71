//! `wsbeat completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
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

pub(crate) fn run(args: &CompletionsArgs, out: &mut Out) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wsbeat", &mut script);
    out.raw(String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
