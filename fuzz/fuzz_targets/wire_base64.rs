//! What must hold: `keyway_tests::properties::wire_base64`.
#![no_main]

use keyway_tests::properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::wire_base64(data));
