//! Fuzzes `keyway_properties::public_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::public_key(data));
