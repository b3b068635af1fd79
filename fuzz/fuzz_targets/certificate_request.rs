//! Fuzzes `keyway_properties::certificate_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::certificate_request(data));
