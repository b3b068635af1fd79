//! Fuzzes `keyway_properties::wire_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::wire_answer(data));
