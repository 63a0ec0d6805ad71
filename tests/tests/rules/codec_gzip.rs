//! A compressed message is one whole, intact stream with nothing after it, or it is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use wsbeat_core::codec::gzip::{INFLATED_BYTES_MAX, InflateError, Inflater, write_gzip, write_zlib};

const HEARTBEAT: &[u8] = br#"{"ping":1492420473027}"#;

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_gzip(data, &mut out);
    out
}

fn both(data: &[u8]) -> [Vec<u8>; 2] {
    [deflated(data), stored(data)]
}

fn gzip(frame: &[u8]) -> Result<Vec<u8>, InflateError> {
    Inflater::default().gzip(frame, INFLATED_BYTES_MAX).map(<[u8]>::to_vec)
}

/// The heartbeat as the article's server sends it: Python's `gzip.compress`.
#[rustfmt::skip]
const FROM_PYTHON: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x79, 0x87, 0xf4, 0x58, 0x02, 0xff, 0xab, 0x56, 0x2a, 0xc8, 0xcc, 0x4b,
    0x57, 0xb2, 0x32, 0x34, 0xb1, 0x34, 0x32, 0x31, 0x32, 0x30, 0x31, 0x37, 0x36, 0x30, 0x32, 0xaf,
    0x05, 0x00, 0x6c, 0x9f, 0xbb, 0x7a, 0x16, 0x00, 0x00, 0x00,
];

#[test]
fn what_any_encoder_writes_is_read() {
    for frame in both(HEARTBEAT) {
        assert_eq!(gzip(&frame).unwrap(), HEARTBEAT);
    }
    assert_eq!(gzip(&stored(b"")).unwrap(), b"");
    assert_eq!(gzip(FROM_PYTHON).unwrap(), HEARTBEAT);
}

#[test]
fn what_we_write_any_inflater_reads() {
    for len in [0, 1, 22, 127, 128, 129, 65_535, 65_536, 200_000] {
        let data: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
        let mut read = Vec::new();
        GzDecoder::new(&stored(&data)[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, data);
        let (mut packed, mut read) = (Vec::new(), Vec::new());
        write_zlib(&data, &mut packed);
        flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, data);
    }
}

