//! Fuzzes `keyway_properties::fernet_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::fernet_token(data));
