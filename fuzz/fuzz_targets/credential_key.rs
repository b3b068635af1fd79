//! Fuzzes `keyway_properties::credential_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::credential_key(data));
