//! Fuzzes `keyway_properties::wire_base64`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::wire_base64(data));
