//! Telling messages apart: exact texts, and JSON objects by pointers and values.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use super::template::{Template, TokenText};
use super::wishes;
use crate::codec::json::{Members, Object, Raw};

/// How many segments a pointer may have.
const SEGMENTS_MAX: usize = 8;

/// Where a value stands (RFC 6901), as unescaped segments.
pub(super) type Pointer = Vec<String>;

/// Reads a pointer; the error is what is allowed instead.
pub(super) fn pointer(text: &str) -> Result<Pointer, String> {
    let rest = text.strip_prefix('/').ok_or("a JSON pointer begins with /, such as /data/ts (RFC 6901)")?;
    let segments: Pointer = rest.split('/').map(|s| s.replace("~1", "/").replace("~0", "~")).collect();
    if segments.len() > SEGMENTS_MAX {
        return Err(format!("a pointer has at most {SEGMENTS_MAX} segments"));
    }
    Ok(segments)
}

/// What a message looks like.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Exactly this text.
    Exact(String),
    /// Behind `prefix`, a JSON object with these values; any text where nothing is asked of it.
    Fields(Fields),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    prefix: String,
    values: Vec<(Pointer, Expected)>,
    token: Option<Pointer>,
}

#[derive(Clone, Debug)]
enum Expected {
    /// A string that says this.
    Says(String),
    /// A value written like this.
    Written(String),
}

/// What a form found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'t> {
    /// The value in the token's place; `None` where the message has none.
    pub(super) token: Option<Raw<'t>>,
}

impl Form {
    /// Reads a form of a file; the error is the value and what is allowed instead.
    pub(super) fn check(form: &wishes::Form) -> Result<Form, (String, String)> {
        let fields = match form {
            wishes::Form::Exact(text) => return Ok(Form::Exact(text.clone())),
            wishes::Form::Fields(fields) => fields,
        };
        let mut checked = Fields::default();
        for (key, value) in fields {
            let wrong = |limit: &str| (format!("{key} = {value}"), limit.to_string());
            let expected = match value {
                toml::Value::String(text) if key == "prefix" => {
                    checked.prefix.clone_from(text);
                    continue;
                }
                toml::Value::String(text) if text == "$t" => None,
                toml::Value::String(text) => Some(Expected::Says(text.clone())),
                toml::Value::Integer(n) => Some(Expected::Written(n.to_string())),
                toml::Value::Boolean(b) => Some(Expected::Written(b.to_string())),
                _ => return Err(wrong("a string, an integer, true or false")),
            };
            let place = pointer(key).map_err(|limit| wrong(&limit))?;
            match expected {
                Some(expected) => checked.values.push((place, expected)),
                None if checked.token.is_none() => checked.token = Some(place),
                None => return Err(wrong("one place for $t")),
            }
        }
        if checked.prefix.is_empty() && checked.values.is_empty() && checked.token.is_none() {
            return Err(("{}".to_string(), "at least one pointer or a prefix".to_string()));
        }
        Ok(Form::Fields(checked))
    }

    /// The form of what a template writes: its constants where they stand, and the token's place. What is no JSON object,
    /// or an empty one, is an exact text.
    pub(super) fn of(template: &Template) -> Form {
        let mut sample = Vec::new();
        template.render(TokenText::Verbatim("\"$t\""), 0, &[], &mut sample);
        let Ok(value @ serde_json::Value::Object(_)) = serde_json::from_slice(&sample) else {
            return Form::Exact(String::from_utf8_lossy(&sample).into_owned());
        };
        let mut fields = Fields::default();
        flatten(&mut vec![], &value, &mut fields);
        if fields.values.is_empty() && fields.token.is_none() {
            return Form::Exact(String::from_utf8_lossy(&sample).into_owned());
        }
        Form::Fields(fields)
    }

    /// Whether the form has a place for a token.
    pub(super) const fn has_token(&self) -> bool {
        matches!(self, Form::Fields(Fields { token: Some(_), .. }))
    }

    /// How many bytes stand before the JSON object.
    pub(super) fn prefix_bytes(&self) -> usize {
        match self {
            Form::Exact(_) => 0,
            Form::Fields(fields) => fields.prefix.len(),
        }
    }

    /// What the message has in this form's places; `None` where it is none of this form.
    ///
    /// A message without a token is of the form only where something else was asked of it.
    pub(super) fn find<'t>(&self, reader: &mut Reader<'_, 't>) -> Option<Found<'t>> {
        let fields = match self {
            Form::Exact(text) => return (reader.text == text).then_some(Found { token: None }),
            Form::Fields(fields) => fields,
        };
        if !fields.prefix.is_empty() && !reader.text.starts_with(fields.prefix.as_str()) {
            return None;
        }
        if fields.values.is_empty() && fields.token.is_none() {
            return Some(Found { token: None });
        }
        let object = reader.object(fields.prefix.len())?;
        if !fields.values.iter().all(|(place, expected)| expected.is(object.get(place))) {
            return None;
        }
        let token = fields.token.as_ref().and_then(|place| object.get(place));
        (token.is_some() || !fields.values.is_empty()).then_some(Found { token })
    }
}

impl Expected {
    fn is(&self, value: Option<Raw<'_>>) -> bool {
        value.is_some_and(|raw| match self {
            Expected::Says(text) => raw.says(text),
            Expected::Written(text) => raw.text() == text,
        })
    }
}

fn flatten(place: &mut Pointer, value: &serde_json::Value, fields: &mut Fields) {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                place.push(key.clone());
                flatten(place, value, fields);
                place.pop();
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                place.push(index.to_string());
                flatten(place, value, fields);
                place.pop();
            }
        }
        Value::String(text) if text == "$t" => fields.token = Some(place.clone()),
        Value::String(text) => fields.values.push((place.clone(), Expected::Says(text.clone()))),
        Value::Bool(_) | Value::Number(_) => fields.values.push((place.clone(), Expected::Written(value.to_string()))),
        Value::Null => {}
    }
}

/// A message that is being looked at; it is read as JSON at most once for each prefix.
pub(super) struct Reader<'m, 't> {
    pub(super) text: &'t str,
    members: &'m mut Members,
    /// Behind how many bytes of prefix `members` was read, and whether that is an object.
    read: Option<(usize, bool)>,
}

impl<'m, 't> Reader<'m, 't> {
    pub(super) fn new(text: &'t str, members: &'m mut Members) -> Self {
        Reader { text, members, read: None }
    }

    /// The object behind `prefix_bytes` bytes.
    pub(super) fn object(&mut self, prefix_bytes: usize) -> Option<Object<'_, 't>> {
        let text = self.text.get(prefix_bytes..)?;
        match self.read {
            Some((at, is_object)) if at == prefix_bytes => is_object.then(|| self.members.again(text)),
            _ => {
                let object = self.members.parse(text);
                self.read = Some((prefix_bytes, object.is_some()));
                object
            }
        }
    }
}
