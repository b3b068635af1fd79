//! Fuzzes `keyway_properties::dotenv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyway_properties::dotenv(data));
