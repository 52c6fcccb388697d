//! libFuzzer's way to [`fuzz::log_files`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::log_files(data));
