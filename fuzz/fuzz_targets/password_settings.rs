//! Fuzzes `keyway_properties::password_settings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::password_settings(data));
