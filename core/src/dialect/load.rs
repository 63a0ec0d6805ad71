//! Dialect files.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use std::sync::OnceLock;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Dialect;
use super::check::check;
use super::error::DialectError;
use super::wishes::{File, Wishes};

/// The embedded dialects.
pub(super) const PRESETS: &str = include_str!("presets.toml");

/// How long a file may be: 1 MiB.
const FILE_BYTES_MAX: usize = 1 << 20;

pub(super) fn presets() -> &'static [Dialect] {
    static LOADED: OnceLock<Vec<Dialect>> = OnceLock::new();
    // That the embedded text loads is a test's promise; a library does not panic for it.
    LOADED.get_or_init(|| load(PRESETS).unwrap_or_default())
}

pub(super) fn load(text: &str) -> Result<Vec<Dialect>, DialectError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(DialectError::new("", "", "a dialect file has at most 1 MiB"));
    }
    let tree = DeTable::parse(text).map_err(|e| unreadable(text, None, &e))?;
    let file: File = toml::from_str(text).map_err(|e| unreadable(text, Some(tree.get_ref()), &e))?;
    let mut loaded: Vec<Dialect> = Vec::with_capacity(file.dialect.len());
    for (index, wishes) in file.dialect.into_iter().enumerate() {
        let twice = loaded.iter().any(|d| d.id() == wishes.id);
        let unique = if twice { Err(DialectError::new("id", &wishes.id, "each id once")) } else { Ok(()) };
        let rules = unique.and_then(|()| check(&wishes)).map_err(|e| DialectError {
            dialect: wishes.id.clone(),
            line: line_of(text, tree.get_ref(), index, &e.field),
            ..e
        })?;
        loaded.push(Dialect { wishes, rules });
    }
    Ok(loaded)
}

pub(super) fn to_toml(wishes: &Wishes) -> String {
    // Every value of `Wishes` has a form in TOML, so this does not fail.
    toml::to_string(&File { dialect: vec![wishes.clone()] }).unwrap_or_default()
}

/// What the TOML reader found wrong: where it stands tells the dialect, the field and the value.
fn unreadable(text: &str, tree: Option<&DeTable<'_>>, e: &toml::de::Error) -> DialectError {
    let mut error = DialectError::new("", "", e.message());
    let Some(span) = e.span() else {
        return error;
    };
    error.line = Some(line(text, span.start));
    let Some(index) = tree.and_then(|t| (0..).map_while(|i| dialect(t, i)).position(|d| holds(d, span.start))) else {
        return error;
    };
    let table = tree.and_then(|t| dialect(t, index));
    for (key, value) in table.into_iter().flat_map(|t| t.iter()) {
        if key.get_ref() == "id" {
            error.dialect = value.get_ref().as_str().unwrap_or_default().to_string();
        }
        if key.span().contains(&span.start) || value.span().contains(&span.start) {
            error.field = key.get_ref().to_string();
            error.value = text.get(value.span()).unwrap_or_default().trim().to_string();
        }
    }
    error
}

fn holds(table: &DeTable<'_>, at: usize) -> bool {
    table.iter().any(|(k, v)| k.span().contains(&at) || v.span().contains(&at))
}

fn dialect<'t, 'i>(tree: &'t DeTable<'i>, index: usize) -> Option<&'t DeTable<'i>> {
    match entry(tree, "dialect")?.1.get_ref() {
        DeValue::Array(all) => all.get(index)?.get_ref().as_table(),
        _ => None,
    }
}

type Entry<'t, 'i> = (&'t Spanned<toml::de::DeString<'i>>, &'t Spanned<DeValue<'i>>);

fn entry<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<Entry<'t, 'i>> {
    table.iter().find(|(k, _)| k.get_ref() == key)
}

/// The line of a field such as `replies.send`; that of the dialect's id where the field was left out.
fn line_of(text: &str, tree: &DeTable<'_>, index: usize, field: &str) -> Option<usize> {
    let table = dialect(tree, index)?;
    let top = field.split('.').next().unwrap_or(field);
    let (key, _) = entry(table, top).or_else(|| entry(table, "id"))?;
    Some(line(text, key.span().start))
}

fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|b| *b == b'\n').count()
}
