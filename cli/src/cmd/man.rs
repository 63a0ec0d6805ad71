//! `wsbeat man`.

use clap::{Args, Command, CommandFactory as _};

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::output::Out;

/// Print the manual page, in roff
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wsbeat man | man -l -
  wsbeat man > ~/.local/share/man/man1/wsbeat.1
  wsbeat man serve > ~/.local/share/man/man1/wsbeat-serve.1")]
pub(crate) struct ManArgs {
    /// The subcommand whose page is wanted; that of wsbeat itself where it is left out
    #[arg(value_name = "SUBCOMMAND")]
    subcommand: Option<String>,
}

pub(crate) fn run(args: &ManArgs, out: &mut Out) -> Result<Exit, Failure> {
    let page = clap_mangen::Man::new(page_of(args.subcommand.as_deref())?);
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    out.raw(String::from_utf8_lossy(&roff))?;
    Ok(Exit::Done)
}

fn page_of(subcommand: Option<&str>) -> Result<Command, Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(name) = subcommand else { return Ok(command) };
    match command.find_subcommand(name) {
        Some(found) => Ok(found.clone().name(format!("wsbeat-{name}"))),
        None => Err(Failure::usage(format_args!("no subcommand \"{name}\": wsbeat --help lists them"))),
    }
}
