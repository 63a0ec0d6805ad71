//! What waits for a peer to read: exists only while the kernel takes no more.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use bytes::Bytes;
use wsbeat_core::event::{Payload, Token};

/// What a frame is, as far as its writing matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message or ping of the user's, or an HTTP answer: in order, behind everything that came before.
    Data,
    /// A ping of the core's.
    Ping(Payload),
    /// A heartbeat of the core's.
    Heartbeat(Token),
    /// The answer to a ping: at most one waits, the newest.
    Pong,
    /// The answer to a heartbeat: at most one waits, the newest.
    Answer,
    /// A close frame that lets what waits go first.
    CloseBehind,
    /// A close frame that takes the place of what waits.
    CloseInstead,
}

/// Frames that the kernel did not take yet. Control frames, heartbeats and answers go ahead of data, between two frames.
#[derive(Debug, Default)]
pub(super) struct Output {
    front: Option<(Bytes, Kind)>,
    /// How much of the front was taken.
    sent: usize,
    control: VecDeque<(Bytes, Kind)>,
    data: VecDeque<(Bytes, Kind)>,
    bytes: usize,
}

/// What a frame in a queue takes besides its bytes, about.
const FRAME_COST_BYTES: usize = 64;
/// How many frames one system call offers.
const SLICES_MAX: usize = 32;

impl Output {
    /// The bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What waits, in bytes of memory: each frame costs its place too, so that many small ones are not cheap.
    pub(super) fn cost_bytes(&self) -> usize {
        self.bytes + FRAME_COST_BYTES * (self.control.len() + self.data.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Puts a frame in its place.
    pub(super) fn push(&mut self, frame: Bytes, kind: Kind) {
        match kind {
            Kind::Pong | Kind::Answer => return self.push_newest(frame, kind),
            Kind::CloseInstead => self.drop_data(),
            _ => {}
        }
        self.bytes += frame.len();
        match kind {
            Kind::Data | Kind::CloseBehind => self.data.push_back((frame, kind)),
            _ => self.control.push_back((frame, kind)),
        }
    }

    /// Puts the rest of a frame that has begun in front of all.
    pub(super) fn begin(&mut self, rest: Bytes, kind: Kind) {
        self.bytes += rest.len();
        self.front = Some((rest, kind));
    }

    fn push_newest(&mut self, frame: Bytes, kind: Kind) {
        self.bytes += frame.len();
        let Some(older) = self.control.iter_mut().find(|(_, k)| *k == kind) else {
            return self.control.push_back((frame, kind));
        };
        self.bytes -= older.0.len();
        older.0 = frame;
    }

    fn drop_data(&mut self) {
        self.bytes -= self.data.iter().map(|(frame, _)| frame.len()).sum::<usize>();
        self.data.clear();
    }

    /// Offers what waits to `to`, once. Returns how many bytes it took; `whole` gets each frame whose last byte it took.
    pub(super) fn write_to(&mut self, to: &mut impl Write, mut whole: impl FnMut(Kind)) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        let front = self.front.iter().map(|(frame, _)| &frame[self.sent..]);
        let queued = self.control.iter().chain(&self.data).map(|(frame, _)| &frame[..]);
        for (slice, frame) in slices.iter_mut().zip(front.chain(queued)) {
            *slice = IoSlice::new(frame);
            count += 1;
        }
        let taken = to.write_vectored(&slices[..count])?;
        self.advance(taken, &mut whole);
        Ok(taken)
    }

    fn advance(&mut self, mut taken: usize, whole: &mut impl FnMut(Kind)) {
        self.bytes -= taken;
        while taken > 0 {
            if self.front.is_none() {
                self.front = self.control.pop_front().or_else(|| self.data.pop_front());
            }
            let Some((frame, kind)) = &self.front else { return };
            let left = frame.len() - self.sent;
            if taken < left {
                self.sent += taken;
                return;
            }
            taken -= left;
            whole(*kind);
            self.front = None;
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sip(Vec<u8>, usize);

    impl Write for Sip {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.1);
            self.0.extend_from_slice(&bytes[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn drain(output: &mut Output, step: usize) -> (String, Vec<Kind>) {
        let (mut to, mut kinds) = (Sip(Vec::new(), step), Vec::new());
        while !output.is_empty() {
            output.write_to(&mut to, |kind| kinds.push(kind)).unwrap();
        }
        (String::from_utf8(to.0).unwrap(), kinds)
    }

    #[test]
    fn threat_08_control_frames_pass_data_between_frames_and_the_newest_pong_wins() {
        for step in 1..9 {
            let mut output = Output::default();
            output.begin(Bytes::from_static(b"rest"), Kind::Data);
            output.push(Bytes::from_static(b"data"), Kind::Data);
            output.push(Bytes::from_static(b"old!"), Kind::Pong);
            output.push(Bytes::from_static(b"ping"), Kind::Ping(Payload::Empty));
            output.push(Bytes::from_static(b"pong"), Kind::Pong);
            output.push(Bytes::from_static(b"bye"), Kind::CloseBehind);
            assert_eq!(output.bytes(), 19);
            let (text, kinds) = drain(&mut output, step);
            assert_eq!(text, "restpongpingdatabye");
            let expected = [Kind::Data, Kind::Pong, Kind::Ping(Payload::Empty), Kind::Data, Kind::CloseBehind];
            assert_eq!(kinds, expected);
        }
    }

    #[test]
    fn small_frames_are_not_cheap() {
        let mut output = Output::default();
        for _ in 0..1_000 {
            output.push(Bytes::from_static(b"tiny"), Kind::Data);
        }
        assert_eq!((output.bytes(), output.cost_bytes()), (4_000, 68_000));
        drain(&mut output, 7);
        assert_eq!(output.cost_bytes(), 0);
    }

    #[test]
    fn a_close_can_take_the_place_of_what_waits() {
        let mut output = Output::default();
        output.begin(Bytes::from_static(b"rest"), Kind::Data);
        output.push(Bytes::from_static(b"data"), Kind::Data);
        output.push(Bytes::from_static(b"beat"), Kind::Heartbeat(Token(1)));
        output.push(Bytes::from_static(b"bye"), Kind::CloseInstead);
        assert_eq!(drain(&mut output, 3).0, "restbeatbye");
    }
}
