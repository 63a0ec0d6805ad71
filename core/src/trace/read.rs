//! A whole trace, read and checked.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::error::TraceError;
use super::fields::Fields;
use super::header::Header;
use super::line::{Body, Line};
use crate::time::Instant;

/// The largest number that a connection may have: its generation is one less, and has 32 bits.
const CONN_MAX: u64 = 1 << 32;

/// How large a trace may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceLimits {
    /// The longest line, in bytes; default 16 MiB: a message of 1 MiB, however escaped.
    pub line_bytes_max: usize,
    /// How many connections may be live at once; default 1,000,000.
    pub connections_max: u32,
}

impl Default for TraceLimits {
    fn default() -> Self {
        TraceLimits { line_bytes_max: 16 << 20, connections_max: 1_000_000 }
    }
}

/// A trace, read and checked. It borrows its `out` lines from the text.
#[derive(Clone, Debug)]
pub struct Trace<'t> {
    header: Header,
    pub(super) lines: Vec<Line>,
    pub(super) outs: Vec<OutLine<'t>>,
    pub(super) limits: TraceLimits,
}

/// An `out` line.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutLine<'t> {
    pub(super) number: usize,
    pub(super) at: Instant,
    pub(super) conn: u64,
    pub(super) text: &'t str,
}

impl<'t> Trace<'t> {
    /// Reads a trace: all of it, before any of it is run.
    ///
    /// # Errors
    /// The first line that is none of a trace, with what is wrong and what is allowed.
    pub fn read(bytes: &'t [u8], limits: TraceLimits) -> Result<Self, TraceError> {
        let mut reader = Reader { limits, last: Instant::ZERO, now: Header::default(), lines: Vec::new(), outs: Vec::new() };
        let mut header = None;
        for (number, line) in (1..).zip(bytes.split(|b| *b == b'\n')) {
            let Some(text) = reader.text(number, line)? else { continue };
            let fields = Fields::parse(number, text)?;
            if header.is_some() {
                reader.line(&fields, text)?;
                continue;
            }
            reader.now = Header::read(&fields)?;
            header = Some(reader.now.clone());
        }
        let header = header.ok_or_else(|| TraceError::new(1, "", "", "an empty file is no trace: the first line is its header"))?;
        Ok(Trace { header, lines: reader.lines, outs: reader.outs, limits })
    }

    /// Its header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How many lines say what happened.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.lines.iter().filter(|line| !matches!(line.body, Body::Out)).count()
    }
}

struct Reader<'t> {
    limits: TraceLimits,
    /// The time of the line before.
    last: Instant,
    /// The settings so far.
    now: Header,
    lines: Vec<Line>,
    outs: Vec<OutLine<'t>>,
}

impl<'t> Reader<'t> {
    /// The text of a line; `None` where it is blank.
    fn text<'l>(&self, number: usize, line: &'l [u8]) -> Result<Option<&'l str>, TraceError> {
        let max = self.limits.line_bytes_max;
        if line.len() > max {
            return Err(TraceError::new(number, "", "", format!("a line has at most {max} bytes, not {}", line.len())));
        }
        let text =
            core::str::from_utf8(line).map_err(|e| TraceError::new(number, "", "", format!("no UTF-8 after {} bytes", e.valid_up_to())))?;
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    fn line(&mut self, fields: &Fields, text: &'t str) -> Result<(), TraceError> {
        let at = self.time(fields)?;
        let wall_ms = fields.number("wall", u64::MAX)?;
        let conn = self.conn(fields)?;
        let body = match (fields.text("in")?, fields.text("out")?) {
            (Some(kind), None) => Body::read(fields, kind)?,
            (None, Some(_)) => {
                self.outs.push(OutLine { number: fields.line, at, conn: conn.unwrap_or(1), text });
                if wall_ms.is_none() {
                    return Ok(());
                }
                Body::Out
            }
            (Some(_), Some(_)) => return Err(fields.error("in", "a line says what came in, or what went out: not both")),
            (None, None) => return Err(fields.error("in", "missing: a line says what came in, or what went out")),
        };
        if let Body::Reconfigure(change) = &body {
            self.now.change(change).map_err(|e| TraceError::policy(fields.line, &e))?;
        }
        self.lines.push(Line { number: fields.line, at, wall_ms, conn, body });
        Ok(())
    }

    fn time(&mut self, fields: &Fields) -> Result<Instant, TraceError> {
        let at = Instant::from_nanos(fields.needed_number("t")?);
        if at < self.last {
            let before = self.last.as_nanos().to_string();
            return Err(fields.error("t", format!("time runs backwards: the line before has {before}")));
        }
        self.last = at;
        Ok(at)
    }

    fn conn(&self, fields: &Fields) -> Result<Option<u64>, TraceError> {
        match fields.number("conn", CONN_MAX)? {
            Some(0) => Err(fields.error("conn", format!("a number from 1 to {CONN_MAX}"))),
            conn => Ok(conn),
        }
    }
}