#[test]
fn our_bytes_are_the_same_every_time_and_name_no_time_and_no_system() {
    assert_eq!(stored(HEARTBEAT), stored(HEARTBEAT));
    assert_eq!(stored(HEARTBEAT)[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    assert_eq!(stored(HEARTBEAT).len(), 45);
    assert_eq!(deflated(HEARTBEAT).len(), 42, "what deflate would save");
}

#[test]
fn threat_02_every_truncation_is_malformed() {
    for frame in both(HEARTBEAT) {
        for len in 0..frame.len() {
            assert_eq!(gzip(&frame[..len]), Err(InflateError::Malformed), "cut at {len}");
        }
    }
}

#[test]
fn threat_02_every_flipped_bit_is_an_error_or_changes_nothing() {
    for frame in both(HEARTBEAT) {
        let mut errors = 0;
        for bit in 0..frame.len() * 8 {
            let mut bad = frame.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            match gzip(&bad) {
                Ok(data) => assert_eq!(data, HEARTBEAT, "bit {bit}"),
                Err(_) => errors += 1,
            }
        }
        // Time, extra flags, system and the text flag say nothing about the data: 49 bits.
        assert!(errors >= frame.len() * 8 - 60, "{errors} of {}", frame.len() * 8);
    }
}

#[test]
fn threat_02_nothing_may_follow_the_member() {
    for frame in both(HEARTBEAT) {
        let twice = [frame.clone(), frame.clone()].concat();
        assert_eq!(gzip(&twice), Err(InflateError::Malformed), "second member");
        for tail in [&b"\0"[..], b"x", b"\x1f\x8b", &[0; 512]] {
            let tailed = [&frame[..], tail].concat();
            assert_eq!(gzip(&tailed), Err(InflateError::Malformed), "tail {tail:?}");
        }
    }
}

#[test]
fn every_field_of_the_header_is_read_and_checked() {
    let plain = stored(HEARTBEAT);
    let body = &plain[10..];
    let with = |flags: u8, fields: &[u8]| [&[0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 2, 3], fields, body].concat();
    assert_eq!(gzip(&with(0x01, b"")).unwrap(), HEARTBEAT, "text");
    assert_eq!(gzip(&with(0x04, b"\x03\0abc")).unwrap(), HEARTBEAT, "extra");
    assert_eq!(gzip(&with(0x08, b"name\0")).unwrap(), HEARTBEAT, "name");
    assert_eq!(gzip(&with(0x18, b"name\0comment\0")).unwrap(), HEARTBEAT, "comment");
    let head = [0x1f, 0x8b, 8, 0x02, 1, 2, 3, 4, 2, 3];
    let mut crc = flate2::Crc::new();
    crc.update(&head);
    let sum = (crc.sum() as u16).to_le_bytes();
    assert_eq!(gzip(&with(0x02, &sum)).unwrap(), HEARTBEAT, "header checksum");
    assert_eq!(gzip(&with(0x02, &[sum[0] ^ 1, sum[1]])), Err(InflateError::Malformed), "wrong header checksum");
    for reserved in [0x20, 0x40, 0x80] {
        assert_eq!(gzip(&with(reserved, b"")), Err(InflateError::Malformed), "reserved flag");
    }
    let mut method = plain.clone();
    method[2] = 9;
    assert_eq!(gzip(&method), Err(InflateError::Malformed), "method");
}

#[test]
fn the_limit_is_met_exactly() {
    let data = vec![b'a'; 100_000];
    for frame in both(&data) {
        let mut inflater = Inflater::default();
        // Stored bytes have a ratio of 1; deflated ones run into the limit of the ratio first, at 64 KiB.
        let fits = frame.len() > 1_000;
        assert_eq!(inflater.gzip(&frame, 100_000).is_ok(), fits);
        assert_eq!(inflater.gzip(&frame, 99_999).unwrap_err(), InflateError::TooBig);
        assert_eq!(inflater.gzip(&deflated(HEARTBEAT), 22).unwrap(), HEARTBEAT, "the next message is read");
        assert_eq!(inflater.gzip(&deflated(HEARTBEAT), 21).unwrap_err(), InflateError::TooBig);
    }
}

#[test]
fn past_64_kib_the_ratio_is_limited_too() {
    let mut inflater = Inflater::default();
    let free = vec![0; 64 << 10];
    assert_eq!(inflater.gzip(&deflated(&free), INFLATED_BYTES_MAX).unwrap(), free);
    let over = vec![0; (64 << 10) + 1];
    assert_eq!(inflater.gzip(&deflated(&over), INFLATED_BYTES_MAX).unwrap_err(), InflateError::TooBig);
}

#[test]
fn deflate_is_read_with_and_without_its_zlib_header() {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(6));
    zlib.write_all(HEARTBEAT).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::new(6));
    raw.write_all(HEARTBEAT).unwrap();
    let mut inflater = Inflater::default();
    for frame in [zlib.finish().unwrap(), raw.finish().unwrap()] {
        assert_eq!(inflater.deflate(&frame, 1_000).unwrap(), HEARTBEAT);
        for len in 0..frame.len() {
            assert_eq!(inflater.deflate(&frame[..len], 1_000).unwrap_err(), InflateError::Malformed, "cut at {len}");
        }
        let tailed = [&frame[..], b"x"].concat();
        assert_eq!(inflater.deflate(&tailed, 1_000).unwrap_err(), InflateError::Malformed);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), marked in any::<bool>()) {
        let mut frame = if marked { vec![0x1f, 0x8b, 8, 0] } else { Vec::new() };
        frame.extend(bytes);
        let mut inflater = Inflater::default();
        let _ = inflater.gzip(&frame, 1 << 16);
        let _ = inflater.deflate(&frame, 1 << 16);
        prop_assert_eq!(inflater.gzip(&stored(HEARTBEAT), 1 << 16).unwrap(), HEARTBEAT);
    }
}

#[test]
fn what_does_not_inflate_says_why() {
    assert_eq!(InflateError::Malformed.to_string(), "not one whole compressed message");
    assert_eq!(InflateError::TooBig.to_string(), "inflates past its limit");
}

#[test]
fn a_raw_stream_that_begins_somewhat_as_zlib_does_is_raw() {
    let stored = |data: &[u8]| [&[1, data.len() as u8, 0, !data.len() as u8, 255][..], data].concat();
    // 0x0117 divides by 31, but 1 is no method of zlib; 8 is one, but 0x0800 does not divide.
    let divides = stored(&[b'x'; 0x17]);
    let method = [&[8, 0, 0, 255, 255][..], &stored(b"abc")].concat();
    let mut inflater = Inflater::default();
    assert_eq!(inflater.deflate(&divides, 100), Ok(&[b'x'; 0x17][..]));
    assert_eq!(inflater.deflate(&method, 100), Ok(&b"abc"[..]));
}
