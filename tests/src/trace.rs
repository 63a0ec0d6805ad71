//! Traces in tests.

use wsbeat_core::trace::{Diff, Trace, TraceError, TraceLimits};

/// What the replay of a trace does, as `out` lines.
///
/// # Errors
/// A line that is none of a trace.
pub fn replayed(text: &str) -> Result<Vec<String>, TraceError> {
    let trace = Trace::read(text.as_bytes(), TraceLimits::default())?;
    let mut out = String::new();
    trace.replay(None, |done| done.write_line(&mut out))?;
    Ok(out.lines().map(String::from).collect())
}

/// The differences between the `out` lines of a trace and its replay, one a line of text; empty where there is none.
///
/// # Errors
/// A line that is none of a trace.
pub fn differences(text: &str) -> Result<String, TraceError> {
    let trace = Trace::read(text.as_bytes(), TraceLimits::default())?;
    let mut diff = Diff::new(&trace, None, usize::MAX);
    trace.replay(None, |done| diff.done(done))?;
    let (shown, _) = diff.finish();
    let lines = shown.iter().map(|d| format!("line {:?}: recorded {} replayed {}\n", d.line, d.recorded, d.replayed));
    Ok(lines.collect())
}
