//! Objects of one line, whose keys stand in the order in which they were put.

use std::fmt;

use serde::Serialize;

use crate::escape::json_line;

/// A JSON object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Object(String);

impl Object {
    /// An object of the output: `{"v":1,"event":NAME}`, to be filled.
    pub(crate) fn event(name: &str) -> Self {
        Object::default().with("v", 1).with("event", name)
    }

    /// This object with one more field. A value that cannot be JSON becomes `null`.
    pub(crate) fn with(mut self, key: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_string(&value).unwrap_or_else(|_| "null".into());
        self.put(key, &json_line(value));
        self
    }

    /// This object with one more field, where there is a value.
    pub(crate) fn with_some(self, key: &str, value: Option<impl Serialize>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The fields of both.
    pub(crate) fn and(mut self, other: &Object) -> Self {
        if !self.0.is_empty() && !other.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&other.0);
        self
    }

    fn put(&mut self, key: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&serde_json::Value::from(key).to_string());
        self.0.push(':');
        self.0.push_str(value);
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn keys_keep_their_order_and_text_is_escaped() {
        let object = Object::event("pong").with("text", "a\"\n").with_some("none", None::<u8>);
        let line = object.and(&Object::default()).and(&Object::default().with("last", true)).to_string();
        assert_eq!(line, r#"{"v":1,"event":"pong","text":"a\"\n","last":true}"#);
    }
}
