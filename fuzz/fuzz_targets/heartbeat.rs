#![no_main]
// The bounds on memory are checked by what is counted.
#[global_allocator]
static ALLOCATOR: wsbeat_tests::counting::Counting = wsbeat_tests::counting::Counting;
libfuzzer_sys::fuzz_target!(|data: &[u8]| wsbeat_tests::fuzz::heartbeat(data));
