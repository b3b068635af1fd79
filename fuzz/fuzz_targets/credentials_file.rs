//! Fuzzes `keyway_properties::credentials_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::credentials_file(data));
