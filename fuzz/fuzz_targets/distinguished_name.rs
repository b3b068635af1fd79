//! Fuzzes `keyway_properties::distinguished_name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::distinguished_name(data));
