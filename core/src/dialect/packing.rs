//! How messages are compressed.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Message, Role};
use crate::codec::gzip::{write_gzip, write_zlib};

/// How the server's messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    Identity,
    /// One gzip member a message.
    Gzip,
    /// One zlib or raw deflate stream a message.
    Deflate,
}

impl Codec {
    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Identity => "identity",
            Codec::Gzip => "gzip",
            Codec::Deflate => "deflate",
        }
    }

    /// Compresses `plain` into `packed`, which is emptied first; nothing where this is the identity.
    pub(super) fn pack(self, plain: &[u8], packed: &mut Vec<u8>) {
        packed.clear();
        match self {
            Codec::Identity => {}
            Codec::Gzip => write_gzip(plain, packed),
            Codec::Deflate => write_zlib(plain, packed),
        }
    }
}

/// A message that is always the same.
#[derive(Clone, Debug)]
pub(super) enum Prepared {
    Text(String),
    Binary(Vec<u8>),
}

impl Prepared {
    /// The message `text` from a side of this role, compressed where its direction is.
    pub(super) fn new(role: Role, codec: Codec, text: String) -> Self {
        if role == Role::Client || codec == Codec::Identity {
            return Prepared::Text(text);
        }
        let mut packed = Vec::new();
        codec.pack(text.as_bytes(), &mut packed);
        Prepared::Binary(packed)
    }

    pub(super) fn message(&self) -> Message<'_> {
        match self {
            Prepared::Text(text) => Message::Text(text),
            Prepared::Binary(bytes) => Message::Binary(bytes),
        }
    }
}
