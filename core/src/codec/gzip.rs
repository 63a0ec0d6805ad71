//! Bounded inflating of one whole message, and a deterministic gzip writer.
//!
//! A compressed message is exactly one gzip member (RFC 1952) or one deflate stream (RFC 1950, RFC 1951) with nothing
//! after it: header, checksum and length are all checked. Inflating stops at its limit.

use alloc::vec::Vec;
use core::fmt;

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The first two bytes of every gzip member.
pub const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The default limit on an inflated message: 1 MiB.
pub const INFLATED_BYTES_MAX: usize = 1 << 20;
/// A message may always inflate to this many bytes, whatever its ratio: 64 KiB.
pub const RATIO_FREE_BYTES: usize = 64 << 10;
/// Beyond [`RATIO_FREE_BYTES`] a message may inflate to this many times its own length.
pub const RATIO_MAX: usize = 100;

/// What a stored block may hold (RFC 1951 §3.2.4).
const STORED_BYTES_MAX: usize = u16::MAX as usize;
const FIRST_BYTES: usize = 4 << 10;
const HEADER_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;

const FLAG_HEADER_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
const FLAGS_RESERVED: u8 = 0xe0;

/// Why a message does not inflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InflateError {
    /// It is not one whole, intact stream with nothing after it.
    Malformed,
    /// It inflates past the limit.
    TooBig,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InflateError::Malformed => "not one whole compressed message",
            InflateError::TooBig => "inflates past its limit",
        })
    }
}

impl core::error::Error for InflateError {}

/// Inflates one message after the other; its buffers are made at the first and used again.
#[derive(Debug, Default)]
pub struct Inflater {
    state: Option<Decompress>,
    out: Vec<u8>,
}

impl Inflater {
    /// Inflates `frame`, one gzip member and nothing else, to at most `bytes_max` bytes.
    ///
    /// Past 64 KiB the limit is also 100 times the length of `frame`. Less than twice the limit is allocated at any time, the
    /// inflater's own 48 KiB included (limits from 128 KiB on).
    ///
    /// # Errors
    /// [`InflateError::Malformed`] where header, stream, checksum or length are wrong, or where anything follows;
    /// [`InflateError::TooBig`] as soon as the output passes the limit.
    pub fn gzip(&mut self, frame: &[u8], bytes_max: usize) -> Result<&[u8], InflateError> {
        let body = gzip_body(frame).ok_or(InflateError::Malformed)?;
        let taken = self.inflate(body, false, limit(frame.len(), bytes_max))?;
        let trailer = body.get(taken..).and_then(|t| <[u8; TRAILER_BYTES]>::try_from(t).ok());
        let [c0, c1, c2, c3, s0, s1, s2, s3] = trailer.ok_or(InflateError::Malformed)?;
        let intact =
            u32::from_le_bytes([c0, c1, c2, c3]) == crc32(&self.out) && u32::from_le_bytes([s0, s1, s2, s3]) == low_32(self.out.len());
        if intact { Ok(&self.out) } else { Err(InflateError::Malformed) }
    }

    /// Inflates `frame`, one zlib stream (RFC 1950) or, without its header, one raw deflate stream, and nothing else.
    ///
    /// # Errors
    /// As [`Inflater::gzip`]. A raw stream has no checksum: what is damaged in it may go unnoticed.
    pub fn deflate(&mut self, frame: &[u8], bytes_max: usize) -> Result<&[u8], InflateError> {
        let taken = self.inflate(frame, has_zlib_header(frame), limit(frame.len(), bytes_max))?;
        if taken == frame.len() { Ok(&self.out) } else { Err(InflateError::Malformed) }
    }

    /// Inflates the stream at the head of `body` into `out`; gives how many bytes it took.
    fn inflate(&mut self, body: &[u8], zlib: bool, limit: usize) -> Result<usize, InflateError> {
        let state = self.state.get_or_insert_with(|| Decompress::new(zlib));
        state.reset(zlib);
        self.out.clear();
        self.out.reserve_exact(FIRST_BYTES.min(limit.saturating_add(1)));
        loop {
            let taken = usize::try_from(state.total_in()).map_err(|_| InflateError::TooBig)?;
            let rest = body.get(taken..).unwrap_or_default();
            let status = state.decompress_vec(rest, &mut self.out, FlushDecompress::None);
            if self.out.len() > limit {
                return Err(InflateError::TooBig);
            }
            match status {
                Err(_) => return Err(InflateError::Malformed),
                Ok(Status::StreamEnd) => return usize::try_from(state.total_in()).map_err(|_| InflateError::TooBig),
                // Room was left, so it was the input that ended.
                Ok(_) if self.out.len() < self.out.capacity() => return Err(InflateError::Malformed),
                Ok(_) => grow(&mut self.out, limit),
            }
        }
    }
}

