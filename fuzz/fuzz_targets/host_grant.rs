//! Fuzzes `keyway_properties::host_grant`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::host_grant(data));
