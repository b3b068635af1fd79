//! Fuzzes `keyway_properties::issued_certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::issued_certificate(data));
