//! Which preset a message of the peer's shows.

use wsbeat_core::dialect::{Decoder, Dialect, Heard, Message, Negotiated, Role};

/// Messages of fewer bytes tell nothing: `2`, `{}` or a newline is a heartbeat in some dialect, and data in the others.
const BYTES_MIN: usize = 8;
/// Longer messages are no heartbeats in any dialect and are not looked at.
const BYTES_MAX: usize = 512;
/// Which one is taken of those that look alike.
const PREFERRED: &str = "htx-spot-v1";

/// The preset that is taken of those that look alike.
pub(super) fn preferred() -> Option<&'static Dialect> {
    Dialect::preset(PREFERRED)
}

/// The preset in which `message` is a heartbeat of the peer's, or the opening that negotiates one.
pub(crate) fn recognise(role: Role, message: Message<'_>, wall_ms: u64, decoder: &mut Decoder) -> Option<&'static Dialect> {
    let len = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
    };
    if !(BYTES_MIN..=BYTES_MAX).contains(&len) {
        return None;
    }
    let mut first = None;
    for dialect in Dialect::presets() {
        if !tells(dialect.decode(role, message, wall_ms, decoder)) {
            continue;
        }
        if dialect.id() == PREFERRED {
            return Some(dialect);
        }
        first = first.or(Some(dialect));
    }
    first
}

fn tells(heard: Heard<'_>) -> bool {
    match heard {
        Heard::Heartbeat { .. } => true,
        Heard::Ready { negotiated, .. } => negotiated != Negotiated::default(),
        Heard::Data(_) | Heard::Answer(_) | Heard::Reply(_) | Heard::Agreed { .. } | Heard::Malformed | Heard::TooBig => false,
    }
}
