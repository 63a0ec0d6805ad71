//! The layer of a TOML file: flat, one key a setting.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{ConfigError, Layer, Origin};

/// The longest file read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The settings in the file at `path`: what can be read of it, and all that is wrong with its keys, by line.
///
/// # Errors
/// The file cannot be read, or is no TOML.
pub(crate) fn read_file(path: &Path) -> Result<Layer, ConfigError> {
    let text = read_text(path).map_err(|problem| ConfigError { origin: None, message: format!("{}: {problem}", path.display()) })?;
    parse(&text, path)
}

/// The text of a file of the user's.
///
/// # Errors
/// What the system says, or that it is too long or no UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("{bytes} bytes: at most {FILE_BYTES_MAX}"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

fn parse(text: &str, path: &Path) -> Result<Layer, ConfigError> {
    let at = |span: Range<usize>| Origin::File { path: path.to_owned(), line: line_of(text, span.start) };
    let table = DeTable::parse(text)
        .map_err(|error| ConfigError { origin: Some(at(error.span().unwrap_or(0..0))), message: error.message().to_owned() })?;
    let mut layer = Layer::default();
    for (key, value) in table.get_ref() {
        let origin = at(key.span());
        let put = match texts(value.get_ref()) {
            Some(values) => layer.settings.put(key.get_ref(), beside(path, key.get_ref(), values), origin),
            None if super::keys::find(key.get_ref()).is_none() => layer.settings.put(key.get_ref(), Vec::new(), origin),
            None => Err(ConfigError {
                origin: Some(origin),
                message: format!("{}: a text, a number, true or false, or a list of texts", key.get_ref()),
            }),
        };
        layer.errors.extend(put.err());
    }
    Ok(layer)
}

/// A file that a file names lies beside it, wherever the command runs.
fn beside(path: &Path, key: &str, values: Vec<String>) -> Vec<String> {
    if key != "dialects" {
        return values;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    values.iter().map(|file| folder.join(file).display().to_string()).collect()
}

/// A value as the command line would have it.
fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::Array(items) => items.iter().map(|item| scalar(item.get_ref())).collect(),
        other => scalar(other).map(|text| vec![text]),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Some(number.to_string()),
            Err(_) => Some(number.as_str().to_owned()),
        },
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn parsed(text: &str) -> Result<Settings, Vec<String>> {
        let shown = |errors: &[ConfigError]| errors.iter().map(ToString::to_string).collect();
        match parse(text, Path::new("etc/w.toml")) {
            Ok(layer) if layer.errors.is_empty() => Ok(layer.settings),
            Ok(layer) => Err(shown(&layer.errors)),
            Err(error) => Err(shown(&[error])),
        }
    }

    #[test]
    fn every_kind_of_value_is_taken_as_text() {
        let settings = parsed("misses = 3\njitter = 0.05\nadaptive = true\nlisten = [\"[::1]:1\"]\ninterval = \"5s\"").unwrap();
        let value = |key| settings.get(key).unwrap().values[0].as_str();
        assert_eq!(["misses", "jitter", "adaptive", "listen", "interval"].map(value), ["3", "0.05", "true", "[::1]:1", "5s"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_all_of_it() {
        let mut errors = parsed("misses = 3\n\nintervall = 5\ndrian = \"1s\"\n").unwrap_err();
        errors.sort();
        assert_eq!(
            errors,
            [
                "etc/w.toml:3: unknown key \"intervall\": the nearest known one is \"interval\"",
                "etc/w.toml:4: unknown key \"drian\": the nearest known one is \"drain\"",
            ]
        );
        assert!(parsed("a = 1\nb = = 2").unwrap_err()[0].starts_with("etc/w.toml:2: "));
    }

    #[test]
    fn a_table_or_a_list_where_one_value_is_wanted_is_an_error() {
        assert!(parsed("[interval]\nx = 1").unwrap_err()[0].contains("interval: a text"));
        assert!(parsed("[serve]\nx = 1").unwrap_err()[0].contains("unknown key \"serve\""));
        assert!(parsed("interval = [\"1s\", \"2s\"]").unwrap_err()[0].contains("one value"));
    }

    #[test]
    fn a_file_named_in_a_file_lies_beside_it() {
        let settings = parsed("dialects = \"mine.toml\"").unwrap();
        assert_eq!(settings.get("dialects").unwrap().values, ["etc/mine.toml"]);
    }
}
