//! The status line of a server on a terminal: how it fares, in one line, once a second.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use wsbeat_core::event::{Counter, Plane};
use wsbeat_core::stats::Stats;
use wsbeat_core::time::Span;
use wsbeat_tokio::server::Handle;

use super::live::Live;
use crate::human::{grouped, millis, percent};
use crate::logging::Logger;

/// How often it is drawn.
const PERIOD: Duration = Duration::from_secs(1);
/// Over how many periods rates and round trips are taken: long enough to be calm.
const WINDOW: usize = 10;
/// The columns of a terminal that does not tell.
const COLUMNS: u16 = 80;

/// Draws it for as long as the servers run, where somebody sees it.
pub(super) async fn show(servers: Vec<(Handle, Arc<Live>)>, log: Logger) {
    if !log.has_reader() || !io::stdout().is_terminal() {
        return;
    }
    let mut window = Window::default();
    let mut tick = tokio::time::interval(PERIOD);
    loop {
        tick.tick().await;
        let Some(sample) = Sample::take(&servers).await else { return };
        window.push(sample);
        log.status(&cut(&window.text(), columns()));
    }
}

/// The width of the terminal.
fn columns() -> u16 {
    let told = ratatui::crossterm::terminal::size().ok().map(|(columns, _)| columns);
    told.filter(|columns| *columns > 0).unwrap_or(COLUMNS)
}

/// What fits: a status that wraps could not be erased.
fn cut(text: &str, columns: u16) -> String {
    text.chars().take(usize::from(columns).saturating_sub(1)).collect()
}

/// What the servers counted until one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sample {
    connections: usize,
    is_draining: bool,
    sent: u64,
    matched: u64,
    ended: u64,
    given_up: u64,
    /// Where each bucket of round trips ends, and how many were shorter.
    rtts: Vec<(Span, u64)>,
}

impl Sample {
    /// Asks all servers; `None` when none answers any more.
    async fn take(servers: &[(Handle, Arc<Live>)]) -> Option<Self> {
        let mut sample = Sample::default();
        let mut answered = false;
        for (handle, live) in servers {
            sample.connections += handle.count();
            sample.is_draining |= handle.is_draining();
            sample.ended += handle.stats().ended.get();
            sample.given_up += live.given_up();
            if let Ok(stats) = handle.heartbeat_stats().await {
                answered = true;
                sample.add(&stats);
            }
        }
        answered.then_some(sample)
    }

    fn add(&mut self, stats: &Stats) {
        self.sent += stats.get(Counter::PingsSent) + stats.get(Counter::HeartbeatsSent);
        self.matched += stats.get(Counter::PongsMatched) + stats.get(Counter::AnswersMatched);
        for plane in [Plane::Transport, Plane::Application] {
            let buckets = stats.rtt(plane).buckets();
            if self.rtts.is_empty() {
                self.rtts = buckets.collect();
            } else {
                self.rtts.iter_mut().zip(buckets).for_each(|((_, all), (_, more))| *all += more);
            }
        }
    }
}

/// The newest samples.
#[derive(Debug, Default)]
struct Window(VecDeque<Sample>);

impl Window {
    fn push(&mut self, sample: Sample) {
        self.0.push_back(sample);
        if self.0.len() > WINDOW + 1 {
            self.0.pop_front();
        }
    }

    fn text(&self) -> String {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else { return String::new() };
        if last.is_draining {
            return format!("draining: {} connections left", grouped(last.connections as u64));
        }
        let sent = last.sent.saturating_sub(first.sent);
        let mut text = format!("{} connections", grouped(last.connections as u64));
        if sent > 0 {
            // What is under way looks unanswered: below a thousandth nobody is meant.
            let lost = sent.saturating_sub(last.matched.saturating_sub(first.matched));
            let seconds = (self.0.len() - 1).max(1) as u64;
            text.push_str(&format!(", {} heartbeats/s, {} unanswered", grouped(sent / seconds), percent(lost * 1_000 / sent)));
        }
        if let Some(p99) = quantile(first, last, 990) {
            text.push_str(&format!(", rtt p99 {} ms", millis(p99.as_nanos() / 1_000)));
        }
        text.push_str(&format!(", {} closed, {} given up", grouped(last.ended), grouped(last.given_up)));
        text
    }
}

/// The round trip that so many thousandths of those between two samples do not exceed.
fn quantile(first: &Sample, last: &Sample, per_mille: u64) -> Option<Span> {
    let before = |place: usize| first.rtts.get(place).map_or(0, |(_, count)| *count);
    let between = |place: usize, count: u64| count.saturating_sub(before(place));
    let all = last.rtts.len().checked_sub(1).map(|place| between(place, last.rtts[place].1))?;
    let rank = (all * per_mille).div_ceil(1_000);
    let found = last.rtts.iter().enumerate().find(|(place, (_, count))| between(*place, *count) >= rank.max(1));
    found.map(|(_, (end, _))| *end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(sent: u64, matched: u64, rtt_ms: &[u64]) -> Sample {
        let mut stats = Stats::default();
        rtt_ms.iter().for_each(|ms| stats.record(Plane::Application, Span::from_millis(*ms)));
        let mut sample = Sample { connections: 18_000, ended: 1_234, given_up: 12, ..Sample::default() };
        sample.add(&stats);
        (sample.sent, sample.matched) = (sent, matched);
        sample
    }

    #[test]
    fn it_tells_rates_losses_and_round_trips_of_its_window() {
        let mut window = Window::default();
        window.push(sample(1_000, 900, &[900]));
        window.push(sample(4_600, 4_464, &[900, 1, 1, 1]));
        let text = window.text();
        assert!(text.starts_with("18,000 connections, 3,600 heartbeats/s, 1.0% unanswered, rtt p99 1."), "{text}");
        assert!(text.ends_with(" ms, 1,234 closed, 12 given up"), "{text}");
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut window = Window::default();
        (0..100).for_each(|n| window.push(sample(n * 10, n * 10, &[])));
        assert_eq!(window.0.len(), WINDOW + 1);
        assert!(window.text().contains(", 10 heartbeats/s, 0.0% unanswered"), "{}", window.text());
    }

    #[test]
    fn a_server_that_asks_nobody_shows_no_rates() {
        let mut window = Window::default();
        window.push(sample(0, 0, &[]));
        window.push(Sample { connections: 0, ..sample(0, 0, &[]) });
        assert_eq!(window.text(), "0 connections, 1,234 closed, 12 given up");
        window.push(Sample { connections: 3, is_draining: true, ..sample(0, 0, &[]) });
        assert_eq!(window.text(), "draining: 3 connections left");
    }

    #[test]
    fn it_never_wraps() {
        assert_eq!(cut("0123456789", 5), "0123");
        assert_eq!(cut("0123", 80), "0123");
    }
}