/// Doubles the buffer while it is below half the limit; then it takes all, and one byte more that tells a passed limit.
/// So old and new together stay below twice the limit while one is copied into the other.
fn grow(out: &mut Vec<u8>, limit: usize) {
    let doubled = out.capacity().saturating_mul(2);
    let wanted = if doubled > limit / 2 { limit.saturating_add(1) } else { doubled };
    out.reserve_exact(wanted.saturating_sub(out.len()).max(1));
}

fn limit(frame_len: usize, bytes_max: usize) -> usize {
    bytes_max.min(frame_len.saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES))
}

/// What follows the header of a gzip member (RFC 1952 §2.3).
fn gzip_body(frame: &[u8]) -> Option<&[u8]> {
    let (header, mut rest) = frame.split_at_checked(HEADER_BYTES)?;
    let flags = header[3];
    if header[..2] != GZIP_MAGIC || header[2] != 8 || flags & FLAGS_RESERVED != 0 {
        return None;
    }
    if flags & FLAG_EXTRA != 0 {
        let (len, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [FLAG_NAME, FLAG_COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|b| *b == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        let covered = frame.get(..frame.len() - rest.len())?;
        let (sum, after) = rest.split_first_chunk::<2>()?;
        if crc32(covered) & 0xffff != u32::from(u16::from_le_bytes(*sum)) {
            return None;
        }
        rest = after;
    }
    Some(rest)
}

/// Whether the first two bytes are a zlib header without a preset dictionary (RFC 1950 §2.2).
fn has_zlib_header(frame: &[u8]) -> bool {
    let Some([cmf, flg]) = frame.first_chunk::<2>() else {
        return false;
    };
    cmf & 0x0f == 8 && cmf >> 4 <= 7 && flg & 0x20 == 0 && u16::from_be_bytes([*cmf, *flg]) % 31 == 0
}

/// Appends `data` to `out` as one gzip member of stored blocks.
///
/// Heartbeats are too short for deflate to gain anything: the 22 bytes of `{"ping":1492420473027}` make 45 stored and 42
/// at level 6, which costs 5 to 10 µs and a quarter of a mebibyte of state. The bytes depend on `data` alone: the header
/// carries no time (0) and no system (255).
pub fn write_gzip(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    write_stored(data, out);
    out.extend_from_slice(&crc32(data).to_le_bytes());
    out.extend_from_slice(&low_32(data.len()).to_le_bytes());
}

/// The size field of RFC 1952: the length modulo 2^32.
const fn low_32(len: usize) -> u32 {
    (len as u64 & 0xffff_ffff) as u32
}

/// The checksum of RFC 1952 §8. The library's is made for long data: on the 22 bytes of a heartbeat it takes 170 ns, a table 20.
fn crc32(data: &[u8]) -> u32 {
    if data.len() > CRC_BYTES_SHORT {
        let mut crc = Crc::new();
        crc.update(data);
        return crc.sum();
    }
    let step = |crc: u32, byte: &u8| crc >> 8 ^ CRC_TABLE[usize::from(crc as u8 ^ byte)];
    !data.iter().fold(!0, step)
}

const CRC_BYTES_SHORT: usize = 128;
const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < table.len() {
        let (mut c, mut bit) = (n as u32, 0);
        while bit < 8 {
            c = if c & 1 == 1 { 0xedb8_8320 ^ c >> 1 } else { c >> 1 };
            bit += 1;
        }
        table[n] = c;
        n += 1;
    }
    table
}

/// Appends `data` to `out` as one zlib stream of stored blocks.
pub fn write_zlib(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x78, 0x01]);
    write_stored(data, out);
    out.extend_from_slice(&adler32(data).to_be_bytes());
}

fn write_stored(data: &[u8], out: &mut Vec<u8>) {
    let mut rest = data;
    loop {
        let (block, after) = rest.split_at(rest.len().min(STORED_BYTES_MAX));
        let len = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(after.is_empty()));
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
        if after.is_empty() {
            return;
        }
        rest = after;
    }
}

/// The checksum of RFC 1950 §8.2.
fn adler32(data: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % BASE;
        (a, (b + a) % BASE)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_gives_the_sums_of_the_library() {
        let table = crc_table();
        for byte in 0..=u8::MAX {
            let mut crc = Crc::new();
            crc.update(&[byte]);
            assert_eq!(!(0x00ff_ffff ^ table[usize::from(!byte)]), crc.sum(), "{byte}");
        }
    }
}
