//! One heartbeat in gzip: read, and written. Beside it what flate2's two back ends in Rust need to inflate the same bytes, anew
//! each time and reused: `zlib-rs`, which is ours, by flate2, and `miniz_oxide` by itself, as the back end is a feature of the
//! whole build.
#![allow(missing_docs, reason = "a measurement, not the core")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use flate2::{Decompress, FlushDecompress};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF};
use wsbeat_core::dialect::{Decoder, Dialect, Encoder, Message, Role};
use wsbeat_core::event::Token;

/// `{"ping":1492420473027}` as an HTX server sends it: level 6, fixed codes.
fn frame() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::new(6));
    std::io::Write::write_all(&mut encoder, br#"{"ping":1492420473027}"#).expect("to memory");
    encoder.finish().expect("to memory")
}

fn heartbeat(c: &mut Criterion) {
    let dialect = Dialect::preset("htx-spot-v1").expect("a preset");
    let (frame, mut decoder, mut encoder) = (frame(), Decoder::default(), Encoder::default());
    c.bench_function("heartbeat, read from gzip", |b| {
        b.iter(|| {
            matches!(
                black_box(dialect.decode(Role::Client, Message::Binary(&frame), 0, &mut decoder)),
                wsbeat_core::dialect::Heard::Heartbeat { .. }
            )
        });
    });
    let mut token = 1_492_420_473_027;
    c.bench_function("heartbeat, written as gzip", |b| {
        b.iter(|| {
            token += 1;
            black_box(dialect.heartbeat(Token(token), &mut encoder));
        });
    });
}

fn inflate(c: &mut Criterion) {
    let frame = frame();
    // Between the head of the member and its check sum and length (RFC 1952).
    let deflated = &frame[10..frame.len() - 8];
    let mut space = [0; 512];
    let mut zlib_rs = Decompress::new(false);
    c.bench_function("inflate, flate2 with zlib-rs, reused", |b| {
        b.iter(|| {
            zlib_rs.reset(false);
            black_box(zlib_rs.decompress(deflated, &mut space, FlushDecompress::Finish).expect("it is deflated"))
        });
    });
    c.bench_function("inflate, flate2 with zlib-rs, new", |b| {
        b.iter(|| black_box(Decompress::new(false).decompress(deflated, &mut space, FlushDecompress::Finish).expect("it is deflated")));
    });
    let mut miniz = Box::<DecompressorOxide>::default();
    c.bench_function("inflate, miniz_oxide, reused", |b| {
        b.iter(|| {
            miniz.init();
            black_box(decompress(&mut miniz, deflated, &mut space, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF))
        });
    });
    c.bench_function("inflate, miniz_oxide, new", |b| {
        b.iter(|| {
            let mut miniz = Box::<DecompressorOxide>::default();
            black_box(decompress(&mut miniz, deflated, &mut space, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF))
        });
    });
}

criterion_group!(benches, heartbeat, inflate);
criterion_main!(benches);
