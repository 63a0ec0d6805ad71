//! The advice, as people and machines read it.

use std::time::Duration;

use super::AdviseArgs;
use super::candidate::Candidate;
use super::judge::seconds;
use super::reckon::{MISSES, Network, Reckoned};
use super::trial::{DEATHS, Trial};
use crate::config::duration_text;
use crate::exit::Failure;
use crate::json::Object;
use crate::output::Out;

/// A candidate, what the simulation found of it, and whether it can be advised.
pub(super) type Row<'a> = (&'a Candidate, &'a Trial, Result<(), String>);

pub(super) fn advice(args: &AdviseArgs, network: &Network, reckoned: &Reckoned, rows: &[Row<'_>], out: &mut Out) -> Result<(), Failure> {
    out.text(|| format!("\n{}", head()))?;
    for row in rows {
        out.line(|| line(row), || json(row))?;
    }
    out.text(|| notes(args, rows))?;
    let advised: Vec<&Row<'_>> = rows.iter().filter(|(c, _, judged)| c.reckoned && judged.is_ok()).collect();
    out.line(|| chosen(args, &advised, rows), || advice_json(args, network, reckoned, &advised))?;
    Ok(())
}

/// What the arithmetic chose and why.
pub(super) fn reasons(args: &AdviseArgs, network: &Network, r: &Reckoned) -> String {
    let text = duration_text;
    let loss = percent(args.loss);
    let proxies = match network.idle {
        Some(idle) => format!("a proxy closes after {} of silence", text(idle)),
        None => "no proxy closes for silence".into(),
    };
    let mut said = format!(
        "network    rtt {}±{}, {loss} of segments lost, {proxies}\nwanted     a dead peer found within {}\n",
        text(args.rtt.mid),
        text(args.rtt.spread),
        text(r.detect_within)
    );
    said.push_str(&format!("answer     may take {}: {} there and back", seconds(r.answer), text(network.rtt_max())));
    if r.losses > 0 {
        said.push_str(&format!(
            ", {} for {} losses in a row (more of them: less than one ping in a million connection-hours)",
            seconds(r.held_up),
            r.losses
        ));
    }
    said.push_str(&match r.interval {
        Some(interval) => format!(
            "\ntimeout    {}: {}\ninterval   {}: the rest of {}{}",
            text(r.timeout),
            why_timeout(r),
            text(interval),
            text(r.detect_within),
            network.idle.map_or(String::new(), |idle| format!(", and at most half of {}", text(idle)))
        ),
        None => format!("\ninterval   none: a timeout that bears such an answer leaves no time for one within {}", text(r.detect_within)),
    });
    said.push_str(&format!(
        "\nmisses     {MISSES}, for heartbeats every {}: answers count within two of them, more misses would only be slower",
        text(r.beat)
    ));
    said
}

/// Which of its bounds set the timeout.
fn why_timeout(r: &Reckoned) -> String {
    let (twice, whole) = (r.answer * 2, duration_text(r.detect_within));
    if twice <= r.detect_within / 3 {
        format!("a third of {whole}, for what no model knows: pauses, roaming, sleep")
    } else if twice <= r.detect_within / 2 {
        "twice that, for what no model knows".into()
    } else {
        format!("that, or half of {whole}: twice that would leave too little for the interval")
    }
}

const WIDTHS: [usize; 7] = [24, 8, 8, 8, 12, 8, 0];

fn cells(cells: [&str; 7]) -> String {
    let padded = cells.iter().zip(WIDTHS).enumerate().map(|(place, (cell, width))| match place {
        0 | 6 => format!("{cell:width$}"),
        _ => format!("{cell:>width$}"),
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn head() -> String {
    let above = cells(["", "dead peer", "found", "within", "false kills", "", ""]);
    format!("{above}\n{}", cells(["candidate", "p50", "p99", "max", "per 10^6 h", "bytes/h", "verdict"]))
}

fn line((candidate, trial, judged): &Row<'_>) -> String {
    let found = |per_mille| trial.detect(per_mille).map_or("-".into(), seconds);
    let kills = match trial.false_kills {
        0 => format!("< {:.0}", trial.bound_per_million_hours().ceil()),
        _ => format!("{:.0}", trial.kills_per_million_hours()),
    };
    let verdict = match judged {
        Ok(()) if candidate.reckoned => "advised".to_owned(),
        Ok(()) => "would do".to_owned(),
        Err(why) => format!("no: {why}"),
    };
    let bytes = format!("{:.0}", trial.bytes_per_hour());
    cells([&candidate.name, &found(500), &found(990), &found(1_000), &kills, &bytes, &verdict])
}

fn notes(args: &AdviseArgs, rows: &[Row<'_>]) -> String {
    let hours = rows.iter().map(|(_, trial, _)| trial.hours).fold(f64::INFINITY, f64::min);
    format!(
        "\nSimulated for each, seed {}: {hours:.0} connection-hours or more of this network, and {DEATHS} peers that died at any moment.\n\
         No false kill in h hours means fewer than 3/h, with 95 % confidence (the rule of three): --hours N for a closer bound.\n\
         Bytes: frames, and IPv4 and TCP headers (52) of ask, answer and acknowledgement, where nothing else is sent.\n\
         Only strict and htx-spot-v1 judge nobody after their host has slept and count from the writing; the others do as their originals.\n",
        args.seed
    )
}

fn chosen(args: &AdviseArgs, advised: &[&Row<'_>], rows: &[Row<'_>]) -> String {
    let command = |(candidate, trial, _): &Row<'_>| {
        let n = f64::from(args.connections);
        let kind = if candidate.dialect.is_some() { "heartbeats" } else { "pings" };
        let per_second = trial.asks_per_hour * n / 3_600.0;
        let mbit = trial.bytes_per_hour() * n * 8.0 / 3_600.0 / 1e6;
        format!(
            "{kind:11}wsbeat serve {}\n{:11}{} connections: {per_second:.1} {kind} a second, {mbit:.3} Mbit/s in all",
            candidate.flags, "", args.connections
        )
    };
    if !advised.is_empty() {
        return advised.iter().map(|row| command(row)).collect::<Vec<_>>().join("\n");
    }
    let would_do = rows.iter().find(|(_, _, judged)| judged.is_ok());
    match would_do {
        Some(row) => command(row),
        None => "nothing meets this: allow more time with --detect-within, or mend the network".into(),
    }
}

fn json((candidate, trial, judged): &Row<'_>) -> Object {
    let found = |per_mille| trial.detect(per_mille).map(micros);
    let rate = (trial.false_kills > 0).then(|| trial.kills_per_million_hours().round());
    let below = (trial.false_kills == 0).then(|| trial.bound_per_million_hours().ceil());
    Object::event("candidate")
        .with("name", &candidate.name)
        .with("flags", &candidate.flags)
        .with("advised", candidate.reckoned && judged.is_ok())
        .with("meets", judged.is_ok())
        .with("why_not", judged.as_ref().err())
        .with("interval_ms", millis(candidate.every))
        .with("tolerates_ms", millis(candidate.tolerates))
        .with("detect_us", Times { p50: found(500), p99: found(990), max: found(1_000), deaths: trial.detect_times.len() })
        .with("false_kills", trial.false_kills)
        .with("connection_hours", trial.hours.round())
        .with("false_kills_per_million_hours", rate)
        .with("false_kills_per_million_hours_below", below)
        .with("bytes_per_hour", trial.bytes_per_hour().round())
        .with("frame_bytes", trial.frame_bytes)
}

#[derive(serde::Serialize)]
struct Times {
    p50: Option<u64>,
    p99: Option<u64>,
    max: Option<u64>,
    deaths: usize,
}

fn advice_json(args: &AdviseArgs, network: &Network, r: &Reckoned, advised: &[&Row<'_>]) -> Object {
    Object::event("advice")
        .with("rtt_max_us", micros(network.rtt_max()))
        .with("loss_ppm", network.loss_ppm)
        .with("proxy_idle_ms", network.idle.map(millis))
        .with("detect_within_ms", millis(r.detect_within))
        .with("connections", args.connections)
        .with("seed", args.seed)
        .with("answer_us", micros(r.answer))
        .with("losses_borne", r.losses)
        .with("ping_interval_ms", r.interval.map(millis))
        .with("ping_timeout_ms", r.interval.map(|_| millis(r.timeout)))
        .with("interval_ms", millis(r.beat))
        .with("misses", MISSES)
        .with("flags", advised.iter().map(|(candidate, _, _)| &candidate.flags).collect::<Vec<_>>())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Millionths as a percentage, without needless zeros.
fn percent(ppm: u32) -> String {
    format!("{}%", f64::from(ppm) / 1e4)
}
