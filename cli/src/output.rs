//! Results: what goes to standard output.

use std::io::{self, IsTerminal as _, Write};

use crate::common::{Common, Format};
use crate::json::Object;

/// Standard output in one of its forms. Every line is flushed, so that a reader at a pipe sees it at once.
#[derive(Debug)]
pub(crate) struct Out<W = io::Stdout> {
    format: Format,
    colour: bool,
    writer: W,
}

/// What a line is to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As all others.
    Plain,
    /// As it should be.
    Good,
    /// Not quite as it should be.
    Doubtful,
    /// Not as it should be.
    Bad,
    /// Beside the matter.
    Dim,
}

impl Tone {
    /// The text in the colour of this tone.
    fn paint(self, text: &str) -> String {
        let code = match self {
            Tone::Plain => return text.to_owned(),
            Tone::Good => 32,
            Tone::Doubtful => 33,
            Tone::Bad => 31,
            Tone::Dim => 2,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

impl Out {
    /// Standard output as `common` asks for it.
    pub(crate) fn stdout(common: &Common) -> Self {
        let out = io::stdout();
        let colour = common.wants_colour(out.is_terminal());
        Out { colour, ..Out::new(common.format, out) }
    }
}

impl<W: Write> Out<W> {
    /// A writer in this form.
    pub(crate) fn new(format: Format, writer: W) -> Self {
        Out { format, colour: false, writer }
    }

    /// Prints a result: `text` or `json`, as the form asks; nothing when quiet.
    ///
    /// # Errors
    /// The reader is gone, or the disk full.
    pub(crate) fn line(&mut self, text: impl FnOnce() -> String, json: impl FnOnce() -> Object) -> io::Result<()> {
        self.toned(Tone::Plain, text, json)
    }

    /// As [`line`](Out::line), its text in the colour of its tone where colours are wanted.
    ///
    /// # Errors
    /// The reader is gone, or the disk full.
    pub(crate) fn toned(&mut self, tone: Tone, text: impl FnOnce() -> String, json: impl FnOnce() -> Object) -> io::Result<()> {
        let line = match self.format {
            Format::Text if self.colour => tone.paint(&text()),
            Format::Text => text(),
            Format::Json => json().to_string(),
            Format::Quiet => return Ok(()),
        };
        self.raw(format_args!("{line}\n"))
    }

    /// Prints what only people read: nothing in the other forms.
    ///
    /// # Errors
    /// The reader is gone, or the disk full.
    pub(crate) fn text(&mut self, text: impl FnOnce() -> String) -> io::Result<()> {
        if self.format == Format::Text {
            self.raw(format_args!("{}\n", text()))?;
        }
        Ok(())
    }

    /// Prints text that has no other form (completions, man pages, configuration).
    ///
    /// # Errors
    /// The reader is gone, or the disk full.
    pub(crate) fn raw(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        write!(self.writer, "{text}")?;
        self.writer.flush()
    }

    /// Prints nothing from now on: the reader is gone.
    pub(crate) fn mute(&mut self) {
        self.format = Format::Quiet;
    }

    /// The form.
    pub(crate) fn format(&self) -> Format {
        self.format
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format) -> String {
        let mut bytes = Vec::new();
        let mut out = Out::new(format, &mut bytes);
        out.line(|| "listening".into(), || Object::event("listening")).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_text_is_coloured_and_only_where_it_is_wanted() {
        for (format, colour, printed) in [
            (Format::Text, true, "\u{1b}[31ma\u{1b}[0m\n"),
            (Format::Text, false, "a\n"),
            (Format::Json, true, "{\"v\":1,\"event\":\"a\"}\n"),
        ] {
            let mut bytes = Vec::new();
            let mut out = Out { colour, ..Out::new(format, &mut bytes) };
            out.toned(Tone::Bad, || "a".into(), || Object::event("a")).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), printed);
        }
    }

    #[test]
    fn each_form_prints_its_own_line() {
        assert_eq!(printed(Format::Text), "listening\n");
        assert_eq!(printed(Format::Json), "{\"v\":1,\"event\":\"listening\"}\n");
        assert_eq!(printed(Format::Quiet), "");
    }
}
