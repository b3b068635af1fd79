//! Fuzzes `keyway_properties::metadata`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::metadata(data));
