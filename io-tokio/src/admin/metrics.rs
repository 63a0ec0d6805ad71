//! `GET /metrics`: the figures as Prometheus text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use wsbeat_core::event::{Counter, Plane};
use wsbeat_core::stats::Histogram;
use wsbeat_core::time::Span;

use super::api::Answers;
use super::figures;
use super::process::{self, Reading};
use super::state::State;
use crate::server::{Count, Figures, Refusal, ServerStats};

pub(super) use prometheus_text::CONTENT_TYPE;

/// The metrics as text, of these figures.
///
/// # Errors
/// None that comes from outside: writing to a string does not fail.
pub(super) fn text(state: &State, figures: Figures) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape::of(state, figures)));
    let mut text = String::with_capacity(16 << 10);
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

type CountOf = fn(&ServerStats) -> &Count;

/// Counts of the server that stand alone: name, help.
const COUNTS: [(&str, &str, CountOf); 10] = [
    ("wsbeat_connections_accepted", "Connections accepted from the kernel", |stats| &stats.accepted),
    ("wsbeat_connections_opened", "Connections upgraded", |stats| &stats.opened),
    ("wsbeat_messages_refused", "Messages not sent because too much waited for their peer", |stats| &stats.messages_refused),
    ("wsbeat_commands_unknown", "Commands for connections that had ended", |stats| &stats.commands_unknown),
    ("wsbeat_handler_panics", "Callbacks that panicked", |stats| &stats.handler_panics),
    ("wsbeat_handler_slow", "Callbacks that took longer than 1 ms", |stats| &stats.handler_slow),
    ("wsbeat_accept_errors", "Errors of accept", |stats| &stats.accept_errors),
    ("wsbeat_close_timeouts", "Connections dropped because their close handshake did not end in time", |stats| &stats.close_timeouts),
    ("wsbeat_pages", "Plain requests that got the page", |stats| &stats.pages),
    ("wsbeat_connections_ended", "Upgraded connections that are over", |stats| &stats.ended),
];

/// Counts of the core that stand alone.
const CORE_COUNTS: [(&str, &str, Counter); 6] = [
    ("wsbeat_pings_unanswered", "Pings discharged by other evidence than their pong", Counter::PingsUnanswered),
    ("wsbeat_pings_received", "Pings of peers", Counter::PingsReceived),
    ("wsbeat_pings_struck", "Pings of peers over the allowed rate", Counter::PingsStruck),
    ("wsbeat_heartbeats_malformed", "Heartbeats that could not be decoded", Counter::Malformed),
    ("wsbeat_stalls", "Ticks so late that nobody was judged", Counter::Stalls),
    ("wsbeat_clock_backwards", "Steps whose time was before the last", Counter::ClockBackwards),
];

