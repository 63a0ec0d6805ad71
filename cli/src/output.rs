//! Results: what goes to standard output.

use std::io::{self, Write};

use crate::args::Format;
use crate::json::Object;

/// Standard output in one of its forms. Every line is flushed, so that a reader at a pipe sees it at once.
#[derive(Debug)]
pub(crate) struct Out<W = io::Stdout> {
    format: Format,
    writer: W,
}

impl Out {
    /// Standard output in this form.
    pub(crate) fn stdout(format: Format) -> Self {
        Out::new(format, io::stdout())
    }
}

impl<W: Write> Out<W> {
    /// A writer in this form.
    pub(crate) fn new(format: Format, writer: W) -> Self {
        Out { format, writer }
    }

    /// Prints a result: `text` or `json`, as the form asks; nothing when quiet.
    ///
    /// # Errors
    /// The reader is gone, or the disk full.
    pub(crate) fn line(&mut self, text: impl FnOnce() -> String, json: impl FnOnce() -> Object) -> io::Result<()> {
        let line = match self.format {
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
    fn each_form_prints_its_own_line() {
        assert_eq!(printed(Format::Text), "listening\n");
        assert_eq!(printed(Format::Json), "{\"v\":1,\"event\":\"listening\"}\n");
        assert_eq!(printed(Format::Quiet), "");
    }
}
