//! Fuzzes `keyway_properties::key_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::key_file(data));
