//! The layer of a TOML file: one key a setting, and a table for each listener.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::listeners::{NAME_FORM, Table, is_name};
use super::{ConfigError, Layer, Origin, Settings, failure};
use crate::exit::Failure;

/// The longest file read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The settings in the file at `path`: what can be read of it, and all that is wrong with its keys, by line.
///
/// # Errors
/// The file cannot be read, or is no TOML.
pub(crate) fn read_file(path: &Path) -> Result<Layer, Failure> {
    let text = read_text(path).map_err(|problem| Failure::usage(format_args!("{}: {problem}", path.display())))?;
    parse(&text, path).map_err(failure)
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

/// A file's text, as its layer.
///
/// # Errors
/// It is no TOML.
fn parse(text: &str, path: &Path) -> Result<Layer, Vec<ConfigError>> {
    let file = File { text, path };
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let told = |error: &toml::de::Error| ConfigError {
            origin: Some(file.at(error.span().unwrap_or(0..0))),
            message: error.message().to_owned(),
        };
        return Err(errors.iter().map(told).collect());
    }
    let mut layer = Layer::default();
    for (key, value) in root.get_ref() {
        let put = match (key.get_ref().as_ref(), value.get_ref()) {
            (LISTENER, DeValue::Array(tables)) => file.listeners(tables, &mut layer),
            (LISTENER, _) => Err(file.wrong(key.span(), "listener: write a [[listener]] table for each one".into())),
            _ => file.put(&mut layer.settings, key, value),
        };
        layer.errors.extend(put.err());
    }
    Ok(layer)
}

/// The name of the tables of listeners.
const LISTENER: &str = "listener";

/// A file that is read.
#[derive(Clone, Copy)]
struct File<'a> {
    text: &'a str,
    path: &'a Path,
}

impl File<'_> {
    fn at(self, span: Range<usize>) -> Origin {
        Origin::File { path: self.path.to_owned(), line: line_of(self.text, span.start) }
    }

    fn wrong(self, span: Range<usize>, message: String) -> ConfigError {
        ConfigError { origin: Some(self.at(span)), message }
    }

    fn put(self, settings: &mut Settings, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
        let (name, origin) = (key.get_ref(), self.at(key.span()));
        match texts(value.get_ref()) {
            Some(values) => settings.put(name, beside(self.path, name, values), origin),
            None if super::keys::find(name).is_none() => settings.put(name, Vec::new(), origin),
            None => Err(self.wrong(key.span(), format!("{name}: a text, a number, true or false, or a list of texts"))),
        }
    }

    fn listeners(self, tables: &DeArray<'_>, layer: &mut Layer) -> Result<(), ConfigError> {
        for item in tables {
            let Some(table) = item.get_ref().as_table() else {
                return Err(self.wrong(item.span(), "listener: write a [[listener]] table for each one".into()));
            };
            match self.listener(table, item.span(), &mut layer.errors) {
                Ok(one) if layer.tables.iter().any(|other| other.name == one.name) => {
                    let message = format!("name = {}: another listener has it already", one.name);
                    layer.errors.push(ConfigError { origin: Some(one.origin), message });
                }
                Ok(one) => layer.tables.push(one),
                Err(error) => layer.errors.push(error),
            }
        }
        Ok(())
    }

    fn listener(self, table: &DeTable<'_>, span: Range<usize>, errors: &mut Vec<ConfigError>) -> Result<Table, ConfigError> {
        let mut settings = Settings::default();
        let mut name = None;
        for (key, value) in table {
            if key.get_ref() == "name" {
                name = value.get_ref().as_str().map(|text| (text.to_owned(), key.span()));
                continue;
            }
            errors.extend(self.put(&mut settings, key, value).err());
        }
        match name {
            Some((name, _)) if is_name(&name) => Ok(Table { name, origin: self.at(span), settings }),
            Some((name, at)) => Err(self.wrong(at, format!("name = {name}: {NAME_FORM}"))),
            None => Err(self.wrong(span, format!("listener: name = \"...\" is missing: {NAME_FORM}"))),
        }
    }
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
    use super::*;

    fn parsed(text: &str) -> Result<Settings, Vec<String>> {
        let shown = |errors: &[ConfigError]| errors.iter().map(ToString::to_string).collect();
        match parse(text, Path::new("etc/w.toml")) {
            Ok(layer) if layer.errors.is_empty() => Ok(layer.settings),
            Ok(layer) => Err(shown(&layer.errors)),
            Err(errors) => Err(shown(&errors)),
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
    fn every_error_of_the_syntax_is_told() {
        let errors = parsed("misses = = 3\ninterval = \"5s\"\ndrain = 5s\n").unwrap_err();
        assert!(errors.len() >= 2 && errors[0].starts_with("etc/w.toml:1: "), "{errors:?}");
        assert!(errors.iter().any(|error| error.starts_with("etc/w.toml:3: ")), "{errors:?}");
    }

    #[test]
    fn listeners_are_tables_with_names_of_their_own() {
        let text = "misses = 3\n[[listener]]\nname = \"a\"\nlisten = \"127.0.0.1:1\"\n\n[[listener]]\nname = \"b\"\nmisses = 4\n";
        let layer = parse(text, Path::new("w.toml")).unwrap();
        assert!(layer.errors.is_empty(), "{:?}", layer.errors);
        let shown: Vec<String> = layer.tables.iter().map(|table| format!("{} {}", table.name, table.origin)).collect();
        assert_eq!(shown, ["a w.toml:2", "b w.toml:6"]);
        assert_eq!(layer.tables[1].settings.get("misses").unwrap().origin.to_string(), "w.toml:8");
    }

    #[test]
    fn what_is_wrong_in_a_listener_is_told_with_its_line() {
        let errors = parsed(
            "[[listener]]\nmisses = 1\n[[listener]]\nname = \"A B\"\n[[listener]]\nname = \"c\"\nmises = 1\n[[listener]]\nname = \"c\"\n",
        )
        .unwrap_err();
        assert_eq!(errors.len(), 4, "{errors:?}");
        for (line, word) in
            [(1, "name = \"...\" is missing"), (4, "name = A B"), (7, "nearest known one is \"misses\""), (8, "another listener")]
        {
            let begin = format!("etc/w.toml:{line}: ");
            assert!(errors.iter().any(|error| error.starts_with(&begin) && error.contains(word)), "{line}: {errors:?}");
        }
        assert!(parsed("listener = 5").unwrap_err()[0].contains("[[listener]]"));
    }

    #[test]
    fn a_file_named_in_a_file_lies_beside_it() {
        let settings = parsed("dialects = \"mine.toml\"").unwrap();
        assert_eq!(settings.get("dialects").unwrap().values, ["etc/mine.toml"]);
    }
}
