//! A dialect as it stands in a file: every field by the name it has there, unchecked.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// A file: tables `[[dialect]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) dialect: Vec<Wishes>,
}

/// One table; the fields are described at the head of `presets.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wishes {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unverified: Option<Vec<String>>,
    pub(super) initiator: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duplex: Option<bool>,
    pub(super) layer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) codec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plain_binary: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ping: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pong: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub(super) matching: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_asks: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invalid: Option<String>,
    pub(super) interval: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cadence: Option<String>,
    pub(super) death: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unsolicited: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_lifetime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) close: Option<Close>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subprotocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) heartbeat_bytes_max: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inflated_bytes_max: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<First>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recognise: Option<Recognise>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) negotiated: Option<Negotiated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hello: Option<Hello>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replies: Option<Vec<Reply>>,
}

/// A close code, or `none`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Close {
    Code(i64),
    Word(String),
}

/// `interval`, `jitter`, or the message to wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum First {
    Word(String),
    After(After),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    pub(super) after: Form,
}

/// What a message looks like: an exact text, or pointers and values, perhaps behind a prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Form {
    Exact(String),
    Fields(BTreeMap<String, toml::Value>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recognise {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) ping: Vec<Form>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pong: Vec<Form>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Negotiated {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) margin: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<Form>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) request: Vec<Form>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) when: Form,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) capture: BTreeMap<String, String>,
    pub(super) send: String,
}
