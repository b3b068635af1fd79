//! Fuzzes `keyway_properties::session_machine`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::session_machine(data));
