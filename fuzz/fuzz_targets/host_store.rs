//! Fuzzes `keyway_properties::host_store`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::host_store(data));
