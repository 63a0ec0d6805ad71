//! A bomb costs less than twice the limit, and the next heartbeat costs nothing.

use std::io::Write;

use wsbeat_core::codec::gzip::{INFLATED_BYTES_MAX, InflateError, Inflater, write_gzip};
use wsbeat_tests::counting::{Counting, count};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn zeros(mib: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..mib {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

/// As much noise as keeps the ratio of the whole below 100.
fn zeros_and_noise() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut state = 1u32;
    let noise: Vec<u8> = (0..200_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    encoder.write_all(&noise).unwrap();
    encoder.write_all(&vec![0; 2 << 20]).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn threat_01_a_bomb_never_takes_twice_the_limit() {
    for bomb in [zeros(8), zeros_and_noise()] {
        let (_, peak) = count(|| {
            let mut inflater = Inflater::default();
            assert_eq!(inflater.gzip(&bomb, INFLATED_BYTES_MAX).unwrap_err(), InflateError::TooBig);
            inflater
        });
        assert!(peak < 2 * INFLATED_BYTES_MAX, "{peak} bytes");
        assert!(peak > 0, "the allocator counts");
    }
}

#[test]
fn the_buffer_of_a_message_doubles_and_takes_all_at_once_past_half_the_limit() {
    const LIMIT: usize = 512 << 10;
    // The length of a message, how often the buffer of 4 KiB grew for it, and how large it is then.
    for (bytes, grew, room) in [
        (4 << 10, 0, 4 << 10),
        ((4 << 10) + 1, 1, 8 << 10),
        ((64 << 10) + 1, 5, 128 << 10),
        (128 << 10, 5, 128 << 10),
        ((128 << 10) + 1, 6, 256 << 10),
        ((256 << 10) + 1, 7, LIMIT + 1),
        (LIMIT, 7, LIMIT + 1),
    ] {
        let (mut empty, mut message) = (Vec::new(), Vec::new());
        write_gzip(b"", &mut empty);
        write_gzip(&vec![7; bytes], &mut message);
        let mut inflater = Inflater::default();
        inflater.gzip(&empty, LIMIT).unwrap();
        let (calls, peak) = count(|| inflater.gzip(&message, LIMIT).map(<[u8]>::len));
        let before = if grew == 7 { 256 << 10 } else { room / 2 };
        // Old and new at once, while one is copied into the other.
        let wanted = if grew == 0 { 0 } else { before + room - (4 << 10) };
        assert_eq!((calls, peak), (grew, wanted), "{bytes} bytes");
    }
}

#[test]
fn inflating_the_next_heartbeat_allocates_nothing() {
    let mut frame = Vec::new();
    write_gzip(br#"{"ping":1492420473027}"#, &mut frame);
    let mut inflater = Inflater::default();
    inflater.gzip(&frame, INFLATED_BYTES_MAX).unwrap();
    let (calls, _) = count(|| {
        for _ in 0..100 {
            inflater.gzip(&frame, INFLATED_BYTES_MAX).unwrap();
        }
    });
    assert_eq!(calls, 0);
}
