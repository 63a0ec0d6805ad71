//! Objectives: what a load has to hold.

use std::fmt;
use std::time::Duration;

use wsbeat_tokio::load::{Histogram, Report};

use crate::config::{duration, duration_text};

/// What has to hold, all of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Objectives(Vec<Objective>);

#[derive(Clone, Debug, PartialEq)]
struct Objective {
    text: String,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    /// A percentile of a time is below this.
    Below(Times, f64, Duration),
    Count(Counted, Relation, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Answer,
    Spacing,
    Echo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Connections,
    Failed,
    Lost,
    Pings,
    Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    Below,
    Above,
}

const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
const COUNTED: [(&str, Counted); 5] = [
    ("connections", Counted::Connections),
    ("failed", Counted::Failed),
    ("lost", Counted::Lost),
    ("pings", Counted::Pings),
    ("answered", Counted::Answered),
];

impl Objectives {
    /// Objectives separated by commas.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(|part| Objective::parse(part.trim())).collect::<Result<_, _>>().map(Objectives)
    }

    /// Those that do not hold, each with what was found.
    pub(super) fn missed(&self, report: &Report) -> Vec<String> {
        self.0.iter().filter_map(|objective| objective.missed(report)).collect()
    }
}

impl Objective {
    fn parse(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '=', '>']).ok_or_else(|| format!("\"{text}\": write such as p99<50ms or lost=0"))?;
        let (name, value) = (text[..at].trim(), text[at + 1..].trim());
        let relation = match text.as_bytes()[at] {
            b'<' => Relation::Below,
            b'>' => Relation::Above,
            _ => Relation::Equal,
        };
        let wanted = match COUNTED.iter().find(|(known, _)| *known == name) {
            Some((_, counted)) => {
                let number = value.parse().map_err(|_| format!("{name}: \"{value}\" is no whole number"))?;
                Wanted::Count(*counted, relation, number)
            }
            None => time(name, relation, value)?,
        };
        Ok(Objective { text: text.to_owned(), wanted })
    }

    fn missed(&self, report: &Report) -> Option<String> {
        match self.wanted {
            Wanted::Below(times, quantile, limit) => {
                let histogram = times.of(report);
                // Where nothing was measured nothing holds.
                if histogram.is_empty() {
                    return Some(format!("{}: nothing was measured", self.text));
                }
                let found = Duration::from_micros(histogram.value_at_quantile(quantile));
                (found >= limit).then(|| format!("{}: {}", self.text, duration_text(found)))
            }
            Wanted::Count(counted, relation, wanted) => {
                let found = counted.of(report);
                let holds = match relation {
                    Relation::Equal => found == wanted,
                    Relation::Below => found < wanted,
                    Relation::Above => found > wanted,
                };
                (!holds).then(|| format!("{}: {found}", self.text))
            }
        }
    }
}

fn time(name: &str, relation: Relation, value: &str) -> Result<Wanted, String> {
    let (times, rest) = match name.split_once('.') {
        Some(("spacing", rest)) => (Times::Spacing, rest),
        Some(("echo", rest)) => (Times::Echo, rest),
        Some(("answer", rest)) => (Times::Answer, rest),
        _ => (Times::Answer, name),
    };
    let Some((_, quantile)) = QUANTILES.iter().find(|(known, _)| *known == rest) else {
        return Err(format!("\"{name}\": one of {}", Known));
    };
    if relation != Relation::Below {
        return Err(format!("{name}: a time is below a duration, such as {name}<50ms"));
    }
    Ok(Wanted::Below(times, *quantile, duration(value).map_err(|problem| format!("{name}: {problem}"))?))
}

/// The names of all objectives.
struct Known;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = QUANTILES.iter().map(|(name, _)| *name).chain(COUNTED.iter().map(|(name, _)| *name));
        f.write_str(&names.collect::<Vec<_>>().join(", "))?;
        f.write_str(", and the percentiles of spacing. and echo.")
    }
}

impl Times {
    fn of(self, report: &Report) -> &Histogram<u64> {
        match self {
            Times::Answer => &report.answer,
            Times::Spacing => &report.spacing,
            Times::Echo => &report.echo,
        }
    }
}

impl Counted {
    fn of(self, report: &Report) -> u64 {
        match self {
            Counted::Connections => report.connections,
            Counted::Failed => report.failed,
            Counted::Lost => report.lost,
            Counted::Pings => report.pings,
            Counted::Answered => report.answered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_as_they_are_written() {
        let all = Objectives::parse("p99<50ms, lost=0,spacing.p99.9<5s,pings>10,echo.max<1s").unwrap();
        let wanted: Vec<Wanted> = all.0.iter().map(|objective| objective.wanted).collect();
        assert_eq!(
            wanted,
            [
                Wanted::Below(Times::Answer, 0.99, Duration::from_millis(50)),
                Wanted::Count(Counted::Lost, Relation::Equal, 0),
                Wanted::Below(Times::Spacing, 0.999, Duration::from_secs(5)),
                Wanted::Count(Counted::Pings, Relation::Above, 10),
                Wanted::Below(Times::Echo, 1.0, Duration::from_secs(1)),
            ]
        );
    }

    #[test]
    fn what_is_no_objective_is_told_with_what_is() {
        let told = |text: &str| Objectives::parse(text).unwrap_err();
        assert!(told("p99").contains("such as p99<50ms"));
        assert!(told("p98<5ms").contains("one of p50, p90, p99, p99.9, max, connections, failed, lost"));
        assert!(told("p99<50").contains("a duration needs a unit: 50s, or 50ms"));
        assert!(told("p99>50ms").contains("below a duration"));
        assert!(told("lost=none").contains("no whole number"));
    }
}
