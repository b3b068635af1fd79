//! Fuzzes `keyway_properties::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::configuration(data));
