//! The same figures in lines: for scripts, pipes and `--once`.

use std::time::Duration;

use serde::Serialize;
use wsbeat_tokio::admin::api::{ConnectionRow, Distribution, Summary, VerdictEvent};

use super::client::{Client, Event, Query};
use crate::escape::one_line;
use crate::exit::{Exit, Failure};
use crate::human::{age, bytes, grouped, millis};
use crate::json::Object;
use crate::output::Out;

/// Prints what is there now; with `again` the figures again and again, and verdicts as they come, until nobody reads.
///
/// # Errors
/// The server does not answer, or nobody reads.
pub(super) fn run(client: &Client, query: &Query, again: Option<Duration>, out: &mut Out) -> Result<Exit, Failure> {
    let (mut verdicts, mut latest) = (Vec::new(), None);
    client.events(|event| match event {
        Event::Verdict(verdict) => {
            verdicts.push(verdict);
            true
        }
        Event::Summary(summary) => {
            latest = Some(summary);
            false
        }
    })?;
    let summary = latest.map_or_else(|| client.summary(), |summary| Ok(*summary))?;
    let page = client.connections(query)?;
    out.line(|| totals(client.url(), &summary), || object("summary", &summary))?;
    for verdict in &verdicts {
        told(verdict, summary.now_ms, out)?;
    }
    let names = ["conn", "listener", "peer", "phase", "age", "rtt ms", "unanswered", "last byte", "queue"].map(str::to_owned);
    out.text(|| format!("\n{} of {} connections\n{}", page.connections.len(), grouped(page.matched), columns(&names)))?;
    for one in &page.connections {
        out.line(|| columns(&cells(one)), || object("connection", one))?;
    }
    match again {
        Some(interval) => follow(client, interval, out),
        None => Ok(Exit::Done),
    }
}

fn follow(client: &Client, interval: Duration, out: &mut Out) -> Result<Exit, Failure> {
    let (mut failure, mut next_ms, mut is_old) = (None, 0, true);
    client.events(|event| {
        let printed = match event {
            // The stream begins with the verdicts that were printed already.
            Event::Verdict(_) if is_old => Ok(()),
            Event::Verdict(verdict) => told(&verdict, verdict.at_ms, out),
            Event::Summary(summary) => {
                is_old = false;
                if summary.now_ms < next_ms {
                    return true;
                }
                // A summary comes each second, a little early or late: half of one decides.
                next_ms = summary.now_ms + u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).saturating_sub(500);
                out.line(|| totals(client.url(), &summary), || object("summary", &summary)).map_err(Failure::from)
            }
        };
        failure = printed.err();
        failure.is_none()
    })?;
    Err(failure.unwrap_or_else(|| Failure::new(Exit::Unreachable, format_args!("{}: the server ended the stream", client.url()))))
}

fn told(verdict: &VerdictEvent, now_ms: u64, out: &mut Out) -> Result<(), Failure> {
    let ago = age(now_ms.saturating_sub(verdict.at_ms));
    Ok(out.line(|| format!("{ago} ago: {}", one_line(&verdict.text)), || object("verdict", verdict))?)
}

/// The fields of `of` as an event of the output.
fn object(event: &str, of: &impl Serialize) -> Object {
    let fields = serde_json::to_value(of).unwrap_or_default();
    let fields = fields.as_object().into_iter().flatten().filter(|(key, _)| *key != "v");
    fields.fold(Object::event(event), |object, (key, value)| object.with(key, value))
}

fn totals(url: &str, summary: &Summary) -> String {
    let up = age(summary.now_ms.saturating_sub(summary.started_ms));
    let draining = if summary.draining { ", draining" } else { "" };
    let mut lines = vec![format!("{url} wsbeat {}, up {up}{draining}", one_line(&summary.version))];
    for listener in &summary.listeners {
        let (urls, dialect) = (listener.urls.join(" "), listener.dialect.as_deref().unwrap_or("none"));
        lines.push(one_line(&format!("listener {}: {urls}, dialect {dialect}", listener.name)));
    }
    let sum = |counts: &mut dyn Iterator<Item = u64>| grouped(counts.sum());
    lines.push(format!(
        "{} connections, {} opened, {} closed, {} refused",
        grouped(summary.connections),
        grouped(summary.opened),
        sum(&mut summary.closes.iter().map(|one| one.count)),
        sum(&mut summary.refused.iter().map(|one| one.count))
    ));
    lines.push(format!(
        "{} heartbeats sent, {} answered; {} pings sent, {} answered",
        grouped(summary.pings_sent.application),
        grouped(summary.answers.application.matched),
        grouped(summary.pings_sent.transport),
        grouped(summary.answers.transport.matched)
    ));
    let kinds =
        [("heartbeats", &summary.rtt_us.application), ("pings", &summary.rtt_us.transport), ("timer late by", &summary.timer_lag_us)];
    lines.extend(kinds.iter().filter(|(_, of)| of.count > 0).map(|(name, of)| distribution(name, of)));
    for one in summary.closes.iter().filter(|one| one.count > 0) {
        let code = one.code.map_or(String::new(), |code| format!(" {code}"));
        lines.push(format!("closed {}{code}: {}", one_line(&one.verdict), grouped(one.count)));
    }
    for one in summary.refused.iter().filter(|one| one.count > 0) {
        lines.push(format!("refused {}: {}", one_line(&one.reason), grouped(one.count)));
    }
    lines.join("\n")
}

fn distribution(name: &str, of: &Distribution) -> String {
    let shown = |us: Option<u64>| us.map_or("-".into(), millis);
    format!("{name} p50/p90/p99/max = {}/{}/{}/{} ms", shown(of.p50), shown(of.p90), shown(of.p99), shown(of.max))
}

fn cells(one: &ConnectionRow) -> [String; 9] {
    [
        one.id.to_string(),
        one_line(&one.listener),
        one_line(&one.peer),
        one_line(&one.phase),
        age(one.age_ms),
        one.srtt_us.map_or("-".into(), millis),
        one.unanswered.to_string(),
        age(one.last_evidence_ms),
        bytes(one.queue_bytes),
    ]
}

fn columns(cells: &[String; 9]) -> String {
    const WIDTHS: [usize; 9] = [8, 12, 22, 8, 8, 8, 10, 9, 8];
    let padded: Vec<String> = cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:width$}")).collect();
    padded.join(" ").trim_end().to_owned()
}
