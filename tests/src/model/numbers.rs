//! Time in plain wide integers.

use wsbeat_core::time::{Instant, Span};

use super::Ns;

pub(super) fn ns(at: Instant) -> Ns {
    Ns::from(at.as_nanos())
}

pub(super) fn span(span: Span) -> Ns {
    Ns::from(span.as_nanos())
}

/// The instant of `ns`, at most the last.
pub(super) fn at(ns: Ns) -> Instant {
    Instant::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// Later than everything.
pub(super) fn never() -> Ns {
    Ns::from(u64::MAX)
}

/// The first of `from`, `from + period`, … that is later than `after`.
pub(super) fn first_point_after(from: Ns, period: Ns, after: Ns) -> Ns {
    if from > after { from } else { from + ((after - from) / period + 1) * period }
}
