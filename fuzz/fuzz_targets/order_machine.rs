//! Fuzzes `keyway_properties::order_machine`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::order_machine(data));
