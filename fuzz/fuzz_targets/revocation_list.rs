//! Fuzzes `keyway_properties::revocation_list`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::revocation_list(data));
