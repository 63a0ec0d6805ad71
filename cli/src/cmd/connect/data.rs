//! Messages of the peer's, as a line shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio_tungstenite::tungstenite::Message;
use wsbeat_core::codec::gzip::{GZIP_MAGIC, INFLATED_BYTES_MAX, Inflater};

use crate::escape::one_line;
use crate::json::Object;

/// How many bytes of a binary message a line shows.
const HEX_BYTES_MAX: usize = 32;

/// A message, inflated where it is gzip.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Data {
    Text(String),
    Binary(Vec<u8>),
}

impl Data {
    /// What a message of the peer's holds; `None` for control frames.
    pub(super) fn of(message: &Message, inflater: &mut Inflater) -> Option<Self> {
        match message {
            Message::Text(text) => Some(Data::Text(text.to_string())),
            Message::Binary(bytes) => Some(Data::inflated(bytes, inflater)),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
        }
    }

    fn inflated(bytes: &[u8], inflater: &mut Inflater) -> Self {
        let text = bytes
            .starts_with(&GZIP_MAGIC)
            .then(|| inflater.gzip(bytes, INFLATED_BYTES_MAX).ok())
            .flatten()
            .and_then(|inflated| std::str::from_utf8(inflated).ok());
        match text {
            Some(text) => Data::Text(text.to_owned()),
            None => Data::Binary(bytes.to_vec()),
        }
    }

    /// One line for people.
    pub(super) fn text(&self) -> String {
        match self {
            Data::Text(text) => one_line(text),
            Data::Binary(bytes) => {
                let hex: String = bytes.iter().take(HEX_BYTES_MAX).map(|byte| format!("{byte:02x}")).collect();
                let more = if bytes.len() > HEX_BYTES_MAX { "…" } else { "" };
                format!("binary {} bytes {hex}{more}", bytes.len())
            }
        }
    }

    /// The same for machines.
    pub(super) fn json(&self) -> Object {
        let event = Object::event("message");
        match self {
            Data::Text(text) => event.with("kind", "text").with("data", text),
            Data::Binary(bytes) => event.with("kind", "binary").with("bytes", bytes.len()).with("b64", STANDARD.encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use wsbeat_core::codec::gzip::write_gzip;

    use super::*;

    fn data(message: Message) -> Data {
        Data::of(&message, &mut Inflater::default()).unwrap()
    }

    #[test]
    fn gzip_that_holds_text_is_shown_inflated() {
        let mut packed = Vec::new();
        write_gzip("{\"ch\":1}".as_bytes(), &mut packed);
        assert_eq!(data(Message::binary(packed)).text(), "{\"ch\":1}");
    }

    #[test]
    fn other_binary_data_is_shown_as_hex_and_base64() {
        let bytes = data(Message::binary(vec![0x1f, 0x8b, 0xff]));
        assert_eq!(bytes.text(), "binary 3 bytes 1f8bff");
        assert_eq!(bytes.json().to_string(), r#"{"v":1,"event":"message","kind":"binary","bytes":3,"b64":"H4v/"}"#);
        let long = data(Message::binary(vec![0; 33])).text();
        assert_eq!(long, format!("binary 33 bytes {}…", "00".repeat(32)));
    }

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(data(Message::text("a\nb")).text(), "a\\nb");
    }
}
