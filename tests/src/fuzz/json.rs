//! Our JSON reader beside another one.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use wsbeat_core::codec::json::{DEPTH_MAX, MEMBERS_MAX, Members};

/// Asserts that both readers agree on `text`: whether it is one object with unique keys, and what its values are.
pub(super) fn check(text: &str) {
    let mut members = Members::default();
    let ours = members.parse(text);
    // The other one only looks at the grammar, of values of any depth.
    let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
    let is_object = is_json && text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{');
    if !is_object {
        return assert!(ours.is_none(), "no object: {text:?}");
    }
    let Ok(Theirs(all)) = serde_json::from_str::<Theirs>(text) else {
        // A key with a lone surrogate, which the other one does not read.
        return;
    };
    let is_unique = all.iter().enumerate().all(|(i, (key, _))| all[..i].iter().all(|(other, _)| other != key));
    let is_within = is_unique && all.len() <= MEMBERS_MAX && depth(text) <= DEPTH_MAX;
    assert_eq!(ours.is_some(), is_within, "{text:?}");
    let Some(ours) = ours else { return };
    for (key, value) in &all {
        let found = ours.get(std::slice::from_ref(key)).map(|raw| raw.text());
        assert_eq!(found, Some(value.as_str()), "{key:?} in {text:?}");
    }
}

/// How deep the brackets of a JSON text are nested.
fn depth(text: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0u32, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The members of an object, also those that stand twice.
struct Theirs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Theirs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(All)
    }
}

struct All;

impl<'de> Visitor<'de> for All {
    type Value = Theirs;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Theirs, A::Error> {
        let mut all = vec![];
        while let Some(key) = map.next_key::<String>()? {
            // No reader needs more than one above the limit.
            if all.len() > MEMBERS_MAX {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            all.push((key, map.next_value::<&RawValue>()?.get().to_string()));
        }
        Ok(Theirs(all))
    }
}
