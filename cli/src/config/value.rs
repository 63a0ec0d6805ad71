//! Values from text, and back.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// The items of a list in one text, separated by commas.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

/// A duration with a unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if let Ok(duration) = humantime::parse_duration(text) {
        return if text == "0" { Err("a duration needs a unit: 0s".into()) } else { Ok(duration) };
    }
    if text.parse::<u64>().is_ok() {
        return Err(format!("a duration needs a unit: {text}s, or {text}ms"));
    }
    Err("a duration has a unit, such as 5s, 250ms or 1m30s".into())
}

/// A size in bytes, `KiB`, `MiB` or `GiB`, at most 4 GiB less one.
pub(crate) fn size(text: &str) -> Result<u32, String> {
    let text = text.trim();
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(end) => text.split_at(end),
        None => (text, ""),
    };
    let scale: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("a size is a number of bytes, or such as 64KiB or 1MiB".into()),
    };
    let number: u64 = number.parse().map_err(|_| "a size is a number of bytes, or such as 64KiB or 1MiB".to_owned())?;
    number.checked_mul(scale).and_then(|bytes| u32::try_from(bytes).ok()).ok_or_else(|| "less than 4GiB".into())
}

/// A whole number within these limits.
pub(super) fn count<N: FromStr + PartialOrd + Display>(limits: RangeInclusive<N>) -> impl FnOnce(&str) -> Result<N, String> {
    move |text| {
        let number = text.trim().parse().ok().filter(|number| limits.contains(number));
        number.ok_or_else(|| format!("{} to {}", limits.start(), limits.end()))
    }
}

/// A share: `5%` or `0.05`.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let wrong = || "a share is such as 5% or 0.05".to_owned();
    let text = text.trim();
    let (number, scale) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share: f64 = number.parse::<f64>().map_err(|_| wrong())? / scale;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(wrong()) }
}

/// A size as a person would write it.
pub(super) fn size_text(bytes: u32) -> String {
    const UNITS: [(u32, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (scale, unit) in UNITS {
        if bytes >= scale && bytes.is_multiple_of(scale) {
            return format!("{}{unit}", bytes / scale);
        }
    }
    bytes.to_string()
}

/// A duration as a person would write it.
pub(crate) fn duration_text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_without_a_unit_is_shown_the_right_form() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("5").unwrap_err(), "a duration needs a unit: 5s, or 5ms");
        assert!(duration("0").unwrap_err().contains("0s"));
        for text in ["", "s", "-1s", "1.5.2s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_take_bytes_kib_and_mib() {
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("64KiB"), Ok(64 << 10));
        assert_eq!(size("100"), Ok(100));
        for text in ["1MB", "-1", "", "KiB", "1.5MiB", "4GiB", "99999999999999999999"] {
            assert!(size(text).is_err(), "{text}");
        }
        for bytes in [0, 1, 1_024, 1_025, 1 << 20, u32::MAX] {
            assert_eq!(size(&size_text(bytes)), Ok(bytes));
        }
    }

    #[test]
    fn a_number_that_cannot_be_is_told_its_limits() {
        assert_eq!(count(1..=u32::MAX)("7"), Ok(7));
        for text in ["-1", "0", "4294967296", "1.5", "", "many"] {
            assert_eq!(count(1..=u32::MAX)(text).unwrap_err(), "1 to 4294967295", "{text}");
        }
    }

    #[test]
    fn shares_take_both_forms() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.05"), Ok(0.05));
        for text in ["5", "-1%", "NaN", "101%", ""] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_come_back_as_they_went() {
        for d in [Duration::from_millis(1), Duration::from_secs(5), Duration::from_secs(93_784)] {
            assert_eq!(duration(&duration_text(d)), Ok(d));
        }
    }
}
