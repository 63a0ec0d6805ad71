#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| wsbeat_tests::fuzz::trace(data));
