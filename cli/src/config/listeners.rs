//! Several listeners in one process: what each has for itself.

use super::{ConfigError, Layer, Origin, Settings, keys};

/// The name of the only listener where there are no tables.
pub(super) const ONLY: &str = "default";

/// What a name has to be.
pub(super) const NAME_FORM: &str = "1 to 32 of a-z, 0-9, - and _";

/// The keys whose values no two listeners can have.
const UNSHARED: [&str; 2] = ["listen", "record"];

/// What is set for one listener alone: a `[[listener]]` table, or what `--set listener.NAME.KEY=VALUE` adds to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// Where the table begins.
    pub(super) origin: Origin,
    /// Its settings.
    pub(super) settings: Settings,
}

/// Whether a listener may have this name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// What `--set` says for the listener of this name.
pub(super) fn of<'a>(tables: &'a mut Vec<Table>, name: &str) -> &'a mut Settings {
    let at = tables.iter().position(|table| table.name == name).unwrap_or_else(|| {
        tables.push(Table { name: name.to_owned(), origin: Origin::Set, settings: Settings::default() });
        tables.len() - 1
    });
    &mut tables[at].settings
}

/// Lays a layer over tables of lower ones.
pub(super) fn lay(tables: &mut [Table], upper: &Layer, errors: &mut Vec<ConfigError>) {
    for table in tables.iter_mut() {
        table.settings.by_key.retain(|key, _| UNSHARED.contains(key) || upper.settings.get(key).is_none());
    }
    for set in &upper.tables {
        if let Some(table) = tables.iter_mut().find(|table| table.name == set.name) {
            table.settings.by_key.extend(set.settings.by_key.clone());
            continue;
        }
        let nearest = match keys::most_like(&set.name, tables.iter().map(|table| table.name.as_str())) {
            Some(nearest) => format!("the nearest one is \"{nearest}\""),
            None => "the file has no [[listener]] table".into(),
        };
        errors.push(ConfigError { origin: Some(set.origin.clone()), message: format!("no listener \"{}\": {nearest}", set.name) });
    }
}

/// Every listener with all its settings: its name, where it stands, and what holds for it.
pub(super) fn all(layer: &Layer) -> Vec<Table> {
    if layer.tables.is_empty() {
        return vec![Table { name: ONLY.into(), origin: Origin::Set, settings: layer.settings.clone() }];
    }
    let whole = |table: &Table| Table { settings: layer.settings.under(&table.settings), ..table.clone() };
    layer.tables.iter().map(whole).collect()
}

/// What cannot be where there are tables.
pub(super) fn check(layer: &Layer) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    if layer.tables.is_empty() {
        return errors;
    }
    for key in UNSHARED {
        if let Some(setting) = layer.settings.get(key) {
            let message =
                format!("{key}: several listeners cannot share it: set it in each [[listener]] table, or by --set listener.NAME.{key}=...");
            errors.push(ConfigError { origin: Some(setting.origin.clone()), message });
        }
    }
    for table in &layer.tables {
        for (key, setting) in &table.settings.by_key {
            if keys::is_of_process(key) {
                let message = format!("{key}: holds for the whole process: set it above the listeners");
                errors.push(ConfigError { origin: Some(setting.origin.clone()), message });
            }
        }
        if table.settings.get("listen").is_none() {
            let message = format!("listener {}: listen is missing: where it listens", table.name);
            errors.push(ConfigError { origin: Some(table.origin.clone()), message });
        }
    }
    errors.extend(shared(layer, "listen", |value| !value.ends_with(":0"), "listens there already"));
    errors.extend(shared(layer, "record", |_| true, "records there already"));
    errors
}

/// Values of a key that two listeners have.
fn shared(layer: &Layer, key: &str, counts: impl Fn(&str) -> bool, problem: &str) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for table in &layer.tables {
        let Some(setting) = table.settings.get(key) else { continue };
        for value in setting.values.iter().filter(|value| counts(value)) {
            match seen.iter().find(|(other, _)| other == value) {
                Some((_, by)) => errors.push(ConfigError {
                    origin: Some(setting.origin.clone()),
                    message: format!("{key} = {value}: listener {by} {problem}"),
                }),
                None => seen.push((value, &table.name)),
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::super::{command_line, environment};
    use super::*;

    fn layer(tables: &[(&str, &[(&str, &str)])]) -> Layer {
        let mut layer = Layer::default();
        for (name, keys) in tables {
            let settings = of(&mut layer.tables, name);
            for (key, value) in *keys {
                settings.put(key, vec![(*value).to_owned()], Origin::Set).unwrap();
            }
        }
        layer
    }

    fn value<'a>(all: &'a [Table], name: &str, key: &str) -> &'a str {
        let table = all.iter().find(|table| table.name == name).unwrap();
        &table.settings.get(key).unwrap().values[0]
    }

    #[test]
    fn a_listener_beats_the_top_of_the_file_and_is_beaten_by_the_command_line() {
        let mut file = layer(&[("a", &[("misses", "4"), ("interval", "1s")]), ("b", &[("listen", "127.0.0.1:2")])]);
        file.settings.put("misses", vec!["3".into()], Origin::Set).unwrap();
        assert_eq!((value(&all(&file), "a", "misses"), value(&all(&file), "b", "misses")), ("4", "3"));
        file.lay(environment(|name| (name == "WSBEAT_INTERVAL").then(|| "2s".into())));
        file.lay(command_line(vec![("misses", vec!["5".into()])], &["listener.b.misses=6".into()]));
        let all = all(&file);
        assert_eq!((value(&all, "a", "misses"), value(&all, "b", "misses"), value(&all, "a", "interval")), ("5", "6", "2s"));
    }

    #[test]
    fn a_set_for_a_listener_that_is_not_there_is_an_error() {
        let mut file = layer(&[("feed", &[])]);
        file.lay(command_line(Vec::new(), &["listener.fed.misses=6".into()]));
        assert_eq!(file.errors[0].to_string(), "--set: no listener \"fed\": the nearest one is \"feed\"");
        let mut none = Layer::default();
        none.lay(command_line(Vec::new(), &["listener.fed.misses=6".into()]));
        assert!(none.errors[0].message.contains("no [[listener]] table"));
    }

    #[test]
    fn what_listeners_cannot_share_or_have_alone_is_an_error() {
        let mut file = layer(&[
            ("a", &[("listen", "127.0.0.1:1"), ("drain", "1s"), ("record", "x.jsonl")]),
            ("b", &[("listen", "127.0.0.1:1"), ("record", "x.jsonl")]),
            ("c", &[]),
            ("d", &[("listen", "127.0.0.1:0")]),
            ("e", &[("listen", "127.0.0.1:0")]),
        ]);
        file.settings.put("listen", vec!["127.0.0.1:9".into()], Origin::Set).unwrap();
        let errors: Vec<String> = check(&file).iter().map(|error| error.message.clone()).collect();
        for wanted in [
            "listen: several listeners cannot share it",
            "drain: holds for the whole process",
            "listener c: listen is missing",
            "listen = 127.0.0.1:1: listener a listens there already",
            "record = x.jsonl: listener a records there already",
        ] {
            assert!(errors.iter().any(|error| error.starts_with(wanted)), "{wanted}: {errors:?}");
        }
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert!(check(&Layer::default()).is_empty());
    }
}
