//! The settings of `serve`, in layers: command line over environment over file over default.
//!
//! Several listeners are tables of the file; what stands above the tables holds for all of them that do not have it
//! themselves. Every layer says the same thing, a key and its text; only the text that stands in the highest layer is read, once.
//! So a value means the same wherever it is written, and every error can say where it came from.

mod admin;
mod file;
mod keys;
mod listeners;
mod print;
mod read;
mod reader;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

pub(crate) use file::read_file;
pub(crate) use keys::is_of_process;
pub(crate) use print::print;
pub(crate) use read::{ListenerConfig, OnMessage, ServeConfig};
pub(crate) use reader::{find_dialect, load_dialects};
pub(crate) use value::{duration, duration_text, share, size};

use crate::exit::{Exit, Failure};
use listeners::Table;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// In a file, at this line.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In this variable of the environment.
    Environment(String),
    /// At a flag of this key.
    Flag(&'static str),
    /// At `--set`.
    Set,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => f.write_str(name),
            Origin::Flag(key) => write!(f, "--{}", key.replace('_', "-")),
            Origin::Set => f.write_str("--set"),
        }
    }
}

/// Something that cannot be, and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// Where; `None` where it is the settings as a whole.
    pub(crate) origin: Option<Origin>,
    /// What is wrong.
    pub(crate) message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// All that is wrong, one line each.
pub(crate) fn failure(mut errors: Vec<ConfigError>) -> Failure {
    errors.sort_by(|a, b| (&a.origin, &a.message).cmp(&(&b.origin, &b.message)));
    // What stands above the listeners is wrong in each of them.
    errors.dedup();
    Failure { exit: Exit::Usage, messages: errors.iter().map(ToString::to_string).collect() }
}

/// The text of a key, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its text; several for a key that takes a list.
    pub(crate) values: Vec<String>,
    /// Where it was written.
    pub(crate) origin: Origin,
}

/// One layer: what can be read of it, and what is wrong with the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layer {
    /// What it sets for all listeners.
    pub(crate) settings: Settings,
    /// What it sets for one of them.
    tables: Vec<Table>,
    /// Its mistakes.
    pub(crate) errors: Vec<ConfigError>,
}

impl Layer {
    /// Lays `upper` over this one. What it sets for all listeners beats what a lower one sets for one.
    pub(crate) fn lay(&mut self, upper: Layer) {
        listeners::lay(&mut self.tables, &upper, &mut self.errors);
        self.settings.by_key.extend(upper.settings.by_key);
        self.errors.extend(upper.errors);
    }

    /// Reads and checks what all layers together say.
    ///
    /// # Errors
    /// All that is wrong, in the layers and in their values.
    pub(crate) fn read(&self) -> Result<ServeConfig, Failure> {
        match read::read(self) {
            Ok(config) if self.errors.is_empty() => Ok(config),
            Ok(_) => Err(failure(self.errors.clone())),
            Err(errors) => Err(failure([self.errors.clone(), errors].concat())),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        failure(vec![error])
    }
}

/// The keys that are set, each as its highest layer has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    by_key: BTreeMap<&'static str, Setting>,
}

impl Settings {
    /// What is set for `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Setting> {
        self.by_key.get(key)
    }

    /// These settings under those of `upper`.
    fn under(&self, upper: &Settings) -> Settings {
        let mut all = self.clone();
        all.by_key.extend(upper.by_key.clone());
        all
    }

    /// The keys whose values differ.
    pub(crate) fn differing(&self, other: &Settings) -> Vec<&'static str> {
        let values = |settings: &Settings, key: &str| settings.get(key).map(|setting| setting.values.clone());
        keys::all().map(|key| key.name).filter(|key| values(self, key) != values(other, key)).collect()
    }

    /// Takes these keys as `other` has them.
    pub(crate) fn take(&mut self, taken: &[&'static str], other: &Settings) {
        for key in taken {
            match other.get(key) {
                Some(setting) => drop(self.by_key.insert(key, setting.clone())),
                None => drop(self.by_key.remove(key)),
            }
        }
    }

    /// Puts a key of one layer.
    ///
    /// # Errors
    /// A key that nobody knows, one that the layer has already, or a list where one value is wanted.
    fn put(&mut self, key: &str, values: Vec<String>, origin: Origin) -> Result<(), ConfigError> {
        let wrong = |message: String, origin| Err(ConfigError { origin: Some(origin), message });
        let Some(known) = keys::find(key) else {
            return wrong(format!("unknown key \"{key}\": the nearest known one is \"{}\"", keys::nearest(key)), origin);
        };
        if !known.is_list() && values.len() != 1 {
            return wrong(format!("{key}: one value, not a list of {}", values.len()), origin);
        }
        let Some(before) = self.by_key.get_mut(known.name) else {
            self.by_key.insert(known.name, Setting { values, origin });
            return Ok(());
        };
        if before.origin != origin {
            return wrong(format!("{key} is given twice, here and at {}", before.origin), origin);
        }
        if known.is_list() {
            before.values.extend(values);
        } else {
            before.values = values;
        }
        Ok(())
    }
}

