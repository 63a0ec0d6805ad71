//! `wsbeat man`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::output::Out;

/// Print a manual page in roff, or write all of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wsbeat man | man -l -
  wsbeat man dialects check | man -l -
  wsbeat man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The subcommand whose page is wanted; that of wsbeat itself where it is left out
    #[arg(value_name = "SUBCOMMAND")]
    subcommand: Vec<String>,
    /// Write the pages of all subcommands to this folder
    #[arg(long, value_name = "DIR", conflicts_with = "subcommand", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// Of `all`, the whole command.
pub(crate) fn run(args: &ManArgs, all: &Command, out: &mut Out) -> Result<Exit, Failure> {
    let mut command = all.clone().disable_help_subcommand(true);
    command.build();
    match &args.dir {
        Some(dir) => write_all(&command, all, dir, out)?,
        None => out.raw(page(find(&command, &args.subcommand)?, all)?)?,
    }
    Ok(Exit::Done)
}

fn find<'a>(command: &'a Command, names: &[String]) -> Result<&'a Command, Failure> {
    names.iter().try_fold(command, |command, name| {
        let unknown = || Failure::usage(format_args!("no subcommand \"{}\": wsbeat --help lists them", names.join(" ")));
        command.find_subcommand(name).ok_or_else(unknown)
    })
}

fn write_all(command: &Command, all: &Command, dir: &Path, out: &mut Out) -> Result<(), Failure> {
    let path = dir.join(format!("{}.1", name(command)));
    let cannot = |error: io::Error| Failure::usage(format_args!("{}: {error}", path.display()));
    fs::write(&path, page(command, all)?).map_err(cannot)?;
    out.line(|| path.display().to_string(), || Object::event("man").with("file", path.display().to_string()))?;
    command.get_subcommands().try_for_each(|subcommand| write_all(subcommand, all, dir, out))
}

/// `wsbeat`, `wsbeat-dialects`, `wsbeat-dialects-check`.
pub(crate) fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

pub(crate) fn page(command: &Command, all: &Command) -> Result<String, Failure> {
    let man = Man::new(command.clone());
    // The library leaves an empty date out, and so what follows would be taken for it.
    let mut page = format!(".TH {} 1 \"\" \"wsbeat {}\" wsbeat\n", name(command).to_uppercase(), env!("CARGO_PKG_VERSION")).into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let after = command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string).unwrap_or_default();
    sections_after(&after).to_writer(&mut page)?;
    see_also(command, all).to_writer(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// What stands under a command's options in its help: examples, notes, the exit status.
fn sections_after(help: &str) -> Roff {
    let mut roff = Roff::new();
    let mut notes = 0;
    for paragraph in help.split("\n\n") {
        if let Some(examples) = paragraph.strip_prefix("Examples:\n") {
            roff.control("SH", ["EXAMPLES"]).control("nf", []);
            for line in examples.lines() {
                roff.text([roman(line.trim_start())]);
            }
            roff.control("fi", []);
        } else if let Some(status) = paragraph.strip_prefix("Exit status: ") {
            roff.control("SH", ["EXIT STATUS"]).text([roman(status)]);
        } else if !paragraph.trim().is_empty() {
            match notes {
                0 => roff.control("SH", ["NOTES"]),
                _ => roff.control("PP", []),
            };
            roff.text([roman(paragraph)]);
            notes += 1;
        }
    }
    roff
}

fn see_also(command: &Command, all: &Command) -> Roff {
    let others = all.get_subcommands().map(|other| format!("wsbeat-{}", other.get_name()));
    let pages: Vec<String> = std::iter::once("wsbeat".to_owned())
        .chain(others)
        .filter(|other| other != name(command))
        .map(|other| format!("{other}(1)"))
        .collect();
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text([roman(pages.join(", "))]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines_and_the_exit_status_has_its_section() {
        let roff = sections_after("Examples:\n  wsbeat a\n  wsbeat b\n\nA note.\n\nAnother.\n\nExit status: 0 done.").to_roff();
        assert!(roff.contains(".SH EXAMPLES\n.nf\nwsbeat a\nwsbeat b\n.fi\n"), "{roff}");
        assert!(roff.contains(".SH NOTES\nA note.\n.PP\nAnother.\n") && roff.contains(".SH \"EXIT STATUS\"\n0 done."), "{roff}");
    }
}
