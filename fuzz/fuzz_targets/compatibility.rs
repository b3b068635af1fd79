//! What must hold: `keyway_tests::properties::compatibility`.
#![no_main]

use keyway_tests::properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::compatibility(data));
