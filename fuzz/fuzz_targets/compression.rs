//! libFuzzer's way to [`fuzz::compression`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::compression(data));
