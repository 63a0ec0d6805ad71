//! Where our pongs can be held up: a test aid.
//!
//! tungstenite answers control pings itself and has no switch for it, so its pongs are picked out of what it writes.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::Bytes;
use wsbeat_core::rng::Rng;
use wsbeat_core::time::Instant;

use super::faults::{AnswerFaults, Fate};
use crate::clock::Clock;

/// A byte stream that drops or delays the pongs written to it.
#[derive(Debug)]
pub(crate) struct PongGate<T> {
    inner: T,
    handle: Option<GateHandle>,
    frame: Frame,
    out: Vec<u8>,
}

/// Tells what became of each pong; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct GateHandle(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    watching: bool,
    faults: AnswerFaults,
    rng: Rng,
    clock: Clock,
    delayed: VecDeque<(Instant, Pong)>,
    fates: VecDeque<(Bytes, Fate)>,
}

#[derive(Debug)]
struct Pong {
    frame: Vec<u8>,
    payload: Bytes,
}

/// Where in a frame (RFC 6455 §5.2) the bytes written so far end.
#[derive(Debug)]
enum Frame {
    Header(Vec<u8>),
    Pong { frame: Vec<u8>, header_len: usize, left: usize },
    Pass { left: u64 },
}

const OPCODE_CLOSE: u8 = 0x8;
const OPCODE_PONG: u8 = 0xA;

impl GateHandle {
    pub(crate) fn new(faults: AnswerFaults, seed: u64, clock: Clock) -> Self {
        GateHandle(Arc::new(Mutex::new(Shared {
            watching: false,
            faults,
            rng: Rng::new(seed),
            clock,
            delayed: VecDeque::new(),
            fates: VecDeque::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The upgrade is over: from here on frames are written.
    pub(crate) fn watch(&self) {
        self.lock().watching = true;
    }

    /// When the next delayed pong is due: flush then.
    pub(crate) fn due(&self) -> Instant {
        self.lock().delayed.front().map_or(Instant::NEVER, |(at, _)| *at)
    }

    /// What became of the pongs since the last call, by payload; [`Fate::SendAt`] is one that was delayed too often.
    pub(crate) fn take_fates(&self) -> VecDeque<(Bytes, Fate)> {
        std::mem::take(&mut self.lock().fates)
    }
}

impl Shared {
    /// Decides about a pong; gives back what is to be written now.
    fn judge(&mut self, pong: Pong) -> Vec<u8> {
        let now = self.clock.now().at;
        let fate = self.faults.fate(now, &mut self.rng);
        match fate {
            Fate::Send => {
                self.fates.push_back((pong.payload, fate));
                pong.frame
            }
            Fate::SendAt(at) if self.delayed.len() < AnswerFaults::DELAYED_MAX => {
                self.delayed.push_back((at, pong));
                Vec::new()
            }
            Fate::SendAt(_) | Fate::Drop => {
                self.fates.push_back((pong.payload, fate));
                Vec::new()
            }
        }
    }

    /// The delayed pongs that are due, as bytes.
    fn due(&mut self) -> Vec<u8> {
        let now = self.clock.now().at;
        let mut out = Vec::new();
        while self.delayed.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, pong)) = self.delayed.pop_front() {
                out.extend_from_slice(&pong.frame);
                self.fates.push_back((pong.payload, Fate::Send));
            }
        }
        out
    }
}

impl<T> PongGate<T> {
    /// `None` lets everything pass.
    pub(crate) fn new(inner: T, handle: Option<GateHandle>) -> Self {
        PongGate { inner, handle, frame: Frame::Header(Vec::new()), out: Vec::new() }
    }

    /// Takes bytes of the frame at hand from `buf`, as far as they need not be written as they are. How many.
    fn take(&mut self, buf: &[u8], shared: &mut Shared) -> usize {
        match &mut self.frame {
            Frame::Pass { .. } => 0,
            Frame::Header(header) => {
                let Some(byte) = buf.first() else { return 0 };
                header.push(*byte);
                if let Some(payload_len) = payload_len(header) {
                    let header = std::mem::take(header);
                    self.begin(header, payload_len, shared);
                }
                1
            }
            Frame::Pong { frame, header_len, left } => {
                let n = buf.len().min(*left);
                frame.extend_from_slice(&buf[..n]);
                *left -= n;
                if *left == 0 {
                    let pong = Pong::read(std::mem::take(frame), *header_len);
                    self.frame = Frame::Header(Vec::new());
                    self.out.extend(shared.judge(pong));
                }
                n
            }
        }
    }

    /// The header of a frame is complete.
    fn begin(&mut self, header: Vec<u8>, payload_len: u64, shared: &mut Shared) {
        let opcode = header[0] & 0x0F;
        if opcode == OPCODE_CLOSE {
            shared.delayed.clear();
        }
        if opcode != OPCODE_PONG {
            self.out.extend_from_slice(&header);
            self.frame = Frame::Pass { left: payload_len };
            return self.end_if_empty();
        }
        let header_len = header.len();
        self.frame = Frame::Pong { frame: header, header_len, left: usize::try_from(payload_len).unwrap_or(usize::MAX) };
        if payload_len == 0 {
            self.take(&[], shared);
        }
    }

    fn end_if_empty(&mut self) {
        if matches!(self.frame, Frame::Pass { left: 0 }) {
            self.frame = Frame::Header(Vec::new());
        }
    }
}

impl Pong {
    fn read(frame: Vec<u8>, header_len: usize) -> Self {
        let (header, payload) = frame.split_at(header_len);
        let is_masked = header[1] & 0x80 != 0;
        let payload: Vec<u8> = match header.last_chunk::<4>() {
            Some(mask) if is_masked => payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect(),
            _ => payload.to_vec(),
        };
        Pong { payload: payload.into(), frame }
    }
}

/// The length of the payload, once all of the header is there (RFC 6455 §5.2).
fn payload_len(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let extended = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    if header.len() < 2 + extended + mask {
        return None;
    }
    let long = header[2..2 + extended].iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    Some(if extended == 0 { u64::from(second & 0x7F) } else { long })
}

impl<T: AsyncWrite + Unpin> PongGate<T> {
    /// Writes what was taken and may go.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let n = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..n);
        }
        Poll::Ready(Ok(()))
    }

