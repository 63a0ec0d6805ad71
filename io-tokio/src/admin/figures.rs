//! The figures of all listeners together.

use tokio::time::timeout;
use wsbeat_core::event::{Counter, Plane};
use wsbeat_core::stats::Histogram;
use wsbeat_core::time::Span;

use super::answer::Problem;
use super::api::{Answers, ClosedAs, Distribution, HeartbeatAnswers, InOut, Messages, Planes, Pongs, Process, RefusedAs, Summary, VERSION};
use super::listener::Listener;
use super::process;
use super::state::State;
use crate::clock::wall_ms;
use crate::server::{Count, Figures, Refusal, ServerStats};

/// How a connection ended that just ended.
pub(super) const LOST: &str = "lost";

/// The figures of all listeners, from their drivers.
pub(super) async fn gather(state: &State) -> Result<Figures, Problem> {
    let mut sum = Figures::default();
    for listener in &state.listeners {
        let asked = timeout(state.limits.timeout, listener.handle.figures());
        let figures = asked.await.map_err(|_| Problem::Driver)?.map_err(|_| Problem::Driver)?;
        sum.merge(&figures);
    }
    Ok(sum)
}

/// A count of all listeners together.
pub(super) fn count(state: &State, of: impl Fn(&ServerStats) -> &Count) -> u64 {
    sum(state, |stats| of(stats).get())
}

/// How many connections were refused for a reason.
pub(super) fn refused(state: &State, reason: Refusal) -> u64 {
    sum(state, |stats| stats.refused(reason))
}

fn sum(state: &State, of: impl Fn(&ServerStats) -> u64) -> u64 {
    state.listeners.iter().fold(0, |sum: u64, listener| sum.saturating_add(of(&listener.handle.stats())))
}

/// All figures, as of now.
pub(super) async fn summarise(state: &State) -> Result<Summary, Problem> {
    Ok(summary(state, &gather(state).await?))
}

fn summary(state: &State, figures: &Figures) -> Summary {
    let heartbeats = &figures.heartbeats;
    let process = process::read().unwrap_or_default();
    Summary {
        v: VERSION,
        now_ms: wall_ms(),
        started_ms: state.started_ms,
        version: env!("CARGO_PKG_VERSION").into(),
        draining: state.is_draining(),
        listeners: state.listeners.iter().map(Listener::info).collect(),
        connections: count(state, |stats| &stats.open),
        opened: count(state, |stats| &stats.opened),
        pings_sent: Planes { transport: heartbeats.get(Counter::PingsSent), application: heartbeats.get(Counter::HeartbeatsSent) },
        answers: answers(figures),
        closes: closes(figures),
        refused: Refusal::ALL.map(|reason| RefusedAs { reason: reason.name().into(), count: refused(state, reason) }).into(),
        bytes: InOut { received: count(state, |stats| &stats.bytes_in), sent: count(state, |stats| &stats.bytes_out) },
        messages: Messages {
            received: count(state, |stats| &stats.messages_in),
            sent: count(state, |stats| &stats.messages_out),
            refused: count(state, |stats| &stats.messages_refused),
        },
        rtt_us: Planes {
            transport: distribution(heartbeats.rtt(Plane::Transport)),
            application: distribution(heartbeats.rtt(Plane::Application)),
        },
        timer_lag_us: distribution(&figures.timer_lag),
        process: Process { resident_bytes: process.resident_bytes, cpu_seconds: process.cpu_seconds, open_fds: process.open_fds },
    }
}

pub(super) fn answers(figures: &Figures) -> Answers {
    let of = |counter| figures.heartbeats.get(counter);
    Answers {
        transport: Pongs {
            matched: of(Counter::PongsMatched),
            stale: of(Counter::PongsStale),
            unsolicited: of(Counter::PongsUnsolicited),
            empty: of(Counter::PongsEmpty),
            user: of(Counter::PongsUser),
        },
        application: HeartbeatAnswers {
            matched: of(Counter::AnswersMatched),
            stale: of(Counter::AnswersStale),
            duplicate: of(Counter::AnswersDuplicate),
            mismatched: of(Counter::AnswersMismatched),
            unsolicited: of(Counter::AnswersUnsolicited),
        },
    }
}

fn closes(figures: &Figures) -> Vec<ClosedAs> {
    let one = |closes: &crate::server::Closes| ClosedAs {
        verdict: closes.verdict.map_or(LOST, |verdict| verdict.name()).into(),
        code: closes.code,
        count: closes.count,
    };
    figures.closes.iter().map(one).collect()
}

fn distribution(histogram: &Histogram) -> Distribution {
    let quantile = |per_mille| histogram.quantile(per_mille).map(micros);
    let mut before = 0;
    let mut buckets = Vec::new();
    for (end, sum) in histogram.buckets() {
        if sum > before {
            buckets.push(((end != Span::MAX).then(|| micros(end)), sum - before));
        }
        before = sum;
    }
    Distribution { count: histogram.count(), p50: quantile(500), p90: quantile(900), p99: quantile(990), max: quantile(1_000), buckets }
}

pub(super) fn micros(span: Span) -> u64 {
    span.as_nanos() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_tells_each_bucket_for_itself() {
        let mut histogram = Histogram::default();
        for span in [Span::from_nanos(2_500), Span::from_nanos(2_900), Span::from_millis(1), Span::MAX] {
            histogram.record(span);
        }
        let told = distribution(&histogram);
        assert_eq!(told.buckets, [(Some(3), 2), (Some(1_024), 1), (None, 1)]);
        assert_eq!((told.count, told.p50), (4, Some(3)));
        assert_eq!(distribution(&Histogram::default()), Distribution::default());
    }
}
