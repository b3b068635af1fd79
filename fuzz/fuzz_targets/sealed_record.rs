//! Fuzzes `keyway_properties::sealed_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::sealed_record(data));
