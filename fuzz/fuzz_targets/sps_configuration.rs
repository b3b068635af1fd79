//! Fuzzes `keyway_properties::sps_configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::sps_configuration(data));
