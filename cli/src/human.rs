//! Figures as a person reads them.

/// A number with its thousands apart: `18,000`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest unit that keeps three digits: `1.5 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1_024 {
        return format!("{n} B");
    }
    let (mut size, mut unit) = (n as f64 / 1_024.0, 0);
    while size >= 1_000.0 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1_024.0, unit + 1);
    }
    if size < 10.0 { format!("{size:.1} {}", UNITS[unit]) } else { format!("{size:.0} {}", UNITS[unit]) }
}

/// Microseconds as milliseconds: `0.41`, `12.3`, `1,234`.
pub(crate) fn millis(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{:02}", us / 1_000, us % 1_000 / 10),
        10_000..1_000_000 => format!("{}.{}", us / 1_000, us % 1_000 / 100),
        _ => grouped(us / 1_000),
    }
}

/// A length of time in its two largest units: `1h2m`, `3d4h`, `250ms`.
pub(crate) fn age(ms: u64) -> String {
    let (s, m, h, d) = (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{s}.{}s", ms % 1_000 / 100),
        60_000..3_600_000 => format!("{m}m{}s", s % 60),
        3_600_000..86_400_000 => format!("{h}h{}m", m % 60),
        _ => format!("{d}d{}h", h % 24),
    }
}

/// Thousandths as a percentage: `1.2%`.
pub(crate) fn percent(per_mille: u64) -> String {
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_plain() {
        assert_eq!([0, 999, 1_000, 18_000, 1_234_567].map(grouped), ["0", "999", "1,000", "18,000", "1,234,567"]);
        assert_eq!([0, 1_023, 1_536, 64 << 10, 5 << 30].map(bytes), ["0 B", "1023 B", "1.5 KiB", "64 KiB", "5.0 GiB"]);
        assert_eq!([0, 412, 12_345, 1_234_567].map(millis), ["0.00", "0.41", "12.3", "1,234"]);
        assert_eq!([5, 1_500, 90_000, 3_720_000, 100_000_000].map(age), ["5ms", "1.5s", "1m30s", "1h2m", "1d3h"]);
        assert_eq!(percent(12), "1.2%");
    }
}
