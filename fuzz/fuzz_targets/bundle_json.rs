//! Fuzzes `keyway_properties::bundle_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::bundle_json(data));
