//! Fuzzes `keyway_properties::authorized_keys`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::authorized_keys(data));