    /// Between two frames: delayed pongs that are due go now.
    fn release(&mut self, shared: &mut Shared) {
        if matches!(&self.frame, Frame::Header(header) if header.is_empty()) {
            self.out.extend(shared.due());
        }
    }

    fn poll_gated(&mut self, cx: &mut Context<'_>, buf: &[u8], shared: &mut Shared) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        while taken < buf.len() {
            self.release(shared);
            match self.poll_out(cx)? {
                Poll::Pending if taken > 0 => return Poll::Ready(Ok(taken)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => {}
            }
            let n = self.take(&buf[taken..], shared);
            if n > 0 {
                taken += n;
                continue;
            }
            match self.poll_pass(cx, &buf[taken..])? {
                Poll::Ready(n) => taken += n,
                Poll::Pending if taken > 0 => return Poll::Ready(Ok(taken)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(taken))
    }

    /// Writes payload that passes.
    fn poll_pass(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Frame::Pass { left } = &mut self.frame else {
            return Poll::Ready(Ok(0));
        };
        let len = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
        let n = ready!(Pin::new(&mut self.inner).poll_write(cx, &buf[..len]))?;
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *left -= n as u64;
        self.end_if_empty();
        Poll::Ready(Ok(n))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for PongGate<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for PongGate<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(handle) = self.handle.clone() else {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        };
        let mut shared = handle.lock();
        if !shared.watching {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        }
        self.poll_gated(cx, buf, &mut shared)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(handle) = self.handle.clone() {
            let mut shared = handle.lock();
            self.release(&mut shared);
            ready!(self.poll_out(cx))?;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::faults::Voice;
    use super::*;

    const PING: &[u8] = &[0x89, 0x81, 1, 2, 3, 4, 0x60];
    const LONG: &[u8] = &[0x82, 0xFE, 0x01, 0x00, 9, 9, 9, 9];

    fn masked_pong(payload: &[u8]) -> Vec<u8> {
        let mask = [7, 11, 13, 17];
        let mut frame = vec![0x8A, 0x80 | u8::try_from(payload.len()).unwrap(), 7, 11, 13, 17];
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        frame
    }

    fn stream() -> (Vec<u8>, Vec<u8>) {
        let mut long = LONG.to_vec();
        long.extend([0x55; 256]);
        let with = [PING, &masked_pong(b"one"), &long, &masked_pong(b""), &masked_pong(&[9; 125]), PING].concat();
        (with, [PING, &long, PING].concat())
    }

    async fn through(faults: AnswerFaults, chunk: usize) -> (Vec<u8>, VecDeque<(Bytes, Fate)>) {
        let (far, near) = tokio::io::duplex(1 << 16);
        let handle = GateHandle::new(faults, 1, Clock::new());
        handle.watch();
        let mut gate = PongGate::new(near, Some(handle.clone()));
        for part in stream().0.chunks(chunk) {
            gate.write_all(part).await.unwrap();
        }
        gate.flush().await.unwrap();
        drop(gate);
        let mut got = Vec::new();
        let mut far = far;
        far.read_to_end(&mut got).await.unwrap();
        (got, handle.take_fates())
    }

    #[tokio::test]
    async fn pongs_and_nothing_else_are_dropped_however_the_bytes_are_cut() {
        let mute = AnswerFaults { voice: Voice::Mute, ..AnswerFaults::default() };
        for chunk in [1, 2, 3, 7, 64, 1_000] {
            let (got, fates) = through(mute, chunk).await;
            assert_eq!(got, stream().1, "cut every {chunk} bytes");
            let dropped: Vec<_> = fates.iter().map(|(payload, _)| payload.len()).collect();
            assert_eq!(dropped, [3, 0, 125]);
            assert_eq!(&fates[0].0[..], b"one");
        }
    }

    #[tokio::test]
    async fn with_no_faults_every_byte_passes() {
        for chunk in [1, 5, 1_000] {
            assert_eq!(through(AnswerFaults::default(), chunk).await.0, stream().0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_pong_leaves_with_the_first_flush_after_its_time() {
        let (mut far, near) = tokio::io::duplex(1 << 10);
        let faults = AnswerFaults { delay: Duration::from_secs(3), ..AnswerFaults::default() };
        let handle = GateHandle::new(faults, 1, Clock::new());
        handle.watch();
        let mut gate = PongGate::new(near, Some(handle.clone()));
        gate.write_all(&masked_pong(b"late")).await.unwrap();
        gate.write_all(PING).await.unwrap();
        gate.flush().await.unwrap();
        let mut got = vec![0; PING.len()];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(got, PING, "the pong does not hold up what follows");
        assert_eq!(handle.due(), Instant::from_secs(3));
        tokio::time::advance(Duration::from_secs(3)).await;
        gate.flush().await.unwrap();
        let mut got = vec![0; 10];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(got, masked_pong(b"late"));
    }
}