/// Everything that one scrape tells.
#[derive(Debug)]
struct Scrape {
    open: u64,
    draining: bool,
    counts: [u64; COUNTS.len()],
    bytes: [(&'static str, u64); 2],
    messages: [(&'static str, u64); 2],
    refused: [(&'static str, u64); Refusal::ALL.len()],
    admin_refused: [(&'static str, u64); 6],
    answers: Answers,
    figures: Figures,
    process: Option<Reading>,
}

impl Scrape {
    fn of(state: &State, figures: Figures) -> Self {
        let count = |of: CountOf| figures::count(state, of);
        Scrape {
            open: count(|stats| &stats.open),
            draining: state.is_draining(),
            counts: COUNTS.map(|(_, _, of)| count(of)),
            bytes: [("in", count(|stats| &stats.bytes_in)), ("out", count(|stats| &stats.bytes_out))],
            messages: [("in", count(|stats| &stats.messages_in)), ("out", count(|stats| &stats.messages_out))],
            refused: Refusal::ALL.map(|reason| (reason.name(), figures::refused(state, reason))),
            admin_refused: state.refused.all(),
            answers: figures::answers(&figures),
            process: process::read(),
            figures,
        }
    }

    fn heartbeats(&self, to: &mut Families<'_>) -> fmt::Result {
        let heartbeats = &self.figures.heartbeats;
        let planes = [Plane::Transport, Plane::Application];
        let sent = [Counter::PingsSent, Counter::HeartbeatsSent].map(|counter| heartbeats.get(counter));
        let sent = planes.iter().zip(sent).map(|(plane, n)| ([("plane", plane.name())], n));
        to.counters("wsbeat_pings_sent", "Pings and heartbeats sent", sent)?;
        to.counters("wsbeat_answers", "Answers received, by what they were worth", answers(&self.answers))?;
        let rtts = planes.map(|plane| ([("plane", plane.name())], heartbeats.rtt(plane)));
        to.histograms("wsbeat_rtt_seconds", "Time from the writing of a ping or heartbeat to its answer", rtts)?;
        for (name, help, counter) in CORE_COUNTS {
            to.counter(name, help, heartbeats.get(counter))?;
        }
        to.histogram("wsbeat_timer_lag_seconds", "How late the drivers come to their deadlines", &self.figures.timer_lag)
    }

    fn ends(&self, to: &mut Families<'_>) -> fmt::Result {
        let codes = self.figures.closes.iter().map(|closes| closes.code.map_or("other".into(), |code| code.to_string()));
        let codes: Vec<String> = codes.collect();
        let closes = self.figures.closes.iter().zip(&codes).map(|(closes, code)| {
            let verdict = closes.verdict.map_or(figures::LOST, |verdict| verdict.name());
            ([("verdict", verdict), ("code", code)], closes.count)
        });
        to.counters("wsbeat_closes", "Connections that ended, by verdict and close code (1005 empty, 1006 none)", closes)?;
        to.counters("wsbeat_refused", "Connections refused before the upgrade", by("reason", self.refused))?;
        to.counters("wsbeat_admin_refused", "Requests and connections that the admin address refused", by("reason", self.admin_refused))
    }
}

fn by<const N: usize>(
    label: &'static str,
    values: [(&'static str, u64); N],
) -> impl Iterator<Item = ([(&'static str, &'static str); 1], u64)> {
    values.into_iter().map(move |(value, n)| ([(label, value)], n))
}

fn answers(answers: &Answers) -> impl Iterator<Item = ([(&'static str, &'static str); 2], u64)> {
    let Answers { transport, application } = *answers;
    let pongs = [
        ("matched", transport.matched),
        ("stale", transport.stale),
        ("unsolicited", transport.unsolicited),
        ("empty", transport.empty),
        ("user", transport.user),
    ];
    let heartbeats = [
        ("matched", application.matched),
        ("stale", application.stale),
        ("duplicate", application.duplicate),
        ("mismatched", application.mismatched),
        ("unsolicited", application.unsolicited),
    ];
    let of = |plane: Plane| move |(result, n)| ([("plane", plane.name()), ("result", result)], n);
    pongs.into_iter().map(of(Plane::Transport)).chain(heartbeats.into_iter().map(of(Plane::Application)))
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Families(encoder);
        to.gauge("wsbeat_connections", "Connections that are open", self.open as f64)?;
        to.gauge("wsbeat_draining", "1 while a drain is under way", f64::from(u8::from(self.draining)))?;
        for ((name, help, _), n) in COUNTS.iter().zip(self.counts) {
            to.counter(name, help, n)?;
        }
        self.heartbeats(&mut to)?;
        self.ends(&mut to)?;
        to.counters("wsbeat_bytes", "Bytes received and bytes that the kernel took", by("direction", self.bytes))?;
        to.counters("wsbeat_messages", "Messages received, and messages of the user's sent", by("direction", self.messages))?;
        to.info()?;
        self.process.as_ref().map_or(Ok(()), |process| to.process(process))
    }
}

/// Writes families of metrics.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn counter(&mut self, name: &str, help: &str, n: u64) -> fmt::Result {
        ConstCounter::new(n).encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    fn counters<'s, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'s str, &'s str); N], u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, n) in samples {
            ConstCounter::new(n).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        encode(histogram, &mut self.0.encode_descriptor(name, help, None, MetricType::Histogram)?)
    }

    fn histograms<const N: usize>(&mut self, name: &str, help: &str, samples: [([(&str, &str); 1], &Histogram); N]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in samples {
            encode(histogram, &mut family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn info(&mut self) -> fmt::Result {
        let mut family = self.0.encode_descriptor("wsbeat_build_info", "The version of the server", None, MetricType::Gauge)?;
        ConstGauge::new(1u64).encode(family.encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?)
    }

    fn process(&mut self, process: &Reading) -> fmt::Result {
        let cpu = self.0.encode_descriptor("process_cpu_seconds", "User and system CPU time", None, MetricType::Counter)?;
        ConstCounter::new(process.cpu_seconds).encode(cpu)?;
        self.gauge("process_resident_memory_bytes", "Resident memory", process.resident_bytes as f64)?;
        self.gauge("process_virtual_memory_bytes", "Virtual memory", process.virtual_bytes as f64)?;
        self.gauge("process_open_fds", "Open descriptors", process.open_fds as f64)?;
        self.gauge("process_max_fds", "The most descriptors that may be open", process.max_fds.map_or(f64::INFINITY, |n| n as f64))?;
        self.gauge("process_threads", "Threads", process.threads as f64)?;
        self.gauge("process_start_time_seconds", "When the process began, in Unix seconds", process.start_time_seconds)
    }
}

/// The shortest and the longest bucket that is told, by its power of two of microseconds: 64 µs and 67 s.
const POWERS: std::ops::RangeInclusive<u32> = 6..=26;

/// A histogram by powers of two of microseconds: a fourth of the buckets that are kept, and none of those that are far off.
fn encode(histogram: &Histogram, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    let mut buckets = Vec::with_capacity(POWERS.count());
    let mut before = 0;
    for (end, sum) in histogram.buckets() {
        let us = end.as_nanos() / 1_000;
        if us.is_power_of_two() && POWERS.contains(&us.ilog2()) {
            buckets.push((us as f64 / 1e6, sum - before));
            before = sum;
        }
    }
    encoder.encode_histogram::<NoLabelSet>(seconds(histogram.sum()), histogram.count(), &buckets, None)
}

fn seconds(span: Span) -> f64 {
    span.as_nanos() as f64 / 1e9
}
