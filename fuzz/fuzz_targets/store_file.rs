//! Fuzzes `keyway_properties::store_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::store_file(data));
