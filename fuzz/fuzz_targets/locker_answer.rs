//! Fuzzes `keyway_properties::locker_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::locker_answer(data));
