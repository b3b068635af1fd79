//! Fuzzes `keyway_properties::wire_description`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::wire_description(data));
