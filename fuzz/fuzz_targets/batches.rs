//! libFuzzer's way to [`fuzz::batches`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::batches(data));
