//! Our dialects with all their times scaled down, so that a day of an exchange's rules passes in seconds.

use std::time::Duration;

use wsbeat_core::dialect::Dialect;

/// Timeouts are scaled down to no less than this: a loaded machine stalls for some of it.
const TIMEOUT_MIN: Duration = Duration::from_millis(400);

/// The preset `id` with a heartbeat every `period` and its timeouts in the same ratio to it.
///
/// # Panics
/// If there is no such preset.
#[must_use]
pub fn scaled(id: &str, period: Duration) -> Dialect {
    let preset = Dialect::preset(id).expect("a preset");
    let interval = preset.interval();
    let lines = preset.to_toml().lines().map(|line| scale_line(line, period, interval)).collect::<Vec<_>>().join("\n");
    Dialect::load(&lines).unwrap_or_else(|e| panic!("{e}\n{lines}")).remove(0)
}

fn scale_line(line: &str, period: Duration, interval: Duration) -> String {
    let Some((key, value)) = line.split_once(" = ").map(|(key, value)| (key, value.trim_matches('"'))) else {
        return line.to_owned();
    };
    match key {
        "interval" if !value.starts_with('/') => format!("interval = \"{}ms\"", period.as_millis()),
        "death" => {
            let inner = value.split_once('(').and_then(|(rule, inner)| Some((rule, seconds(inner.strip_suffix("s)")?)?)));
            let Some((rule, time)) = inner else { return line.to_owned() };
            let time = period.mul_f64(time.as_secs_f64() / interval.as_secs_f64()).max(TIMEOUT_MIN);
            format!("death = \"{rule}({}ms)\"", time.as_millis())
        }
        _ => line.to_owned(),
    }
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_secs)
}
