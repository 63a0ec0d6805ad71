//! What a load found, for people and for scripts.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use wsbeat_tokio::load::{Histogram, Report};

use crate::human::{bytes, grouped, millis};
use crate::json::Object;
use crate::output::Out;

pub(super) fn report(report: &Report, missed: &[String], with_echo: bool, out: &mut Out) -> io::Result<()> {
    out.line(|| text(report, missed, with_echo), || json(report, missed, with_echo))
}

fn text(report: &Report, missed: &[String], with_echo: bool) -> String {
    let mut lines = vec![
        format!("connections {} opened, {} failed, {} lost", grouped(report.connections), grouped(report.failed), grouped(report.lost)),
        format!("pings {}, {} answered", grouped(report.pings), grouped(report.answered)),
        times("spacing", &report.spacing),
        times("answer", &report.answer),
    ];
    if with_echo {
        lines.push(format!("echoes {} sent, {} back", grouped(report.echoes_sent), grouped(report.echoes)));
        lines.push(times("echo", &report.echo));
    }
    lines.extend(report.failures.iter().map(|(failure, count)| format!("failed, {}: {}", failure.name(), grouped(*count))));
    lines.extend(report.closes.iter().map(|(code, count)| format!("closed {code}: {}", grouped(*count))));
    if report.silent_servers > 0 {
        lines.push(format!("given up for silence: {}", grouped(report.silent_servers)));
    }
    lines.push(format!("load itself late by at most {} ms", millis(micros(report.late))));
    lines.push(format!("bytes {} in, {} out, in {:.1} s", bytes(report.bytes_in), bytes(report.bytes_out), report.elapsed.as_secs_f64()));
    lines.extend(missed.iter().map(|objective| format!("missed {objective}")));
    lines.join("\n")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn times(name: &str, histogram: &Histogram<u64>) -> String {
    if histogram.is_empty() {
        return format!("{name} p50/p90/p99/p99.9/max = none measured");
    }
    let [p50, p90, p99, p999, max] = percentiles(histogram).map(millis);
    format!("{name} p50/p90/p99/p99.9/max = {p50}/{p90}/{p99}/{p999}/{max}")
}

fn percentiles(histogram: &Histogram<u64>) -> [u64; 5] {
    let at = |quantile| histogram.value_at_quantile(quantile);
    [at(0.5), at(0.9), at(0.99), at(0.999), histogram.max()]
}

fn json(report: &Report, missed: &[String], with_echo: bool) -> Object {
    let failures: BTreeMap<&str, u64> = report.failures.iter().map(|(failure, count)| (failure.name(), *count)).collect();
    let mut object = Object::event("summary")
        .with("connections", report.connections)
        .with("failed", report.failed)
        .with("failures", failures)
        .with("pings", report.pings)
        .with("answered", report.answered)
        .with("lost", report.lost)
        .with("closes", &report.closes)
        .with("silent_servers", report.silent_servers)
        .with("spacing_us", times_json(&report.spacing))
        .with("answer_us", times_json(&report.answer));
    if with_echo {
        object = object.with("echoes_sent", report.echoes_sent).with("echoes", report.echoes).with("echo_us", times_json(&report.echo));
    }
    object
        .with("late_us", micros(report.late))
        .with("messages", report.messages)
        .with("bytes", BTreeMap::from([("in", report.bytes_in), ("out", report.bytes_out)]))
        .with("elapsed_ms", u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX))
        .with("missed", missed)
}

fn times_json(histogram: &Histogram<u64>) -> Option<serde_json::Value> {
    let [p50, p90, p99, p999, max] = percentiles(histogram);
    (!histogram.is_empty())
        .then(|| serde_json::json!({"count": histogram.len(), "p50": p50, "p90": p90, "p99": p99, "p99.9": p999, "max": max}))
}
