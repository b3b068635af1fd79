//! What must hold: `keyway_tests::properties::configuration`.
#![no_main]

use keyway_tests::properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::configuration(data));
