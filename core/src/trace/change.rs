//! Settings by the keys of the configuration file: those of the header, and those that a `reconfigure` line changes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::error::TraceError;
use super::fields::Fields;
use crate::dialect::Dialect;
use crate::policy::{PolicyConfig, PolicyError};

/// A change of settings and, perhaps, of the dialect.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    /// `Some(None)` is no dialect.
    dialect: Option<Option<Dialect>>,
    /// `None` takes a setting back to its default.
    settings: Vec<(String, Option<String>)>,
}

impl Change {
    pub(super) fn read(fields: &Fields) -> Result<Self, TraceError> {
        let settings = fields.all().filter(|(key, _)| PolicyConfig::KEYS.contains(key));
        Ok(Change { dialect: dialect(fields)?, settings: settings.map(|(key, value)| (key.to_string(), value)).collect() })
    }

    /// Changes dialect and settings. Whether they go together is not asked.
    pub(super) fn apply(&self, dialect: &mut Option<Dialect>, config: &mut PolicyConfig) -> Result<(), PolicyError> {
        if let Some(changed) = &self.dialect {
            dialect.clone_from(changed);
        }
        let stay = config.settings();
        let stay = stay.iter().filter(|(key, _)| !self.settings.iter().any(|(changed, _)| changed == key));
        let changed = self.settings.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)));
        let mut new = PolicyConfig::default();
        for (key, value) in stay.map(|(key, value)| (*key, value.as_str())).chain(changed) {
            new.set(key, value)?;
        }
        *config = new;
        Ok(())
    }
}

fn dialect(fields: &Fields) -> Result<Option<Option<Dialect>>, TraceError> {
    let Some(id) = fields.text("dialect")? else {
        return Ok(None);
    };
    if id == "none" {
        return Ok(Some(None));
    }
    let Some(toml) = fields.text("dialect_toml")? else {
        let preset = Dialect::preset(id).cloned();
        let known = || Dialect::presets().iter().map(Dialect::id).collect::<Vec<_>>().join(", ");
        return preset
            .map(|d| Some(Some(d)))
            .ok_or_else(|| fields.error("dialect", format!("no such dialect: give dialect_toml as well, or one of none, {}", known())));
    };
    let loaded = Dialect::load(toml).map_err(|e| TraceError::new(fields.line, "dialect_toml", "", e))?;
    let found = loaded.into_iter().find(|d| d.id() == id);
    found.map(|d| Some(Some(d))).ok_or_else(|| fields.error("dialect", "dialect_toml holds no dialect of this id"))
}
