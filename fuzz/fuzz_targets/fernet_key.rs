//! Fuzzes `keyway_properties::fernet_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::fernet_key(data));
