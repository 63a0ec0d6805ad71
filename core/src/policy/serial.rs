//! Settings by serde: a map of the keys and forms of the configuration file.

use alloc::string::{String, ToString};
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::PolicyConfig;

/// Only the settings that are given, each in the text that [`PolicyConfig::set`] reads.
impl Serialize for PolicyConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.settings())
    }
}

/// A map of any of [`PolicyConfig::KEYS`]. Values are texts, or bare numbers and truth values where the text is one
/// (`misses = 2`, `adaptive = true`); an unknown key, a key twice and a value out of form are errors that name the key.
impl<'de> Deserialize<'de> for PolicyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Settings)
    }
}

/// How like a known key has to be to be named for an unknown one, where 1 is the same.
const LIKE_MIN: f64 = 0.7;

/// As the configuration file says it.
fn unknown<E: Error>(key: &str) -> E {
    let like = |known: &str| strsim::jaro_winkler(key, known);
    let nearest = PolicyConfig::KEYS.into_iter().max_by(|a, b| like(a).total_cmp(&like(b))).filter(|known| like(known) >= LIKE_MIN);
    match nearest {
        Some(nearest) => E::custom(format_args!("unknown key {key:?}: the nearest known one is {nearest:?}")),
        None => E::custom(format_args!("unknown key {key:?}: one of {}", PolicyConfig::KEYS.join(", "))),
    }
}

struct Settings;

impl<'de> Visitor<'de> for Settings {
    type Value = PolicyConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of policy settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PolicyConfig, A::Error> {
        let mut config = PolicyConfig::default();
        let mut given = 0_u32;
        while let Some(key) = map.next_key::<String>()? {
            let known = (0..).zip(PolicyConfig::KEYS).find(|(_, known)| *known == key);
            let (place, name) = known.ok_or_else(|| unknown(&key))?;
            if given & 1 << place != 0 {
                return Err(A::Error::duplicate_field(name));
            }
            given |= 1 << place;
            let Text(value) = map.next_value()?;
            config.set(name, &value).map_err(A::Error::custom)?;
        }
        Ok(config)
    }
}

/// A value as text, however it was written.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl Visitor<'_> for Written {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text such as \"5s\", a number, or true or false")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Cadence, Profile};
    use core::time::Duration;

    fn toml(text: &str) -> Result<PolicyConfig, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn settings_come_from_toml_and_json_as_from_the_configuration_file() {
        let wanted = PolicyConfig {
            profile: Some(Profile::Strict),
            ping_interval: Some(Duration::from_secs(5)),
            jitter_ppm: Some(50_000),
            misses: Some(3),
            adaptive: Some(true),
            cadence: Some(Cadence::Together),
            ..PolicyConfig::default()
        };
        let text = "profile = 'strict'\nping_interval = '5s'\njitter = 0.05\nmisses = 3\nadaptive = true\ncadence = 'together'";
        assert_eq!(toml(text), Ok(wanted.clone()));
        let json = r#"{"profile":"strict","ping_interval":"5s","jitter":"5%","misses":"3","adaptive":"true","cadence":"together"}"#;
        assert_eq!(serde_json::from_str::<PolicyConfig>(json).unwrap(), wanted);
        let written = serde_json::to_string(&wanted).unwrap();
        assert_eq!(serde_json::from_str::<PolicyConfig>(&written).unwrap(), wanted, "{written}");
    }

    #[test]
    fn what_cannot_be_is_told_by_its_key() {
        let told = |text: &str| toml(text).unwrap_err();
        assert!(told("ping_intervall = '5s'").contains("unknown key \"ping_intervall\": the nearest known one is \"ping_interval\""));
        assert!(told("foo = '5s'").contains("unknown key \"foo\": one of profile, "));
        assert!(told("ping_interval = 5").contains("ping_interval = 5: a duration needs a unit"));
        assert!(told("misses = 0").contains("misses = 0: 1 to 255"));
        assert!(told("misses = -1").contains("misses = -1: 1 to 255"));
        assert!(told("cadence = ['spread']").contains("a text such as"));
        let twice = serde_json::from_str::<PolicyConfig>(r#"{"misses":1,"misses":2}"#).unwrap_err().to_string();
        assert!(twice.contains("duplicate field `misses`"), "{twice}");
    }
}
