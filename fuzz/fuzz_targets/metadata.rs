//! What must hold: `keyway_tests::properties::metadata`.
#![no_main]

use keyway_tests::properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::metadata(data));
