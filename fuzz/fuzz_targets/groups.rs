//! libFuzzer's way to [`fuzz::groups`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::groups(data));
