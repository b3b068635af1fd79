//! Fuzzes `keyway_properties::compatibility`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::compatibility(data));
