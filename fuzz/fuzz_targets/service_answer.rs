//! Fuzzes `keyway_properties::service_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::service_answer(data));
