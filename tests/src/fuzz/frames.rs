//! The bytes of a connection, from its socket to its actions: tungstenite, the dialect, the core.

/// The server's own, as it stands there: what it reads needs no socket.
#[allow(dead_code, reason = "some of it only the server needs")]
#[path = "../../../io-tokio/src/dense/inbound.rs"]
mod inbound;
mod listener;
#[path = "../../../io-tokio/src/dense/lone.rs"]
mod lone;

use tungstenite::protocol::{Role as Side, WebSocketContext};
use wsbeat_core::dialect::Role;

use super::heartbeat::dialects;
use listener::Listener;

/// How the bytes come in.
#[derive(Clone, Copy, Debug)]
enum Chunks {
    /// All at once.
    Whole,
    /// In pieces of sizes drawn from this number.
    Pieces(u8),
}

impl Chunks {
    fn cut(self, mut stream: &[u8], mut each: impl FnMut(&[u8])) {
        let Chunks::Pieces(mut state) = self else { return each(stream) };
        while !stream.is_empty() {
            // Any full cycle through all residues will do.
            state = state.wrapping_mul(5).wrapping_add(113);
            let (piece, rest) = stream.split_at(stream.len().min(1 + usize::from(state >> (state & 7))));
            each(piece);
            stream = rest;
        }
    }
}

/// A stream: the dialect by its place, our role, how it is cut, how fast time passes; then the bytes.
///
/// Whatever arrives, and however it is cut: the same frames come out and the same fault, also where a connection at rest gets
/// another context, as on the server, where most share one; reading takes a bounded multiple of the limit of a message; our own frames are well-formed, and each pong repeats a ping; laws 3, 6 and 10 hold, every message
/// is delivered once or stands for a heartbeat, and nothing is done after the end.
pub fn frames(data: &[u8]) {
    let Some(([which, role, pieces, speed], stream)) = data.split_first_chunk::<4>() else { return };
    let all = dialects();
    let dialect = all.get(usize::from(*which) % (all.len() + 1));
    let role = if role & 1 == 0 { Role::Server } else { Role::Client };
    let heard = [Chunks::Whole, Chunks::Pieces(*pieces)].map(|chunks| {
        let mut listener = Listener::new(dialect, role, *speed);
        chunks.cut(stream, |piece| listener.receive(piece));
        listener.finish()
    });
    assert_eq!(heard[0], heard[1], "the frames depend on how their bytes were cut");
}

/// The bytes of one message at most, all its frames together.
const MESSAGE_BYTES_MAX: u32 = 16 << 10;

/// The context of the dense drivers, on this side.
fn context(role: Role) -> Box<WebSocketContext> {
    inbound::context(side(role), MESSAGE_BYTES_MAX)
}

fn side(role: Role) -> Side {
    match role {
        Role::Server => Side::Server,
        Role::Client => Side::Client,
    }
}
