//! Fuzzes `keyway_properties::authority_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::authority_key(data));