/// The layer of the environment: `WSBEAT_` and the key in capitals. A list is separated by commas.
pub(crate) fn environment(get: impl Fn(&str) -> Option<String>) -> Layer {
    let mut layer = Layer::default();
    for key in keys::all() {
        let name = format!("WSBEAT_{}", key.name.to_ascii_uppercase());
        let Some(text) = get(&name).filter(|text| !text.is_empty()) else {
            continue;
        };
        let values = if key.is_list() { value::list(&text) } else { vec![text] };
        let origin = Origin::Environment(name);
        layer.settings.by_key.insert(key.name, Setting { values, origin });
    }
    layer
}

/// The variables among `names` that look like settings and are none, each with the key that is nearest.
///
/// These are no errors: whoever runs the command may have set them for something else (Kubernetes sets
/// `WSBEAT_SERVICE_HOST` in every pod beside a service of that name).
pub(crate) fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<(String, &'static str)> {
    let unknown = |name: &String| {
        let key = name.strip_prefix("WSBEAT_")?.to_ascii_lowercase();
        let known = key == "config" || keys::find(&key).is_some();
        (!known).then(|| keys::nearest(&key))
    };
    names.filter_map(|name| unknown(&name).map(|nearest| (name, nearest))).collect()
}

/// The layer of the command line: its flags, and what `--set` says beside them.
pub(crate) fn command_line(flags: Vec<(&'static str, Vec<String>)>, sets: &[String]) -> Layer {
    let mut layer = Layer::default();
    for (key, values) in flags {
        if !values.is_empty() {
            layer.errors.extend(layer.settings.put(key, values, Origin::Flag(key)).err());
        }
    }
    for set in sets {
        let put = put_set(&mut layer, set);
        layer.errors.extend(put.err());
    }
    layer
}

fn put_set(layer: &mut Layer, set: &str) -> Result<(), ConfigError> {
    let Some((key, text)) = set.split_once('=') else {
        return Err(ConfigError { origin: Some(Origin::Set), message: format!("\"{set}\": write KEY=VALUE, such as write_stall=30s") });
    };
    let (key, text) = (key.trim(), text.trim());
    let (settings, key) = match key.strip_prefix("listener.").and_then(|rest| rest.split_once('.')) {
        Some((name, key)) => (listeners::of(&mut layer.tables, name), key),
        None => (&mut layer.settings, key),
    };
    let values = match keys::find(key) {
        Some(known) if known.is_list() => value::list(text),
        _ => vec![text.to_owned()],
    };
    settings.put(key, values, Origin::Set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&str]) -> Layer {
        command_line(Vec::new(), &sets.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_line_beats_the_environment() {
        let mut layer = environment(|name| (name == "WSBEAT_INTERVAL").then(|| "1s".into()));
        assert_eq!(layer.settings.get("interval").unwrap().origin.to_string(), "WSBEAT_INTERVAL");
        layer.lay(sets(&["interval=2s"]));
        assert_eq!(layer.settings.get("interval").unwrap().values, ["2s"]);
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        let errors = sets(&["write_stal=30s"]).errors;
        assert_eq!(errors[0].to_string(), "--set: unknown key \"write_stal\": the nearest known one is \"write_stall\"");
        assert!(sets(&["write-stall"]).errors[0].message.contains("KEY=VALUE"));
    }

    #[test]
    fn a_variable_that_is_no_setting_is_found() {
        let names = ["WSBEAT_INTERVALL", "WSBEAT_INTERVAL", "WSBEAT_CONFIG", "HOME"].map(String::from);
        assert_eq!(unknown_variables(names.into_iter()), [("WSBEAT_INTERVALL".to_owned(), "interval")]);
    }

    #[test]
    fn a_flag_and_a_set_of_one_key_are_told_apart() {
        let flags = vec![("ping_interval", vec!["5s".to_owned()])];
        let errors = command_line(flags, &["ping_interval=6s".into()]).errors;
        assert_eq!(errors[0].to_string(), "--set: ping_interval is given twice, here and at --ping-interval");
    }

    #[test]
    fn what_is_wrong_with_keys_and_values_is_told_together() {
        let failure = sets(&["fo=1", "misses=0", "drain=5"]).read().unwrap_err();
        assert_eq!(failure.messages.len(), 3, "{failure:?}");
    }

    #[test]
    fn lists_come_from_every_layer() {
        let from_environment = environment(|name| (name == "WSBEAT_LISTEN").then(|| "127.0.0.1:1, [::1]:2".into()));
        assert_eq!(from_environment.settings.get("listen").unwrap().values, ["127.0.0.1:1", "[::1]:2"]);
        let from_sets = sets(&["origin=https://a.example", "origin=https://b.example"]).settings;
        assert_eq!(from_sets.get("origin").unwrap().values.len(), 2);
    }
}
