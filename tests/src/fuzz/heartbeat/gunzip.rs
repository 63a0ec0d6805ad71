//! Our inflater beside another reader of the same formats.

use std::io::Read;

use flate2::Crc;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use wsbeat_core::codec::gzip::{GZIP_MAGIC, INFLATED_BYTES_MAX, InflateError, Inflater};
use wsbeat_core::dialect::Codec;

/// Appends a gzip member around `deflated`, with the right checksums where it inflates, and any where it does not.
pub(super) fn member(deflated: &[u8], frame: &mut Vec<u8>) {
    let mut inflater = Inflater::default();
    let mut crc = Crc::new();
    if let Ok(data) = inflater.deflate(deflated, INFLATED_BYTES_MAX) {
        crc.update(data);
    }
    frame.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    frame.extend_from_slice(deflated);
    frame.extend_from_slice(&crc.sum().to_le_bytes());
    frame.extend_from_slice(&crc.amount().to_le_bytes());
}

/// What `frame` inflates to, where it is compressed; both readers have to agree on it.
pub(super) fn checked<'a>(codec: Codec, frame: &[u8], inflater: &'a mut Inflater) -> Option<&'a [u8]> {
    match codec {
        Codec::Gzip if frame.starts_with(&GZIP_MAGIC) => gzip(frame, inflater),
        Codec::Deflate if !is_plain_json(frame) => deflate(frame, inflater),
        Codec::Gzip | Codec::Deflate | Codec::Identity => None,
    }
}

/// Raw deflate bears no mark; text in braces is not taken for it.
fn is_plain_json(frame: &[u8]) -> bool {
    matches!((frame.first(), frame.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))) && std::str::from_utf8(frame).is_ok()
}

fn deflate<'a>(frame: &[u8], inflater: &'a mut Inflater) -> Option<&'a [u8]> {
    let ours = inflater.deflate(frame, INFLATED_BYTES_MAX).ok()?;
    let mut data = vec![];
    let mut zlib = ZlibDecoder::new(frame);
    if (&mut zlib).take(INFLATED_BYTES_MAX as u64 + 1).read_to_end(&mut data).is_ok() && zlib.into_inner().is_empty() && data == ours {
        return Some(ours);
    }
    data.clear();
    let mut raw = DeflateDecoder::new(frame);
    let read = (&mut raw).take(INFLATED_BYTES_MAX as u64 + 1).read_to_end(&mut data);
    assert!(read.is_ok() && raw.into_inner().is_empty(), "they refuse what we take: {read:?}");
    assert_eq!(ours, data);
    Some(ours)
}

fn gzip<'a>(frame: &[u8], inflater: &'a mut Inflater) -> Option<&'a [u8]> {
    let ours = inflater.gzip(frame, INFLATED_BYTES_MAX);
    let mut data = vec![];
    let mut theirs = GzDecoder::new(frame);
    let read = (&mut theirs).take(INFLATED_BYTES_MAX as u64 + 1).read_to_end(&mut data);
    let is_whole = read.is_ok() && theirs.into_inner().is_empty();
    match ours {
        Ok(ours) => {
            assert!(is_whole, "they refuse what we take: {read:?}");
            assert_eq!(ours, data);
            Some(ours)
        }
        Err(InflateError::TooBig) => {
            assert!(data.len() > frame.len(), "too big, and yet {} bytes of {}", data.len(), frame.len());
            None
        }
        Err(InflateError::Malformed) => {
            assert!(!is_whole, "we refuse what they take");
            None
        }
    }
}
