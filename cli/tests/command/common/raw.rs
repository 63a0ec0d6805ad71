//! A server that speaks frames by hand, and so can leave out what a library does by itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;

use super::peer;

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// A connection after its upgrade.
pub(crate) struct Raw(TcpStream);

impl Raw {
    /// The next frame of the client's, of fewer than 126 bytes: its opcode and its payload, unmasked. `None` at the end.
    pub(crate) fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 6];
        self.0.read_exact(&mut head).ok()?;
        assert_eq!((head[0] & 0x80, head[1] & 0x80), (0x80, 0x80), "a whole frame, masked");
        let mut payload = vec![0; usize::from(head[1] & 0x7f)];
        assert!(payload.len() < 126);
        self.0.read_exact(&mut payload).ok()?;
        payload.iter_mut().zip(head[2..].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Some((head[0] & 0x0f, payload))
    }

    /// Sends a frame of fewer than 126 bytes. Whether the client is still there does not matter.
    pub(crate) fn write(&mut self, opcode: u8, payload: &[u8]) {
        let head = [0x80 | opcode, u8::try_from(payload.len()).unwrap()];
        let _ = self.0.write_all(&[&head, payload].concat());
    }
}

/// A server of one connection, by hand.
pub(crate) fn raw_peer(serve: impl Fn(Raw) + Send + 'static) -> (String, JoinHandle<()>) {
    peer(1, move |_, stream| {
        stream.set_nodelay(true).unwrap();
        let raw = stream.try_clone().unwrap();
        // The library does the upgrade, and reads nothing past it.
        let socket = tungstenite::accept(stream).unwrap();
        serve(Raw(raw));
        drop(socket);
    })
}
